"""Repositories of other people's kind: a name, path → text, and what is found.

Right ones: no error; the warnings are named. Wrong ones: the rule that finds it. Each was decided
by what `docker run IMAGE train` would do.
"""

TRAIN = {"train.py": "print(1)\n"}
R = {"train.R": "print(1)\n"}
EXECS = '#!/bin/bash\nset -e\nexec "$@"\n'
WAITS = '#!/bin/bash\npython train.py "$@"\n'
REQUIREMENTS = {"requirements.txt": "numpy\nlightgbm\n", "train.py": "import lightgbm\n"}
PROJECT = {
    "pyproject.toml": '[project]\nname = "fraud"\n[project.scripts]\nfraud-train = "fraud.cli:main"\n[build-system]\nrequires = ["hatchling"]\n',
    "src/fraud/__init__.py": "",
    "src/fraud/cli.py": "def main(): ...\n",
    "uv.lock": "",
}
JAR = {"pom.xml": "<project/>", "src/main/java/App.java": "class App {}\n"}


def image(base, *lines, **more):
    """The Dockerfile of a base and lines, with files beside it."""
    files = more.pop("files", TRAIN)
    return {"Dockerfile": "\n".join([f"FROM {base}", *lines]) + "\n", **files}


def app(base, *lines, files=TRAIN):
    """The same, with the repository copied to /app."""
    return image(base, "WORKDIR /app", "COPY . .", *lines, files=files)


def script(text, entry='["./run.sh"]', base="python:3.12-slim", files=TRAIN, *lines):
    """A wrapper script as ENTRYPOINT."""
    return app(
        base, "RUN chmod +x run.sh", *lines, f"ENTRYPOINT {entry}", files={**files, "run.sh": text}
    )


PY = "python:3.12-slim"
ENTRY = 'ENTRYPOINT ["python", "train.py"]'
CONDA_ENV = {
    **TRAIN,
    "environment.yml": "name: fraud\ndependencies:\n  - python=3.11\n  - lightgbm\n",
}
CREATE = "RUN conda env create -f environment.yml"

# fmt: off
RIGHT = [
    # Wrappers that exec.
    ("exec in case branches", script('#!/bin/bash\nset -e\ncase "$1" in\n  train) shift; exec python train.py "$@" ;;\n  serve) exec gunicorn app:app ;;\n  *) exec "$@" ;;\nesac\n'), []),
    ("exec in if branches", script('#!/bin/sh\nif [ "$1" = "serve" ]; then\n  exec python serve.py\nelse\n  exec python train.py\nfi\n'), []),
    ("exec without arguments", script("#!/bin/bash\nexport OMP_NUM_THREADS=4\nexec python train.py\n"), []),
    ("exec in a function", script('#!/usr/bin/env bash\nset -euo pipefail\nrun_training() {\n  cd /app\n  exec python -u train.py "$@"\n}\nrun_training "$@"\n'), []),
    ("a default by set --", script('#!/bin/sh\nset -e\nif [ "${1#-}" != "$1" ] || [ "$1" = "train" ]; then\n  set -- python train.py "$@"\nfi\nexec "$@"\n'), []),
    ("trap, background and wait", script('#!/bin/bash\nterm() { kill -TERM "$child" 2>/dev/null; }\ntrap term SIGTERM SIGINT\npython train.py "$@" &\nchild=$!\nwait "$child"\n'), []),
    ("a guard before", script('#!/bin/bash\nif [ ! -f train.py ]; then echo "no program" >&2; exit 1; fi\n[ -n "$DEBUG" ] && set -x\nexec python train.py "$@"\n'), []),
    ("a log by redirection", script('#!/bin/bash\nexec > >(tee -a /tmp/log) 2>&1\necho start\nexec python train.py "$@"\n'), []),
    ("a jar that is not built yet", image("eclipse-temurin:21-jre", "COPY app/build/libs/all.jar /opt/app.jar", 'ENTRYPOINT ["java", "-Dapp.port=${app.port}", "-jar", "/opt/app.jar"]', files=JAR), []),
    ("code below data/", image(PY, "WORKDIR /app", "COPY data/loader.py data/", "COPY train.py .", ENTRY), []),
    ("a bare exec with a program behind", script(EXECS, '["./run.sh", "python", "train.py"]'), []),
    ("a loop over arguments", script('#!/bin/bash\nARGS=()\nwhile [[ $# -gt 0 ]]; do\n  case "$1" in\n    train) shift ;;\n    *) ARGS+=("$1"); shift ;;\n  esac\ndone\nexec python train.py "${ARGS[@]}"\n'), []),
    ("the environment activated in the script", script('#!/bin/bash\nsource /opt/conda/etc/profile.d/conda.sh\nconda activate fraud\nexec python train.py "$@"\n', base="continuumio/miniconda3:24.1.2-0", files=CONDA_ENV), []),
    ("bash -c that execs", app(PY, 'ENTRYPOINT ["bash", "-c", "source env.sh && exec python train.py"]'), []),
    ("a login shell that execs", app("continuumio/miniconda3:24.1.2-0", 'ENTRYPOINT ["/bin/bash", "-lc", "conda activate fraud && exec python train.py \\"$@\\"", "--"]'), []),
    ("a script written by a heredoc", app(PY, "COPY --chmod=755 <<'EOF' /usr/local/bin/start", "#!/bin/sh", 'exec python /app/train.py "$@"', "EOF", 'ENTRYPOINT ["/usr/local/bin/start"]'), []),
    ("a script written by RUN", app(PY, "RUN printf '#!/bin/sh\\nexec python /app/train.py \"$@\"\\n' > /start.sh && chmod +x /start.sh", 'ENTRYPOINT ["/start.sh"]'), []),
    # Scripts of bases.
    ("micromamba's script", image("mambaorg/micromamba:1.5.8", "COPY --chown=$MAMBA_USER:$MAMBA_USER environment.yml /tmp/", "RUN micromamba install -y -n base -f /tmp/environment.yml && micromamba clean -ay", "USER root", "COPY train.py /opt/ml/code/", "WORKDIR /opt/ml/code", 'ENTRYPOINT ["/usr/local/bin/_entrypoint.sh", "python", "train.py"]', files=CONDA_ENV), []),
    ("NGC's script", app("nvcr.io/nvidia/pytorch:24.05-py3", 'ENTRYPOINT ["/opt/nvidia/nvidia_entrypoint.sh", "python", "train.py"]'), []),
    ("temurin's script", image("eclipse-temurin:21-jre", "WORKDIR /opt/ml/code", "COPY target/app.jar .", 'ENTRYPOINT ["/__cacert_entrypoint.sh", "java", "-jar", "app.jar"]', files={"target/app.jar": None}), []),
    # What BuildKit learned later.
    ("COPY --parents", image("python:3.12-slim", "WORKDIR /app", "COPY --parents ./src/**/*.py ./", 'ENTRYPOINT ["python", "src/a/b/train.py"]', files={"src/a/b/train.py": ""}), []),
    ("COPY --parents behind a pivot", image(PY, "WORKDIR /app", "COPY --parents src/./a/*.py ./", 'ENTRYPOINT ["python", "a/train.py"]', files={"src/a/train.py": ""}), []),
    ("COPY --parents of a stage", {"Dockerfile": f"FROM {PY} AS src\nCOPY . /src\nFROM {PY}\nWORKDIR /app\nCOPY --parents --from=src /src/a ./\nENTRYPOINT [\"python\", \"src/a/train.py\"]\n", "a/train.py": ""}, []),
    ("scala-cli", image("virtuslab/scala-cli:1.4.0", "COPY train.scala /app/", 'ENTRYPOINT ["scala-cli", "run", "/app/train.scala", "--"]', files={"train.scala": ""}), []),
    ("uvx", image("ghcr.io/astral-sh/uv:python3.12-bookworm", 'ENTRYPOINT ["uvx", "--from", "trainer", "fit"]'), []),
    ("a shell's -c behind another option", app(PY, 'ENTRYPOINT ["bash", "-e", "-c", "exec python train.py"]'), []),
    # Launchers that exec or pass.
    ("env, nice, stdbuf", app(PY, 'ENTRYPOINT ["env", "OMP_NUM_THREADS=2", "nice", "-n", "5", "stdbuf", "-oL", "python", "train.py"]'), []),
    ("env -S", app(PY, 'ENTRYPOINT ["/usr/bin/env", "-S", "python -u train.py"]'), []),
    ("gosu", app(PY, "RUN apt-get update && apt-get install -y gosu", 'ENTRYPOINT ["gosu", "root", "python", "train.py"]'), []),
    ("numactl", app(PY, "RUN apt-get update && apt-get install -y numactl", 'ENTRYPOINT ["numactl", "--cpunodebind=0", "python", "train.py"]'), []),
    ("torchrun by its module", app("pytorch/pytorch:2.4.0-cuda12.1-cudnn9-runtime", 'ENTRYPOINT ["python", "-m", "torch.distributed.run", "--nproc_per_node=gpu", "train.py"]'), []),
    ("pipenv run", app(PY, "RUN pip install pipenv && pipenv install --deploy", 'ENTRYPOINT ["pipenv", "run", "python", "train.py"]'), []),
    ("poetry run", app(PY, "RUN pip install poetry==1.8.3 && poetry install --no-root", 'ENTRYPOINT ["poetry", "run", "python", "train.py"]'), []),
    ("pdm run", app(PY, "RUN pip install pdm && pdm sync --prod", 'ENTRYPOINT ["pdm", "run", "python", "train.py"]'), []),
    # train on the PATH.
    ("AWS's example: a program called train", image("python:3.12-slim", "RUN pip install --no-cache-dir numpy pandas", 'ENV PATH="/opt/program:${PATH}"', "COPY decision_trees /opt/program", "RUN chmod +x /opt/program/train", "WORKDIR /opt/program", files={"decision_trees/train": "#!/usr/bin/env python\n", "decision_trees/serve": "#!/usr/bin/env python\n"}), ["train-on-path"]),
    ("a file copied to /usr/bin/train", image(PY, "COPY --chmod=0755 train.py /usr/bin/train", files={"train.py": "#!/usr/bin/env python3\n"}), ["train-on-path"]),
    ("the toolkit", app("ubuntu:22.04", "RUN apt-get update && apt-get install -y python3 python3-pip python-is-python3", "RUN pip3 install sagemaker-training", "ENV SAGEMAKER_PROGRAM=train.py"), ["train-on-path"]),
    ("a deep-learning base", image("763104351884.dkr.ecr.us-east-1.amazonaws.com/pytorch-training:2.3.0-gpu-py311-cu121-ubuntu20.04-sagemaker", "COPY train.py /opt/ml/code/train.py", "ENV SAGEMAKER_PROGRAM train.py"), ["train-on-path"]),
    ("train as a console script", app(PY, "RUN pip install .", files={"pyproject.toml": '[project]\nname="x"\n[project.scripts]\ntrain = "x:main"\n', "x.py": ""}), ["train-on-path"]),
    # What tools of projects bring.
    ("uv sync, by its path", app("ghcr.io/astral-sh/uv:python3.12-bookworm-slim", "RUN uv sync --frozen --no-dev", 'ENTRYPOINT ["/app/.venv/bin/fraud-train"]', files=PROJECT), []),
    ("uv sync, on the PATH", app(PY, "COPY --from=ghcr.io/astral-sh/uv:0.4.9 /uv /bin/uv", "RUN uv sync --frozen", 'ENV PATH="/app/.venv/bin:$PATH"', 'ENTRYPOINT ["fraud-train"]', files=PROJECT), []),
    ("poetry install without a virtualenv", app(PY, "RUN pip install poetry && poetry config virtualenvs.create false && poetry install --only main", 'ENTRYPOINT ["fraud-train"]', files={**PROJECT, "pyproject.toml": '[tool.poetry]\nname = "fraud"\n[tool.poetry.scripts]\nfraud-train = "fraud.cli:main"\n'}), []),
    ("poetry by its variable", app(PY, "ENV POETRY_VIRTUALENVS_CREATE=false", "RUN pip install poetry && poetry install --no-root", ENTRY), []),
    ("a module of a wheel", image("python:3.12", "COPY dist/fraud-1.0-py3-none-any.whl /tmp/", "RUN pip install /tmp/fraud-1.0-py3-none-any.whl", 'ENTRYPOINT ["python", "-m", "fraud.train"]', files={"dist/fraud-1.0-py3-none-any.whl": None}), []),
    ("a module of the project", app(PY, "RUN pip install --no-cache-dir .", 'ENTRYPOINT ["python", "-m", "fraud.cli"]', files=PROJECT), []),
    ("a virtualenv of a build stage", {"Dockerfile": "FROM python:3.12-slim AS build\nRUN python -m venv /opt/venv\nENV PATH=/opt/venv/bin:$PATH\nCOPY requirements.txt .\nRUN pip install -r requirements.txt\nFROM python:3.12-slim\nCOPY --from=build /opt/venv /opt/venv\nENV PATH=/opt/venv/bin:$PATH\nWORKDIR /app\nCOPY train.py .\n" + ENTRY + "\n", **REQUIREMENTS}, []),
    ("pip --user of a build stage", {"Dockerfile": "FROM python:3.12 AS build\nCOPY requirements.txt .\nRUN pip install --user -r requirements.txt\nFROM python:3.12-slim\nCOPY --from=build /root/.local /root/.local\nENV PATH=/root/.local/bin:$PATH\nCOPY train.py .\n" + ENTRY + "\n", **REQUIREMENTS}, []),
    ("poetry in a virtualenv of its own", app(PY, "RUN python -m venv /opt/poetry && /opt/poetry/bin/pip install poetry==1.8", "RUN /opt/poetry/bin/poetry config virtualenvs.create false && /opt/poetry/bin/poetry install --no-root", ENTRY), []),
    # Interpreters.
    ("python3 by name", app("ubuntu:22.04", "RUN apt-get update && apt-get install -y python3 python3-pip", 'ENTRYPOINT ["python3", "train.py"]'), []),
    ("python-is-python3", app("ubuntu:22.04", "RUN apt-get update && apt-get install -y python3 python-is-python3", ENTRY), []),
    ("a link", app("nvidia/cuda:12.4.1-runtime-ubuntu22.04", "RUN apt-get update && apt-get install -y python3 python3-pip && ln -s /usr/bin/python3 /usr/bin/python", ENTRY), []),
    ("deadsnakes", app("ubuntu:20.04", "RUN apt-get update && apt-get install -y software-properties-common && add-apt-repository ppa:deadsnakes/ppa && apt-get install -y python3.11 python3.11-venv", "RUN python3.11 -m venv /opt/venv", "ENV PATH=/opt/venv/bin:$PATH", ENTRY), []),
    ("update-alternatives", app("ubuntu:20.04", "RUN apt-get update && apt-get install -y python3.9 && update-alternatives --install /usr/bin/python python /usr/bin/python3.9 1", ENTRY), []),
    ("pyenv", app("debian:12", "RUN apt-get update && apt-get install -y git curl build-essential && curl https://pyenv.run | bash", "ENV PATH=/root/.pyenv/shims:/root/.pyenv/bin:$PATH", "RUN pyenv install 3.11.9 && pyenv global 3.11.9", ENTRY), []),
    ("a conda environment by its path", app("continuumio/miniconda3:24.1.2-0", CREATE, 'ENTRYPOINT ["/opt/conda/envs/fraud/bin/python", "train.py"]', files=CONDA_ENV), []),
    ("a conda environment filled by bash -c", app("continuumio/miniconda3:24.1.2-0", CREATE, "RUN bash -c 'source activate fraud && pip install numpy'", 'ENTRYPOINT ["/opt/conda/envs/fraud/bin/python", "train.py"]', files=CONDA_ENV), []),
    ("a conda environment on the PATH", app("condaforge/miniforge3:24.3.0-0", CREATE, "ENV PATH=/opt/conda/envs/fraud/bin:$PATH", ENTRY, files=CONDA_ENV), []),
    ("conda's base updated", app("continuumio/miniconda3:24.1.2-0", "RUN conda env update -n base -f environment.yml", ENTRY, files=CONDA_ENV), []),
    ("miniconda installed by its script", app("ubuntu:22.04", "RUN apt-get update && apt-get install -y wget && wget -q https://repo.anaconda.com/miniconda/Miniconda3-latest-Linux-x86_64.sh -O /tmp/m.sh && bash /tmp/m.sh -b -p /opt/conda", "ENV PATH=/opt/conda/bin:$PATH", ENTRY), []),
    ("an unknown base", app("registry.example.com/ml/base:7", ENTRY), []),
    # R.
    ("R --file", app("rocker/r-ver:4.4.1", 'ENTRYPOINT ["R", "--no-save", "--no-restore", "--file=train.R"]', files=R), []),
    ("R -f behind options", app("r-base:4.4.1", 'ENTRYPOINT ["R", "--slave", "-f", "train.R", "--args"]', files=R), []),
    ("Rscript -e of a package", app("rocker/r-ver:4.4.1", "RUN R CMD INSTALL .", 'ENTRYPOINT ["Rscript", "-e", "fraud::train()"]', files={"DESCRIPTION": "Package: fraud\n"}), []),
    ("littler", app("rocker/r-ver:4.4.1", 'ENTRYPOINT ["r", "train.R"]', files=R), []),
    ("R on ubuntu", app("ubuntu:24.04", "RUN apt-get update && apt-get install -y --no-install-recommends r-base-core", 'ENTRYPOINT ["Rscript", "train.R"]', files=R), []),
    ("renv", app("rocker/r-ver:4.4.1", "RUN R -e \"install.packages('renv')\" -e \"library(renv)\" && R -e 'renv::restore()'", 'ENTRYPOINT ["Rscript", "train.R"]', files={**R, "renv.lock": "{}"}), []),
    ("rhub minimal", app("rhub/r-minimal:4.4.1", "RUN installr -d data.table", 'ENTRYPOINT ["Rscript", "train.R"]', files=R), []),
    # Java.
    ("maven in a build stage", {"Dockerfile": 'FROM maven:3.9-eclipse-temurin-21 AS build\nWORKDIR /src\nCOPY . .\nRUN mvn -q package\nFROM eclipse-temurin:21-jre\nWORKDIR /opt/ml/code\nCOPY --from=build /src/target/*.jar app.jar\nENTRYPOINT ["java", "-jar", "app.jar"]\n', **JAR}, []),
    ("gradle's start script", {"Dockerfile": 'FROM gradle:8.8-jdk21 AS build\nWORKDIR /src\nCOPY . .\nRUN gradle installDist\nFROM amazoncorretto:21\nCOPY --from=build /src/build/install/app /opt/app\nENTRYPOINT ["/opt/app/bin/app"]\n', **JAR}, []),
    ("jib's class path", {"Dockerfile": 'FROM maven:3.9 AS build\nWORKDIR /src\nCOPY . .\nRUN mvn -q package dependency:copy-dependencies\nFROM amazoncorretto:17\nWORKDIR /app\nCOPY --from=build /src/target/classes /app/classes\nCOPY --from=build /src/target/dependency /app/libs\nENTRYPOINT ["java", "-cp", "/app/classes:/app/libs/*", "com.example.Train"]\n', **JAR}, []),
    ("a JDK copied", image("debian:12-slim", "ENV JAVA_HOME=/opt/java/openjdk", "COPY --from=eclipse-temurin:21 $JAVA_HOME $JAVA_HOME", 'ENV PATH="${JAVA_HOME}/bin:${PATH}"', "COPY app.jar /app/app.jar", 'ENTRYPOINT ["java", "-jar", "/app/app.jar"]', files={"app.jar": None}), []),
    ("jlink", {"Dockerfile": 'FROM eclipse-temurin:21 AS jre\nRUN jlink --add-modules java.base --output /jre\nFROM debian:12-slim\nCOPY --from=jre /jre /opt/jre\nCOPY app.jar /app/\nENTRYPOINT ["/opt/jre/bin/java", "-jar", "/app/app.jar"]\n', "app.jar": None}, []),
    ("distroless", image("gcr.io/distroless/java21-debian12", "COPY app.jar /app/app.jar", 'ENTRYPOINT ["java", "-jar", "/app/app.jar"]', files={"app.jar": None}), ["base-tag"]),
    ("openjdk by apt", image("ubuntu:24.04", "RUN apt-get update && apt-get install -y openjdk-21-jre-headless", "COPY app.jar /app/app.jar", 'ENTRYPOINT ["java", "-jar", "/app/app.jar"]', files={"app.jar": None}), []),
    ("sbt's assembly", {"Dockerfile": 'FROM sbtscala/scala-sbt:eclipse-temurin-21_1.10.0_3.4.2 AS build\nWORKDIR /src\nCOPY . .\nRUN sbt assembly\nFROM eclipse-temurin:21-jre\nCOPY --from=build /src/target/scala-3.4.2/train.jar /app/train.jar\nENTRYPOINT ["java", "-Xmx4g", "-jar", "/app/train.jar"]\n', "build.sbt": ""}, []),
    ("Go's program of a build stage", {"Dockerfile": "FROM golang:1.22 AS build\nWORKDIR /src\nCOPY . .\nRUN go build -o /out/train ./cmd\nFROM debian:12-slim\nCOPY --from=build /out/train /usr/local/bin/train\n", "main.go": ""}, ["train-on-path"]),
    # Places of the Dockerfile, and files that are nobody's business.
    ("docker/Dockerfile", {"docker/Dockerfile": f"FROM {PY}\nWORKDIR /app\nCOPY src/ ./\n{ENTRY}\n", "src/train.py": ""}, []),
    ("container/Dockerfile beside the code", {"container/Dockerfile": f"FROM {PY}\nWORKDIR /app\nCOPY program ./\n{ENTRY}\n", "container/program/train.py": ""}, []),
    ("Containerfile", {"Containerfile": f"FROM {PY}\nCOPY train.py .\n{ENTRY}\n", **TRAIN}, []),
    ("Dockerfile.train beside another", {"Dockerfile.train": f"FROM {PY}\nCOPY train.py .\n{ENTRY}\n", "Dockerfile.serve": "FROM nginx\n", **TRAIN}, []),
    ("a tokenizer, JSON Lines, an apt list", app(PY, ENTRY, files={**TRAIN, "tokenizer_config.json": '{"chat_template": "{% for m in messages %}{{ m }}{% endfor %}"}', "samples.json": '{"a": 1}\n{"a": 2}\n', "packages.txt": "libgomp1\n", "README.md": "pip install --index-url https://USER:TOKEN@example.com/simple x\nAKIAIOSFODNN7EXAMPLE\n"}), []),
    ("a package called datasets", app(PY, "COPY datasets/ datasets/", ENTRY, files={**TRAIN, "datasets/__init__.py": "", "datasets/load.py": ""}), []),
]

WRONG = [
    # A launcher that waits.
    ("conda run", app("continuumio/miniconda3:24.1.2-0", CREATE, 'ENTRYPOINT ["conda", "run", "-n", "fraud", "python", "train.py"]', files=CONDA_ENV), "waiting-launcher", "/opt/conda/envs/fraud/bin/python"),
    ("conda run, streaming", app("continuumio/miniconda3:24.1.2-0", CREATE, 'ENTRYPOINT ["conda", "run", "--no-capture-output", "--name", "fraud", "python", "train.py"]', files=CONDA_ENV), "waiting-launcher", "SIGTERM reaches conda run alone"),
    ("accelerate", app("pytorch/pytorch:2.4.0-cuda12.1-cudnn9-runtime", "RUN pip install accelerate", 'ENTRYPOINT ["accelerate", "launch", "--num_processes", "2", "train.py"]'), "waiting-launcher", "torchrun"),
    ("accelerate by its module", app("pytorch/pytorch:2.4.0-cuda12.1-cudnn9-runtime", 'ENTRYPOINT ["python", "-m", "accelerate.commands.launch", "train.py"]'), "waiting-launcher", "accelerate launch waits"),
    ("deepspeed", app("pytorch/pytorch:2.4.0-cuda12.1-cudnn9-runtime", "RUN pip install deepspeed", 'ENTRYPOINT ["deepspeed", "--num_gpus=4", "train.py", "--deepspeed", "ds.json"]'), "waiting-launcher", "deepspeed waits"),
    ("xvfb-run", app(PY, "RUN apt-get update && apt-get install -y xvfb", 'ENTRYPOINT ["xvfb-run", "-a", "python", "train.py"]'), "waiting-launcher", "xvfb-run waits"),
    ("a script that ends in conda run", script('#!/bin/bash\nexec conda run -n fraud python train.py "$@"\n', base="continuumio/miniconda3:24.1.2-0", files=CONDA_ENV), "waiting-launcher", "conda run waits"),
    # Shells that wait.
    ("a branch that waits", script('#!/bin/bash\nif [ "$1" = "serve" ]; then\n  exec python serve.py\nelse\n  python train.py\nfi\n'), "shell-wrapper", "SIGTERM reaches that alone"),
    ("the other branch waits", script('#!/bin/bash\nif [ -n "$GPU" ]; then\n  exec python train.py --gpu\nfi\npython train.py\n'), "shell-wrapper", "exec program"),
    ("exec in a pipe", script('#!/bin/bash\nset -o pipefail\nexec python train.py "$@" 2>&1 | tee /tmp/log\n'), "shell-wrapper", "SIGTERM"),
    ("background and wait without a trap", script('#!/bin/bash\npython train.py "$@" &\nwait $!\n'), "shell-wrapper", "SIGTERM"),
    ("a trap that kills nothing", script("#!/bin/bash\ntrap 'echo stopping; exit 0' TERM\npython train.py & wait\n"), "shell-wrapper", "SIGTERM"),
    ("case whose train branch waits", script('#!/bin/sh\ncase "$1" in\n  serve) exec python serve.py ;;\n  train) python train.py ;;\nesac\n'), "shell-wrapper", "SIGTERM"),
    ("bash -c", app(PY, 'ENTRYPOINT ["bash", "-c", "python train.py && echo done"]'), "shell-wrapper", "SIGTERM"),
    ("a wrapper of RUN's", app(PY, "RUN echo '#!/bin/sh' > /start.sh && echo 'python /app/train.py \"$@\"' >> /start.sh && chmod +x /start.sh", 'ENTRYPOINT ["/start.sh"]'), "shell-wrapper", "SIGTERM"),
    # Nothing behind it.
    ("a bare exec", script(EXECS), "entrypoint-missing", "write the program behind it"),
    ("a bare exec and CMD", script(EXECS, '["./run.sh"]\nCMD ["python", "train.py"]'), "cmd-as-entrypoint", 'write ENTRYPOINT ["./run.sh", "python", "train.py"]'),
    ("an init and CMD", app(PY, "RUN apt-get update && apt-get install -y tini", 'ENTRYPOINT ["tini", "--"]\nCMD ["python", "train.py"]'), "cmd-as-entrypoint", "replaces CMD"),
    ("an option and CMD", app("rocker/r-ver:4.4.1", 'ENTRYPOINT ["Rscript", "--no-save"]\nCMD ["train.R"]', files=R), "other-program", 'write ENTRYPOINT ["Rscript", "train.R"]'),
    ("the ENTRYPOINT of distroless and CMD", app("gcr.io/distroless/java21-debian12:nonroot", 'COPY target/train.jar /app/', 'CMD ["/app/train.jar"]', files=JAR), "other-program", 'write ENTRYPOINT ["java", "-jar", "/app/train.jar"]'),
    ("a program that a variable names", script('#!/bin/bash\nMODULE=$(jq -r .entry < /opt/ml/input/config/hyperparameters.json)\npython -m ${MODULE}\n'), "shell-wrapper", 'end the script with exec program "$@" (C4'),
    ("python and CMD", app(PY, 'ENTRYPOINT ["python"]\nCMD ["train.py"]'), "other-program", "without a program"),
    ("train.py only, no ENTRYPOINT", app(PY), "entrypoint-missing", 'called "train"'),
    ("train off the PATH", image(PY, "WORKDIR /opt/ml/code", "COPY train .", files={"train": "#!/usr/bin/env python\n"}), "entrypoint-missing", "not on the PATH"),
    ("train without its x bit", image(PY, "COPY train /usr/local/bin/train", files={"train": "#!/usr/bin/env python\n"}), "not-executable", "chmod"),
    # Of what serves models.
    ("AWS's image for inference", app("763104351884.dkr.ecr.us-east-1.amazonaws.com/pytorch-inference:2.2.0-cpu-py310-ubuntu20.04-sagemaker"), "entrypoint-missing", 'called "train"'),
    ("TensorFlow Serving", app("tensorflow/serving:2.14.1"), "other-program", '"tensorflow_model_server", which is not a training program'),
    ("Triton", app("nvcr.io/nvidia/tritonserver:24.03-py3"), "entrypoint-missing", ""),
    ("vLLM", app("vllm/vllm-openai:v0.4.2"), "other-program", '"vllm", which'),
    ("Text Generation Inference", app("ghcr.io/huggingface/text-generation-inference:2.0"), "other-program", "text-generation-launcher"),
    ("Lambda", image("public.ecr.aws/lambda/python:3.11", "COPY train.py ${LAMBDA_TASK_ROOT}", 'CMD ["train.handler"]'), "cmd-as-entrypoint", ""),
    ("cron", app(PY, 'ENTRYPOINT ["cron", "-f"]'), "other-program", '"cron -f", which is not'),
    ("a shell alone", app(PY, ENTRY, 'ENTRYPOINT ["/bin/bash"]'), "other-program", 'runs "/bin/bash" without a program, which then takes "train" for one'),
    ("a login shell alone", app(PY, 'ENTRYPOINT ["sh", "-l"]'), "other-program", "without a program"),
    ("a shell's -c and CMD", app(PY, 'ENTRYPOINT ["/bin/bash", "-c"]\nCMD ["python train.py"]'), "cmd-as-entrypoint", 'write ENTRYPOINT ["python", "train.py"]', "shell-wrapper"),
    ("RUN cd in the place of WORKDIR", image(PY, "RUN cd /app", "COPY train.py /app/", ENTRY), "program-place", "copy it to /, or mend WORKDIR"),
    ("python -m and a file", app(PY, 'ENTRYPOINT ["python", "-m", "train.py"]'), "program-place", 'and "train.py" is a file: write it without -m'),
    ("python -m and a path", app(PY, 'ENTRYPOINT ["python", "-m", "src/train"]', files={"src/train.py": ""}), "program-place", 'and "src/train" is a file'),
    ("arguments in the program's word", app(PY, 'ENTRYPOINT ["python", "train.py --epochs 10"]'), "program-place", "put each word of it in quotes of its own"),
    ("run.sh without its x bit", image(PY, "WORKDIR /app", "COPY run.sh train.py ./", 'ENTRYPOINT ["./run.sh"]', files={"run.sh": '#!/bin/bash\nexec python train.py "$@"\n', **TRAIN}), "not-executable", 'start it by its interpreter, ["/bin/bash", "/app/run.sh"]'),
    ("supervisord", app(PY, "RUN pip install supervisor", 'ENTRYPOINT ["supervisord", "-c", "/app/supervisord.conf"]'), "other-program", "supervisord"),
    ("gradle run", app("gradle:8.8-jdk21", 'ENTRYPOINT ["gradle", "run"]', files={"build.gradle": ""}), "other-program", "gradle run"),
    # Interpreters.
    ("python3 only", app("ubuntu:22.04", "RUN apt-get update && apt-get install -y python3 python3-pip", ENTRY), "interpreter", "name python3"),
    ("no Python", app("debian:12-slim", ENTRY), "interpreter", "has no python"),
    ("no Python in CUDA", app("nvidia/cuda:12.4.1-runtime-ubuntu22.04", 'ENTRYPOINT ["python3", "train.py"]'), "interpreter", "has no python3"),
    ("no Python in a Java base", app("eclipse-temurin:21", ENTRY), "interpreter", ""),
    ("PATH overwritten", app(PY, "ENV PATH=/opt/ml/code", ENTRY), "interpreter", "ENV PATH leaves out /usr/local/bin"),
    ("the JDK of another stage", {"Dockerfile": 'FROM maven:3.9-eclipse-temurin-21 AS build\nWORKDIR /src\nCOPY . .\nRUN mvn package\nFROM debian:12-slim\nCOPY --from=build /src/target/app.jar /app/app.jar\nENTRYPOINT ["java", "-jar", "/app/app.jar"]\n', **JAR}, "interpreter", "take a JRE"),
    ("no R", app("ubuntu:24.04", 'ENTRYPOINT ["Rscript", "train.R"]', files=R), "interpreter", "has no Rscript"),
    ("R in a Python base", app(PY, 'ENTRYPOINT ["Rscript", "train.R"]', files=R), "interpreter", ""),
    ("micromamba without its script", image("mambaorg/micromamba:1.5.8", "COPY environment.yml /tmp/", "RUN micromamba install -y -n base -f /tmp/environment.yml", "USER root", "COPY train.py /opt/ml/code/", "WORKDIR /opt/ml/code", ENTRY, files=CONDA_ENV), "interpreter", "_entrypoint.sh"),
    ("the #! line's interpreter", app("ubuntu:22.04", "RUN apt-get update && apt-get install -y python3 && chmod +x train.py", 'ENTRYPOINT ["./train.py"]', files={"train.py": "#!/usr/bin/env python\n"}), "interpreter", "python3"),
    # Environments.
    ("SHELL only", app("continuumio/miniconda3:24.1.2-0", CREATE, 'SHELL ["conda", "run", "-n", "fraud", "/bin/bash", "-c"]', "RUN pip install xgboost", ENTRY, files=CONDA_ENV), "environment-inactive", "/opt/conda/envs/fraud/bin"),
    ("bash -c in RUN", app("continuumio/miniconda3:24.1.2-0", "RUN conda create -n fraud python=3.11", "RUN bash -c 'source activate fraud && pip install numpy'", ENTRY), "environment-inactive", "another python"),
    ("conda activate in RUN", app("continuumio/miniconda3:24.1.2-0", "RUN conda create -n fraud python=3.11 lightgbm && echo 'conda activate fraud' >> ~/.bashrc", ENTRY), "environment-inactive", "another python"),
    ("a virtualenv activated in RUN", app(PY, "RUN python -m venv /opt/venv && . /opt/venv/bin/activate && pip install -r requirements.txt", ENTRY, files=REQUIREMENTS), "environment-inactive", "/opt/venv/bin"),
    ("uv sync and another python", app("ghcr.io/astral-sh/uv:python3.12-bookworm-slim", "RUN uv sync --frozen", ENTRY, files={**PROJECT, **TRAIN}), "environment-inactive", "/app/.venv/bin"),
    ("poetry's virtualenv", app(PY, "RUN pip install poetry && poetry install --no-root", ENTRY), "environment-inactive", "another python"),
    ("pipenv's virtualenv", app(PY, "RUN pip install pipenv && pipenv install --deploy", ENTRY), "environment-inactive", ""),
    # Packages.
    ("requirements never installed", app(PY, ENTRY, files=REQUIREMENTS), "packages-missing", "pip install"),
    ("requirements of the build stage only", {"Dockerfile": f"FROM python:3.12 AS build\nCOPY requirements.txt .\nRUN pip install -r requirements.txt\nFROM {PY}\nCOPY train.py .\n{ENTRY}\n", **REQUIREMENTS}, "packages-missing", "final stage"),
    ("wheels on Alpine", app("python:3.12-alpine", "RUN pip install -r requirements.txt", ENTRY, files=REQUIREMENTS), "libc", "musl"),
    ("site-packages of Debian on Alpine", {"Dockerfile": f"FROM python:3.12 AS build\nCOPY requirements.txt .\nRUN pip install -r requirements.txt\nFROM python:3.12-alpine\nCOPY --from=build /usr/local/lib/python3.12/site-packages /usr/local/lib/python3.12/site-packages\nCOPY train.py .\n{ENTRY}\n", **REQUIREMENTS}, "libc", "glibc"),
    ("XGBoost4J on Alpine", image("eclipse-temurin:21-jre-alpine", "COPY target/app.jar /app/app.jar", 'ENTRYPOINT ["java", "-jar", "/app/app.jar"]', files={"target/app.jar": None, "pom.xml": "<artifactId>xgboost4j_2.12</artifactId>"}), "libc", "xgboost4j"),
    ("a script of a project without the project", app(PY, "RUN pip install uv && uv sync --no-install-project", 'ENV PATH="/app/.venv/bin:$PATH"', 'ENTRYPOINT ["fraud-train"]', files=PROJECT), "other-program", "fraud-train"),
    # Places.
    (".dockerignore hides it", image(PY, "WORKDIR /app", "COPY . .", ENTRY, files={**TRAIN, ".dockerignore": "*.py\n"}), "program-place", ".dockerignore hides train.py"),
    ("another folder", image(PY, "WORKDIR /app", "COPY src/ src/", ENTRY, files={"src/train.py": ""}), "program-place", "/app/src/train.py"),
]

WARNED = [
    ("a program where a file is", script('#!/bin/bash\nif [ -f /opt/ml/input/config/hyperparameters.json ]; then exec python train.py; fi\nexec "$@"\n'), "entrypoint-missing"),
    ("pip || true", app(PY, "RUN pip install -r requirements.txt || true", ENTRY, files=REQUIREMENTS), "silent-install"),
    ("pip and rm", app(PY, "RUN pip install -r requirements.txt; rm -rf /root/.cache", ENTRY, files=REQUIREMENTS), "silent-install"),
    ("install.packages", app("rocker/r-ver:4.4.1", "RUN R -e \"install.packages('mda')\"", 'ENTRYPOINT ["Rscript", "train.R"]', files=R), "silent-install"),
    ("install2.r", app("rocker/r-ver:4.4.1", "RUN install2.r mda", 'ENTRYPOINT ["Rscript", "train.R"]', files=R), "silent-install"),
    ("pip in a pipe", app(PY, "RUN pip install numpy | tee log", ENTRY), "silent-install"),
    ("a heredoc without set -e", app(PY, "RUN <<EOF\npip install numpy\npip install pandas\nEOF", ENTRY), "silent-install"),
    ("micromamba's user", image("mambaorg/micromamba:1.5.8", "RUN micromamba install -y -n base python", "COPY train.py .", 'ENTRYPOINT ["/usr/local/bin/_entrypoint.sh", "python", "train.py"]'), "non-root"),
    ("jupyter's user", app("quay.io/jupyter/scipy-notebook:2024-05-27", ENTRY), "non-root"),
    ("a script of the base that nobody knows", app("registry.example.com/ml/base:7", 'ENTRYPOINT ["/entrypoint.sh", "python", "train.py"]'), "launcher-unknown"),
    ("mpirun", app(PY, "RUN apt-get update && apt-get install -y openmpi-bin", 'ENTRYPOINT ["mpirun", "-np", "2", "python", "train.py"]'), "launcher-unknown"),
    ("no ENTRYPOINT over an unknown base", app("registry.example.com/ml/base:7"), "entrypoint-missing"),
    ("no tag", app("python", ENTRY), "base-tag"),
    ("a default of a channel", app(PY, "ENV SM_CHANNEL_TRAIN=/opt/ml/input/data/train", ENTRY), "data-path"),
]
# fmt: on

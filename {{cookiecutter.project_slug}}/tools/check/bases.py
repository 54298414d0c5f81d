"""What is known of base images: the interpreters they have, how they start, who they run as."""

from __future__ import annotations

import re
from typing import NamedTuple

SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
CONDA = "/opt/conda/bin"


class Base(NamedTuple):
    """What is known of an image; None for an interpreter that it may or may not have."""

    programs: dict[str, str]  # name → the folder it lies in
    missing: tuple[str, ...] = ()  # interpreters that it surely has not
    path: str = ""  # what its PATH has before the system's
    start: str | None = ""  # its ENTRYPOINT: "" none, "exec" a script that execs, else its words
    user: str = ""
    musl: bool = False
    toolkit: bool = False  # `train` of AWS's training toolkit is on the PATH
    known: bool = True


def has(folder: str, *names: str) -> dict[str, str]:
    return dict.fromkeys(names, folder)


PYTHON = has("/usr/local/bin", "python", "python3", "pip", "pip3")
CONDA_PYTHON = has(CONDA, "python", "python3", "pip", "conda")
R = has("", "R", "Rscript", "install2.r", "r")
JAVA = has("", "java")
NO_PYTHON = ("python", "python3")
NO_R = ("Rscript", "R", "r")
NO_JAVA = ("java",)
NOTHING = (*NO_PYTHON, *NO_R, *NO_JAVA)

# The first pattern that fits NAME:TAG, the registry of the official images taken off.
BASES: list[tuple[str, Base]] = [
    (r"scratch|gcr\.io/distroless/(static|base|base-nossl|cc)(-debian\d+)?", Base({}, NOTHING)),
    (r"ubuntu|debian|.*/(ubuntu|debian)", Base({}, NOTHING)),
    (r"alpine|busybox|.*/alpine", Base({}, NOTHING, musl=True)),
    (r"nvidia/cuda:(8|9|10|11\.[0-6])\..*", Base({}, NOTHING)),
    (r"(nvcr\.io/)?nvidia/cuda", Base({}, NOTHING, start="exec")),
    (r"ghcr\.io/prefix-dev/pixi", Base(has("/usr/local/bin", "pixi"), NOTHING)),
    (r"(.*/)?amazonlinux:2023.*",
     Base(has("/usr/bin", "python3"), ("python", *NO_R, *NO_JAVA))),
    (r"(.*/)?amazonlinux:(2|2\..*|2018.*|1.*)",
     Base(has("/usr/bin", "python"), ("python3", *NO_R, *NO_JAVA))),
    (r"amazonlinux|.*/amazonlinux|fedora|rockylinux(/rockylinux)?|almalinux(/.*)?|centos"
     r"|oraclelinux|.*/ubi\d+(-minimal|-micro|/ubi(-minimal|-micro|-init)?)?",
     Base({}, (*NO_R, *NO_JAVA))),
    (r"python:2(\.7)?(\W.*)?",
     Base(has("/usr/local/bin", "python", "python2", "pip"), (*NO_R, *NO_JAVA))),
    (r"python", Base(PYTHON, (*NO_R, *NO_JAVA))),
    (r".*/ubi\d+/python-\d+|.*/python-\d+-ubi\d+|centos/python.*",
     Base(has("/opt/app-root/bin", "python", "python3"), NO_R, user="1001")),
    (r"ghcr\.io/astral-sh/uv:.*python.*",
     Base({**PYTHON, **has("/usr/local/bin", "uv", "uvx")}, (*NO_R, *NO_JAVA))),
    (r"ghcr\.io/astral-sh/uv", Base(has("/usr/local/bin", "uv", "uvx"), NOTHING)),
    (r"mambaorg/micromamba|.*/micromamba",
     Base(has("/usr/bin", "micromamba"), NOTHING, start="exec", user="mambauser")),
    (r"condaforge/.*pypy.*", Base({}, (*NO_R, *NO_JAVA), CONDA, "tini --")),
    (r"condaforge/(mambaforge|miniforge).*",
     Base(CONDA_PYTHON, (*NO_R, *NO_JAVA), CONDA, "tini --")),
    (r"(continuumio|conda)/.*", Base(CONDA_PYTHON, (*NO_R, *NO_JAVA), CONDA)),
    (r"pytorch/pytorch", Base(has("", "python", "python3", "pip"), (*NO_R, *NO_JAVA), CONDA)),
    (r"tensorflow/tensorflow", Base(PYTHON, (*NO_R, *NO_JAVA))),
    (r"nvcr\.io/nvidia/(pytorch|tensorflow|nemo|jax|modulus.*|physicsnemo.*)",
     Base(has("", "python", "python3", "pip"), (*NO_R, *NO_JAVA), start="exec")),
    (r"nvcr\.io/nvidia/rapidsai/.*|rapidsai/.*",
     Base(has(CONDA, "python", "python3"), NO_JAVA, CONDA, None, user="rapids")),
    (r"(quay\.io/)?jupyter/.*",
     Base(has(CONDA, "python", "python3", "pip", "conda", "mamba"), (), CONDA,
          "tini -g -- start.sh", user="jovyan")),
    # What serves models starts a server, or a script that runs "train" as a program.
    (r"\d{12}\.dkr\.ecr\.[^/]+/[\w.-]*-inference[\w.-]*|pytorch/torchserve|.*/tritonserver"
     r"|public\.ecr\.aws/lambda/.*",
     Base(has("", "python", "python3", "java"), start="exec")),
    (r"tensorflow/serving", Base({}, NOTHING, start="tensorflow_model_server")),
    (r"vllm/vllm-openai.*", Base(has("", "python3"), start="vllm")),
    (r"(ghcr\.io/)?huggingface/text-generation-inference",
     Base(has("", "python3"), start="text-generation-launcher")),
    (r"\d{12}\.dkr\.ecr\.[^/]+/[\w.-]*(-training|sagemaker-[\w.-]+)([\w./-]*)"
     r"|public\.ecr\.aws/(deep-learning-containers|sagemaker)/[\w.-]*training[\w.-]*",
     Base(has("", "python", "python3", "pip"), (), start="exec", toolkit=True)),
    (r"public\.ecr\.aws/sagemaker/sagemaker-distribution|.*/sagemaker-distribution.*",
     Base(has(CONDA, "python", "python3"), (), CONDA, None, user="sagemaker-user")),
    (r"rocker/(rstudio|tidyverse|verse|geospatial|shiny|ml|ml-verse|cuda|ml-gpu|binder).*",
     Base(R)),
    (r"(rocker/)?r-base|rocker/(r-ver|r-base|r-ubuntu|r2u|r-apt|drd|r-devel)|eddelbuettel/r2u.*"
     r"|rhub/r-minimal|(rstudio|posit)/r-base",
     Base(R, NO_JAVA)),
    (r"bioconductor/.*", Base(R)),
    (r"eclipse-temurin", Base(JAVA, (*NO_PYTHON, *NO_R), start="exec")),
    (r"openjdk|amazoncorretto|azul/.*|ibm-semeru-runtimes|bellsoft/.*|sapmachine"
     r"|adoptopenjdk(/.*)?|mcr\.microsoft\.com/openjdk/.*|.*/amazoncorretto",
     Base(has("", "java"), NO_R, start="exec")),
    (r"maven|gradle|sbtscala/.*|hseeberger/.*", Base(has("", "java"), NO_R, start="exec")),
    (r"virtuslab/.*", Base(has("", "java", "scala-cli"), NO_R, start="scala-cli")),
    (r"gcr\.io/distroless/java.*",
     Base(has("/usr/bin", "java"), (*NO_PYTHON, *NO_R), start="java -jar")),
    (r"gcr\.io/distroless/python3.*",
     Base(has("/usr/bin", "python3"), ("python", *NO_R, *NO_JAVA), start="python3")),
    (r"cgr\.dev/chainguard/(python|jre|jdk).*", Base({}, start=None, user="nonroot")),
    (r"bitnami/.*", Base({}, start=None, user="1001")),
    (r"rayproject/.*", Base(has("", "python", "python3"), start=None, user="ray")),
    (r"apache/spark.*", Base(has("", "java"), start=None, user="spark")),
    (r"apache/airflow", Base(has("", "python", "python3"), start=None, user="airflow")),
    (r".*/openjdk-\d+(-runtime)?", Base(has("", "java"), start=None, user="185")),
]  # fmt: skip
UNKNOWN = Base({}, start=None, known=False)
OFFICIAL = re.compile(
    r"^(public\.ecr\.aws/docker/library/|(index\.)?docker\.io/(library/)?|library/"
    r"|mirror\.gcr\.io/library/)"
)


def base_of(image: str) -> Base:
    """Return what is known of an image by its name; of a company's own, nothing."""
    name = OFFICIAL.sub("", image.partition("@")[0]).replace("ghcr.io/rocker-org/", "rocker/")
    tag = name.rpartition("/")[2].partition(":")[2]
    for pattern, base in BASES:
        if re.fullmatch(f"({pattern})(:[^/]*)?", name):
            user = "nonroot" if "distroless" in name and "nonroot" in tag else base.user
            return base._replace(user=user, musl=base.musl or "alpine" in tag)
    return UNKNOWN

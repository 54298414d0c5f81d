"""What is generated: which files, and that what is in them is what it should be."""

import filecmp
import json
import re
import subprocess

import pytest
import yaml
from botocore.session import get_session
from botocore.validate import ParamValidator
from cookiecutter.generate import generate_context
from cookiecutter.prompt import prompt_for_config
from support import TEMPLATE

SOURCE = TEMPLATE / "{{cookiecutter.project_slug}}"
QUESTIONS = json.loads((TEMPLATE / "cookiecutter.json").read_text(encoding="utf-8"))

WORKFLOW = ".github/workflows/ci.yml"
# What is there for a CI of GitHub only. R has nothing that Renovate could follow.
CI = {WORKFLOW, ".github/renovate.json"}
# The files of a generated repository, those of every language first.
FILES = {
    "shared": f"""
        .dockerignore
        .editorconfig
        .gitattributes
        {WORKFLOW}
        .gitignore
        AGENTS.md
        LICENSE
        Makefile
        README.md
        build_and_push.sh
        data/README.md
        data/training/penguins.csv
        data/validation/penguins.csv
        examples/submit_with_sdk.py
        pyproject.toml
        tools/__main__.py
        tools/api_model.json
        tools/api_model.py
        tools/check/__init__.py
        tools/check/bases.py
        tools/check/build.py
        tools/check/clauses.json
        tools/check/command.py
        tools/check/contents.py
        tools/check/dockerfile.py
        tools/check/entrypoint.py
        tools/check/environments.py
        tools/check/files.py
        tools/check/folder.py
        tools/check/image.py
        tools/check/launchers.py
        tools/check/packages.py
        tools/check/process.py
        tools/check/program.py
        tools/check/repository.py
        tools/check/request.py
        tools/check/rules.py
        tools/check/runs.py
        tools/check/script.py
        tools/check/shell.py
        tools/check/stages.py
        tools/check/start.py
        tools/checksums.txt
        tools/cloud/__init__.py
        tools/cloud/account.py
        tools/cloud/aws.py
        tools/cloud/buildspec.yml
        tools/cloud/causes.py
        tools/cloud/codebuild.py
        tools/cloud/deploy.py
        tools/cloud/follow.py
        tools/cloud/logs.py
        tools/cloud/names.py
        tools/cloud/prices.py
        tools/cloud/problems.py
        tools/cloud/push.py
        tools/cloud/questions.py
        tools/cloud/ready.py
        tools/cloud/ranges.py
        tools/cloud/repository.yaml
        tools/cloud/request.py
        tools/cloud/submit.py
        tools/cloud/team.yaml
        tools/cloud/upload.py
        tools/contract/__init__.py
        tools/contract/checkpoints.py
        tools/contract/conftest.py
        tools/contract/image.py
        tools/contract/inputs.py
        tools/contract/other_image.py
        tools/contract/outcome.py
        tools/contract/pytest.ini
        tools/contract/requirements.txt
        tools/contract/run.py
        tools/contract/start.py
        tools/contract/trials.py
        tools/faults.py
        tools/image.py
        tools/doctor.py
        tools/job.py
        tools/local/__init__.py
        tools/local/build.py
        tools/local/engine.py
        tools/local/environment.py
        tools/local/host_program.py
        tools/local/page.html
        tools/local/page.py
        tools/local/record.py
        tools/local/report.py
        tools/local/run.py
        tools/local/runners.py
        tools/local/runs.py
        tools/passwords.py
        tools/repository.py
        tools/ruff.toml
        tools/settings.py
        tools/terminal.py
        tools/tuning.py
        training-job.json
        tuning-job.json
    """,
    "python": """
        .github/renovate.json
        Dockerfile
        overrides.txt
        contract.ini
        examples/predict.py
        requirements.in
        requirements.txt
        tests/test_model.py
        training/columns.py
        training/job/__init__.py
        training/job/algorithm.py
        training/job/channels.py
        training/job/checkpoints.py
        training/job/cluster.py
        training/job/cpus.py
        training/job/files.py
        training/job/hosts.py
        training/job/hyperparameters.py
        training/job/log.py
        training/job/model_folder.py
        training/job/outcome.py
        training/job/stop.py
        training/matrices.py
        training/model.py
        training/tables.py
        training/train.py
    """,
    "r": """
        .lintr
        Dockerfile
        contract.ini
        examples/predict.R
        packages.txt
        tests/lint.R
        tests/test_model.R
        training/csv.R
        training/glm.R
        training/job/algorithm.R
        training/job/channels.R
        training/job/checkpoints.R
        training/job/cluster.R
        training/job/cpus.R
        training/job/files.R
        training/job/hosts.R
        training/job/hyperparameters.R
        training/job/log.R
        training/job/model_folder.R
        training/job/outcome.R
        training/job/stop.R
        training/job/stop.c
        training/model.R
        training/tables.R
        training/train.R
    """,
    "java": """
        .github/renovate.json
        Dockerfile
        checkstyle.xml
        contract.ini
        examples/Predict.java
        pom.xml
        src/main/java/training/Categories.java
        src/main/java/training/Columns.java
        src/main/java/training/Csv.java
        src/main/java/training/Matrices.java
        src/main/java/training/Model.java
        src/main/java/training/QuantileMatrix.java
        src/main/java/training/Spool.java
        src/main/java/training/Table.java
        src/main/java/training/Train.java
        src/main/java/training/Way.java
        src/main/java/training/Xgboost.java
        src/main/java/training/job/Algorithm.java
        src/main/java/training/job/Channels.java
        src/main/java/training/job/Checkpoints.java
        src/main/java/training/job/Cluster.java
        src/main/java/training/job/Hosts.java
        src/main/java/training/job/Hyperparameter.java
        src/main/java/training/job/Hyperparameters.java
        src/main/java/training/job/JobFiles.java
        src/main/java/training/job/Json.java
        src/main/java/training/job/Link.java
        src/main/java/training/job/Log.java
        src/main/java/training/job/ModelFolder.java
        src/main/java/training/job/Outcome.java
        src/main/java/training/job/Stop.java
        src/main/java/training/job/TrainingFailure.java
        src/test/java/training/ModelTest.java
    """,
}
LICENSES = {
    "mit": "MIT License",
    "apache-2.0": "Apache License",
    "bsd-3-clause": "BSD 3-Clause License",
    "proprietary": "Copyright (c) The authors. All rights reserved.",
}
# What cookiecutter renders; all else is copied as it is.
RENDERED = {
    ".gitignore",
    "AGENTS.md",
    "LICENSE",
    "Makefile",
    "README.md",
    "pyproject.toml",
    "training-job.json",
    "tuning-job.json",
}
# What the hook writes.
WRITTEN = {"tools/checksums.txt"}


def expected_files(language):
    return set(f"{FILES['shared']} {FILES[language]}".split())


def files(folder):
    """Each file below the folder: its path within it → where it lies."""
    return {
        path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()
    }


@pytest.mark.parametrize("license", QUESTIONS["license"])
@pytest.mark.parametrize("ci", QUESTIONS["ci"])
def test_every_combination_of_choices_has_its_files(bake, language, license, ci):
    repository = bake(language, license=license, ci=ci)
    without = CI if ci == "none" else set()
    assert set(files(repository)) == expected_files(language) - without
    assert (repository / ".github").exists() == (ci == "github")
    text = (repository / "LICENSE").read_text(encoding="utf-8")
    assert text.lstrip().partition("\n")[0] == LICENSES[license]


def test_no_template_syntax_is_left(repository):
    for name, path in files(repository).items():
        text = path.read_text(encoding="utf-8")
        if name == WORKFLOW:
            text = re.sub(r"\$\{\{ [\w.]+ \}\}", "", text)
        # Go's templates, which the engines speak, have braces and a dot.
        text = re.sub(r"\{\{\.\w+(\.\w+)*\}\}", "", text)
        if name in RENDERED | {WORKFLOW}:
            assert not re.search(r"\{[{%]|[%}]\}", text.replace('"}}', "")), name
        # The address of the template itself, which nobody renders.
        text = text.replace("/cookiecutter-sagemaker-training/", "")
        assert not re.search(r"cookiecutter|\{%|\{=#", text), name


def test_all_but_the_rendered_files_are_copied_byte_for_byte(repository, language):
    for name, path in files(repository).items():
        if name in WRITTEN:
            continue
        sources = [SOURCE / name, SOURCE / "languages" / language / name]
        (source,) = [source for source in sources if source.exists()]
        assert filecmp.cmp(source, path, shallow=False) == (name not in RENDERED), name


def test_lines_end_in_lf_and_the_last_line_too(repository):
    for name, path in files(repository).items():
        content = path.read_bytes()
        assert b"\r" not in content, name
        assert content.endswith(b"\n") and not content.endswith(b"\n\n"), name


def test_rendered_files_have_no_blank_lines_in_pairs_and_no_blanks_at_line_ends(repository):
    for name in RENDERED - {"LICENSE"}:
        text = (repository / name).read_text(encoding="utf-8")
        # Python in a document has its own rules.
        text = re.sub(r"^```python\n.*?^```$", "code", text, flags=re.MULTILINE | re.DOTALL)
        assert not re.search(r"\n\n\n|[ \t]\n", text), name


def test_programs_are_executable_and_nothing_else_is(repository):
    for name, path in files(repository).items():
        assert bool(path.stat().st_mode & 0o111) == path.read_bytes().startswith(b"#!"), name


def test_make_lists_the_verbs(repository, language):
    done = subprocess.run(["make"], cwd=repository, capture_output=True, encoding="utf-8")
    assert (done.returncode, done.stderr) == (0, "")
    verbs = re.findall(r"^  (\w+) ", done.stdout, re.MULTILINE)
    here = [
        "build",
        "train",
        "shell",
        "test",
        "check",
        "lint",
        "contract",
        "runs",
        "doctor",
        "clean",
    ]
    there = ["deploy", "push", "submit", "tune", "logs", "stop", "fetch"]
    assert [verb for verb in verbs if verb != "lock"] == [*here, *there]
    assert ("lock" in verbs) == (language == "python")
    # Each is a goal too, and nothing else is.
    makefile = (repository / "Makefile").read_text(encoding="utf-8")
    assert re.findall(r"^(\w+): ", makefile, re.MULTILINE) == ["help", *verbs]


# ---- The job -------------------------------------------------------------------------------


def assert_valid(value, shape, name="request"):
    """Hold a value against a shape of botocore's model, with all the limits that botocore skips."""
    if shape.type_name == "structure":
        for member, content in value.items():
            assert_valid(content, shape.members[member], f"{name}.{member}")
    elif shape.type_name == "list":
        for content in value:
            assert_valid(content, shape.member, f"{name}[]")
    elif shape.type_name == "map":
        for key, content in value.items():
            assert_valid(key, shape.key, f"{name} key")
            assert_valid(content, shape.value, f"{name}.{key}")
    limits = shape.metadata
    if shape.type_name in ("string", "list", "map"):
        assert limits.get("min", 0) <= len(value) <= limits.get("max", len(value)), name
    if shape.type_name == "integer":
        assert limits.get("min", value) <= value <= limits.get("max", value), name
    if "pattern" in limits:
        assert re.fullmatch(limits["pattern"], value), name
    if "enum" in limits:
        assert value in limits["enum"], name


@pytest.mark.parametrize(
    ("region", "slug"),
    [
        ("us-east-1", "p2"),
        ("us-gov-west-1", "penguin-training"),
        ("cn-northwest-1", "a-slug-of-the-forty-characters-it-may-ha"),
    ],
)
def test_training_job_is_a_valid_request(bake, language, region, slug):
    repository = bake(language, project_slug=slug, aws_region=region)
    request = json.loads((repository / "training-job.json").read_text(encoding="utf-8"))
    model = get_session().get_service_model("sagemaker")
    shape = model.operation_model("CreateTrainingJob").input_shape
    report = ParamValidator().validate(request, shape)
    assert not report.has_errors(), report.generate_report()
    assert_valid(request, shape)
    # Each submission puts the time behind the name.
    name = f"{request['TrainingJobName']}-20251231-235959"
    assert_valid(name, shape.members["TrainingJobName"])
    for bucket in re.findall(r"s3://([^/]*)", json.dumps(request)):
        assert re.fullmatch(r"[a-z0-9][a-z0-9-]{1,61}[a-z0-9]", bucket)


def test_tuning_job_is_valid_and_its_objective_a_metric_c95(repository):
    tuning = json.loads((repository / "tuning-job.json").read_text(encoding="utf-8"))
    request = json.loads((repository / "training-job.json").read_text(encoding="utf-8"))
    model = get_session().get_service_model("sagemaker")
    shape = model.operation_model("CreateHyperParameterTuningJob").input_shape
    report = ParamValidator().validate(tuning, shape)
    assert not report.has_errors(), report.generate_report()
    # A name that is too long is cut.
    config = tuning["HyperParameterTuningJobConfig"]
    assert_valid(config, shape.members["HyperParameterTuningJobConfig"])
    metrics = [each["Name"] for each in request["AlgorithmSpecification"]["MetricDefinitions"]]
    assert config["HyperParameterTuningJobObjective"]["MetricName"] in metrics


def test_arn_and_registry_are_those_of_the_region():
    for partition in (
        get_session().get_component("data_loader").load_data("partitions")["partitions"]
    ):
        for region in partition["regions"]:
            if region.endswith("-global"):
                continue
            questions = generate_context(TEMPLATE / "cookiecutter.json")
            questions["cookiecutter"]["aws_region"] = region
            answers = prompt_for_config(questions, no_input=True)
            assert answers["__partition"] == partition["id"]
            assert answers["__dns_suffix"] == partition["outputs"]["dnsSuffix"]


# ---- Ways to generate ----------------------------------------------------------------------


def test_a_path_with_blanks_and_letters_of_other_languages_will_do(cookiecutter, tmp_path):
    place = tmp_path / "Käse & Brot 데이터"
    place.mkdir()
    done = cookiecutter("--no-input", "--output-dir", place, "language=r")
    assert done.returncode == 0, done.stderr
    assert set(files(place / "penguin-training")) == expected_files("r")


def test_answers_can_be_preset_by_a_file(cookiecutter, tmp_path):
    preset = {"language": "java", "author": "Müller GmbH", "aws_region": "eu-central-1"}
    config = tmp_path / "config.yaml"
    config.write_text(yaml.safe_dump({"default_context": preset}), encoding="utf-8")
    done = cookiecutter("--no-input", "--config-file", config, "--output-dir", tmp_path)
    assert done.returncode == 0, done.stderr
    repository = tmp_path / "penguin-training"
    assert set(files(repository)) == expected_files("java")
    assert "(c) Müller GmbH\n" in (repository / "LICENSE").read_text(encoding="utf-8")
    assert ".eu-central-1." in (repository / "training-job.json").read_text(encoding="utf-8")


def test_a_preset_choice_that_does_not_exist_is_an_error_if_warnings_are(cookiecutter, tmp_path):
    config = tmp_path / "team.yaml"
    config.write_text("default_context:\n  language: Python\n  author: Ada\n", encoding="utf-8")
    answers = ["--no-input", "--config-file", config, "--output-dir", tmp_path]
    refused = cookiecutter(*answers, PYTHONWARNINGS="error")
    assert refused.returncode == 1
    assert "Python provided for choice variable language" in refused.stderr
    assert list(tmp_path.iterdir()) == [config]
    # Else the presets behind it are dropped: once this fails, the README need not speak of it.
    assert cookiecutter(*answers).returncode == 0
    assert "Ada" not in (tmp_path / "penguin-training/LICENSE").read_text(encoding="utf-8")


def test_answers_can_be_typed(cookiecutter, tmp_path):
    # In the order of the questions; an empty line takes the default.
    typed = ["Seal training", "", "", "Ada Lovelace", "2", "", "4", "2"]
    done = cookiecutter("--output-dir", tmp_path, typed="".join(f"{line}\n" for line in typed))
    assert done.returncode == 0, done.stderr
    repository = tmp_path / "seal-training"
    assert set(files(repository)) == expected_files("r") - CI
    license = (repository / "LICENSE").read_text(encoding="utf-8")
    assert license.startswith("Copyright (c) Ada Lovelace. All rights reserved.\n")
    for prompt in QUESTIONS["__prompts__"].values():
        texts = [prompt] if isinstance(prompt, str) else prompt.values()
        assert all(text in done.stdout for text in texts)


def test_generating_again_over_the_same_place_changes_nothing(cookiecutter, language, tmp_path):
    contents = []
    for _ in range(2):
        done = cookiecutter("--no-input", "-f", "--output-dir", tmp_path, f"language={language}")
        assert done.returncode == 0, done.stderr
        found = files(tmp_path / "penguin-training")
        contents.append({name: path.read_bytes() for name, path in found.items()})
    assert contents[0] == contents[1]
    assert set(contents[0]) == expected_files(language)

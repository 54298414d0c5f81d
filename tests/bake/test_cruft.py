"""A generated repository and a later version of the template: `cruft update` keeps the edits."""

import os
import subprocess
import sys

import pytest
from support import copy_template

GENERATED = "{{cookiecutter.project_slug}}"

# The user's model and dependency file, and the template's program, by language.
PLACES = {
    "python": ("training/model.py", "requirements.txt", "training/job/stop.py"),
    "r": ("training/model.R", "packages.txt", "training/job/channels.R"),
    "java": (
        "src/main/java/training/Model.java",
        "pom.xml",
        "src/main/java/training/OptMl.java",
    ),
}


@pytest.fixture
def run(tmp_path):
    """Function: folder and command → its output; it must succeed."""
    environment = os.environ | {
        "HOME": str(tmp_path),
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_SYSTEM": os.devnull,
        **{
            f"GIT_{who}_{what}": "t@example.com"
            for who in ("AUTHOR", "COMMITTER")
            for what in ("NAME", "EMAIL")
        },
    }
    # Set, it would hide what a hook leaves.
    environment.pop("PYTHONDONTWRITEBYTECODE", None)

    def run(folder, *command):
        done = subprocess.run(
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
        )
        assert done.returncode == 0, f"{command}:\n{done.stdout}"
        return done.stdout

    return run


@pytest.fixture
def template(run, tmp_path):
    """The template as a git repository of its own, to make a second version of."""
    copy = copy_template(tmp_path / "template")
    commit(run, copy, "init")
    return copy


def commit(run, folder, message):
    if message == "init":
        run(folder, "git", "init", "--quiet", "--initial-branch=main")
    run(folder, "git", "add", "--all")
    run(folder, "git", "commit", "--quiet", f"--message={message}")


def append(path, line):
    path.write_text(path.read_text(encoding="utf-8") + line, encoding="utf-8")


def prepend(path, line):
    """Insert a line behind the first, which may be a #! line."""
    first, rest = path.read_text(encoding="utf-8").split("\n", 1)
    path.write_text(f"{first}\n{line}{rest}", encoding="utf-8")


def test_an_update_keeps_the_edits_and_brings_the_templates(run, template, language, tmp_path):
    cruft = [sys.executable, "-m", "cruft"]
    answers = f'{{"language": "{language}", "project_name": "Seal \\"1\\""}}'
    run(tmp_path, *cruft, "create", str(template), "--no-input", "--extra-context", answers)
    repository = tmp_path / "seal-1"
    commit(run, repository, "init")
    run(repository, *cruft, "check")
    assert run(repository, *cruft, "diff").strip() == ""

    # The user's edits, in the files that the README calls theirs, and at the end of the Makefile.
    model, dependencies, opt_ml = PLACES[language]
    theirs = [model, dependencies, "training-job.json", "README.md", "contract.ini"]
    for name in theirs:
        (repository / name).write_text(f"the user's {name}\n", encoding="utf-8")
    (repository / "data" / "validation" / "penguins.csv").unlink()
    (repository / "data" / "training" / "penguins.csv").unlink()
    (repository / "data" / "training" / "seals.csv").write_text("a,b\n1,2\n", encoding="utf-8")
    helper = (repository / model).with_name("Helper.txt")
    helper.write_text("the user's\n", encoding="utf-8")
    append(repository / "Makefile", "\n# the user's\n")
    commit(run, repository, "Edit")
    before = {
        path: path.read_bytes()
        for path in repository.rglob("*")
        if path.is_file() and ".git" not in path.relative_to(repository).parts
    }

    # The template's second version changes the same files, and its own, and adds one.
    shared = template / GENERATED
    tree = shared / "languages" / language
    changed = [opt_ml, "tools/local/run.py", "Makefile"]
    for name in [*theirs, *changed, "data/README.md", "data/training/penguins.csv"]:
        path = shared / name if (shared / name).exists() else tree / name
        json = path.suffix == ".json"
        prepend(path, '  "EnableNetworkIsolation": false,\n' if json else "# version 2\n")
    (shared / "new.sh").write_text("#!/bin/sh\necho new\n", encoding="utf-8")
    commit(run, template, "Version 2")
    run(repository, *cruft, "update", "--skip-apply-ask")

    after = {
        path: path.read_bytes()
        for path in repository.rglob("*")
        if path.is_file() and ".git" not in path.relative_to(repository).parts
    }
    assert not [path for path in after if path.suffix in (".rej", ".orig")]
    assert not [path for path, content in after.items() if b"<<<<<<<" in content]
    different = {path for path in before | after if before.get(path) != after.get(path)}
    assert {path.relative_to(repository).as_posix() for path in different} == {
        ".cruft.json",
        "new.sh",
        *changed,
    }
    for name in changed:
        assert "# version 2\n" in (repository / name).read_text(encoding="utf-8")
    assert (repository / "Makefile").read_text(encoding="utf-8").endswith("\n# the user's\n")
    assert os.access(repository / "new.sh", os.X_OK)
    run(repository, *cruft, "check")

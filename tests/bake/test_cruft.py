"""A generated repository and a later version of the template: `cruft update` keeps the edits."""

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib

import pytest
from support import copy_template

GENERATED = "{{cookiecutter.project_slug}}"

# The user's model, what Renovate follows, and a file of the template's program, by language.
PLACES = {
    "python": ("training/model.py", "requirements.txt", "training/job/outcome.py"),
    "r": ("training/model.R", "packages.txt", "training/job/outcome.R"),
    "java": (
        "src/main/java/training/Model.java",
        "pom.xml",
        "src/main/java/training/job/Channels.java",
    ),
}
# What is the template's; all else is the user's.
OF_TEMPLATE = re.compile(
    r"tools/|\.|(Dockerfile|Makefile|build_and_push\.sh|pyproject\.toml|AGENTS\.md)$"
    r"|(src/main/java/)?training/(job/|train\.|Train\.java)"
)
OWN_LINE = "    # What else you have made your own: a line each, below this one"


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


def replace(path, old, new):
    """Replace what stands there once."""
    text = path.read_text(encoding="utf-8")
    assert text.count(old) == 1, f"{old} in {path}"
    path.write_text(text.replace(old, new), encoding="utf-8")


def prepend(path, line):
    """Insert a line behind the first, which may be a #! line."""
    first, rest = path.read_text(encoding="utf-8").split("\n", 1)
    path.write_text(f"{first}\n{line}{rest}", encoding="utf-8")


def skipped(repository):
    text = (repository / "pyproject.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)["tool"]["cruft"]["skip"]


def files(repository):
    """Each file of a git repository: its path → its content."""
    return {
        path.relative_to(repository).as_posix(): path.read_bytes()
        for path in repository.rglob("*")
        if path.is_file() and ".git" not in path.relative_to(repository).parts
    }


def test_what_is_the_users_is_skipped_and_nothing_else(repository):
    skip = skipped(repository)
    assert skip == sorted(skip, key=skip.index) and len(skip) == len(set(skip))
    for name in files(repository):
        theirs = any(name == each or name.startswith(f"{each}/") for each in skip)
        assert theirs != bool(OF_TEMPLATE.match(name)), name
    for each in skip:
        assert (repository / each).exists(), each


def test_an_update_keeps_the_edits_and_brings_the_templates(run, template, language, tmp_path):
    cruft = [sys.executable, "-m", "cruft"]
    answers = f'{{"language": "{language}", "project_name": "Seal \\"1\\""}}'
    run(tmp_path, *cruft, "create", str(template), "--no-input", "--extra-context", answers)
    repository = tmp_path / "seal-1"
    commit(run, repository, "init")
    run(repository, *cruft, "check")
    assert run(repository, *cruft, "diff").strip() == ""
    check = [sys.executable, "tools", "check"]
    assert re.fullmatch("SageMaker would start: .* train\n", run(repository, *check, "--strict"))

    # The user's edits: their files, of which Renovate moves one; a contract test skipped; own
    # verbs, in local.mk and at the end of the Makefile; files of the template removed, one made
    # their own.
    model, dependencies, job = PLACES[language]
    theirs = [model, dependencies, "training-job.json", "README.md"]
    for name in theirs:
        (repository / name).write_text(f"the user's {name}\n", encoding="utf-8")
    shutil.rmtree(repository / "data" / "validation")
    (repository / "data" / "training" / "penguins.csv").unlink()
    (repository / "data" / "training" / "seals.csv").write_text("a,b\n1,2\n", encoding="utf-8")
    (repository / "tools/contract/pytest.ini").unlink()
    (repository / ".editorconfig").unlink()
    (repository / model).with_name("Helper.txt").write_text("the user's\n", encoding="utf-8")
    append(repository / "contract.ini", "test_c4_entrypoint_is_in_exec_form = it is their way\n")
    append(repository / "Makefile", "\n# the user's\n")
    (repository / "local.mk").write_text("own: ; @echo theirs\n", encoding="utf-8")
    own = ".dockerignore"
    append(repository / own, "*.log\n")
    lines = (repository / "pyproject.toml").read_text(encoding="utf-8").split(OWN_LINE)
    end = lines[1].index("\n") + 1
    lines[1] = f'{lines[1][:end]}    "{own}",\n{lines[1][end:]}'
    (repository / "pyproject.toml").write_text(OWN_LINE.join(lines), encoding="utf-8")
    commit(run, repository, "Edit")
    before = files(repository)

    # The template's second version changes the same files, and its own; moves the versions that it
    # owns; adds a file, and one that is the user's.
    shared = template / GENERATED
    tree = shared / "languages" / language
    changed = [job, "tools/__main__.py", "tools/contract/start.py", "Makefile"]
    for name in [
        *theirs,
        *changed,
        own,
        "contract.ini",
        "data/README.md",
        "data/training/penguins.csv",
    ]:
        path = shared / name if (shared / name).exists() else tree / name
        in_json = path.suffix == ".json"
        prepend(path, '  "EnableNetworkIsolation": false,\n' if in_json else "# version 2\n")
    append(shared / "tools/contract/pytest.ini", "# version 2\n")
    append(shared / ".editorconfig", "# version 2\n")
    workflow = shared / ".github/workflows/ci.yml"
    text = workflow.read_text(encoding="utf-8")
    workflow.write_text(re.sub(r"@[0-9a-f]{40} # v", f"@{40 * '0'} # v9", text), encoding="utf-8")
    text = (tree / "Dockerfile").read_text(encoding="utf-8")
    text, moved = re.subn(r"^((?:ARG \w*BASE=|FROM )\S+:[^\s@]+)", r"\1-2", text, flags=re.M)
    assert moved
    (tree / "Dockerfile").write_text(text, encoding="utf-8")
    replace(shared / "pyproject.toml", OWN_LINE, f'    "notes.md",\n{OWN_LINE}')
    (shared / "notes.md").write_text("version 2\n", encoding="utf-8")
    (shared / "tools/new.sh").write_text("#!/bin/sh\necho new\n", encoding="utf-8")
    (shared / "tools/new.sh").chmod(0o755)
    commit(run, template, "Version 2")
    run(repository, *cruft, "update", "--skip-apply-ask")

    after = files(repository)
    assert not [name for name in after if name.endswith((".rej", ".orig"))]
    assert not [name for name, content in after.items() if b"<<<<<<<" in content]
    different = {name for name in before | after if before.get(name) != after.get(name)}
    versions = {".github/workflows/ci.yml", "Dockerfile"}
    news = {".cruft.json", "pyproject.toml", "tools/new.sh", "notes.md", "tools/checksums.txt"}
    assert different == news | versions | set(changed)
    for name in changed:
        assert b"# version 2\n" in after[name]
    assert after["Makefile"].endswith(b"\n# the user's\n")
    assert run(repository, "make", "--no-print-directory", "own") == "theirs\n"
    assert {own, "notes.md"} < set(skipped(repository))
    assert os.access(repository / "tools/new.sh", os.X_OK)
    run(repository, *cruft, "check")
    # What is found is what the edits above broke: the request, which is no JSON any more.
    found = subprocess.run([*check, "--format", "json"], cwd=repository, capture_output=True).stdout
    assert {each["rule"] for each in json.loads(found)} == {"json-invalid"}
    assert {each["file"] for each in json.loads(found)} == {"training-job.json"}
    # What the user removed stays away.
    assert not {"tools/contract/pytest.ini", ".editorconfig", "data/validation"} & set(after)

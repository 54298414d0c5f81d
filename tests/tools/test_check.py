"""tools/check: what it finds in wrong repositories, and in right ones: nothing."""

import json
import os
import re
import shutil
import subprocess

import pytest
from corpus.load import check_repository
from corpus.right import RIGHT
from corpus.wrong import WRONG
from support import LANGUAGES, oldest_python

SCRIPT = "tools check"


@pytest.fixture
def edited(bake, tmp_path):
    """Function: an edit → a copy of a generated repository, edited."""

    def edit(change):
        folder = tmp_path / "repository"
        shutil.copytree(bake_once(bake, change.language), folder)
        change.apply(folder)
        return folder

    return edit


BAKED = {}


def bake_once(bake, language):
    if language not in BAKED:
        BAKED[language] = bake(language)
    return BAKED[language]


def run(folder, *arguments):
    """Run the script as a user does, with the oldest Python that it promises."""
    done = subprocess.run(
        [oldest_python(), "-B", *SCRIPT.split(), *arguments],
        cwd=folder,
        capture_output=True,
        encoding="utf-8",
        timeout=60,
    )
    assert "Traceback" not in done.stderr, done.stderr
    return done


def test_a_new_repository_has_no_finding(repository):
    done = run(repository, "--strict")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_the_corpus_is_as_large_as_it_says():
    assert len(WRONG) >= 60 and len({each[0] for each in WRONG}) == len(WRONG)
    assert len(RIGHT) >= 40 and len({each[0] for each in RIGHT}) == len(RIGHT)
    assert {each[2] for each in WRONG} == set(check_repository.RULES)


@pytest.mark.parametrize("row", WRONG, ids=[each[0] for each in WRONG])
def test_what_is_wrong_is_found(edited, row):
    _, change, rule, sentence, *others = row
    folder = edited(change)
    findings = check_repository.check(folder)
    (first, *_) = [each for each in findings if each.rule == rule] or [None]
    assert first, findings
    assert any(sentence in each.message for each in findings if each.rule == rule), findings
    assert {each.rule for each in findings} == {rule, *others}
    for each in findings:
        lines = (folder / each.file).read_bytes().count(b"\n") + 1
        assert 1 <= each.line <= lines
        assert ": " in each.message and each.message.isprintable()


@pytest.mark.parametrize("row", RIGHT, ids=[each[0] for each in RIGHT])
def test_what_is_right_is_not_found(edited, row):
    assert check_repository.check(edited(row[1])) == []


# ---- The command ---------------------------------------------------------------------------


def by_name(name):
    return next(each[1] for each in WRONG if each[0] == name)


def test_a_finding_is_one_line_and_exit_code_1(edited):
    done = run(edited(by_name("shell form")))
    assert done.returncode == 1
    assert re.fullmatch(
        r"Dockerfile:\d+: shell-form: ENTRYPOINT is in shell form, .*: "
        r'write ENTRYPOINT \["python", "train.py"\] \(C4\)\n',
        done.stdout,
    )
    assert done.stderr == "Errors: 1, warnings: 0. --explain RULE teaches a rule.\n"


def test_a_finding_names_the_line(edited):
    folder = edited(by_name("a number"))
    (finding,) = check_repository.check(folder)
    lines = (folder / finding.file).read_text(encoding="utf-8").splitlines()
    assert lines[finding.line - 1].strip() == '"rounds": 100,'


def test_warnings_count_with_strict_only(edited):
    folder = edited(by_name("a user"))
    assert run(folder).returncode == 0
    assert run(folder, "--strict").returncode == 1


def test_the_forms_of_other_programs(edited):
    folder = edited(by_name("a user"))
    assert run(folder, "--format", "github").stdout.startswith("::warning file=Dockerfile,line=")
    (finding,) = json.loads(run(folder, "--format", "json").stdout)
    assert (finding["rule"], finding["severity"]) == ("non-root", "warning")


@pytest.mark.parametrize("rule", sorted(check_repository.RULES))
def test_each_rule_is_taught(repository, rule, capsys):
    assert check_repository.main(["--explain", rule]) == 0
    first, _, lesson = capsys.readouterr().out.partition("\n\n")
    assert first.startswith(f"{rule}, ")
    assert len(lesson) > 150


@pytest.mark.parametrize("arguments", [["--explain", "x"], ["--formt"], ["nowhere"], ["--format"]])
def test_wrong_usage_is_exit_code_2(repository, arguments):
    assert run(repository, *arguments).returncode == 2


def test_it_is_run_by_make_check_before_the_linter(repository):
    done = subprocess.run(
        ["make", "-n", "check", "CONTAINER_ENGINE=engine"],
        cwd=repository,
        capture_output=True,
        encoding="utf-8",
        env={name: value for name, value in os.environ.items() if not name.startswith("MAKE")},
    )
    assert done.stdout.splitlines()[0] == f"python3 {SCRIPT} --strict"


def test_make_build_does_not_run_it(repository):
    makefile = (repository / "Makefile").read_text(encoding="utf-8")
    assert makefile.count(SCRIPT) == 1


# ---- Modes ---------------------------------------------------------------------------------


def test_where_no_modes_are_kept_git_is_asked_or_nothing_said(edited):
    folder = edited(by_name("no x bit"))
    assert [each.rule for each in check_repository.check(folder)] == ["not-executable"]
    for path in folder.rglob("*"):
        path.chmod(0o755)  # NTFS
    (folder / "training/train.py").chmod(0o755)
    assert check_repository.check(folder) == []
    for mode, rules in (("-x", ["not-executable"]), ("+x", [])):
        for command in (["init", "--quiet"], ["add", "."]):
            subprocess.run(["git", "-c", "core.fileMode=false", *command], cwd=folder, check=True)
        chmod = ["git", "update-index", f"--chmod={mode}", "training/train.py"]
        subprocess.run(chmod, cwd=folder, check=True)
        assert [each.rule for each in check_repository.check(folder)] == rules


# ---- Whatever lies there -------------------------------------------------------------------

STRANGE = {
    "no Dockerfile": lambda folder: (folder / "Dockerfile").unlink(),
    "no request": lambda folder: (folder / "training-job.json").unlink(),
    "a list": lambda folder: (folder / "training-job.json").write_text("[]"),
    "deep": lambda folder: (folder / "training-job.json").write_text("[" * 100_000),
    "deep variables": lambda folder: (folder / "Dockerfile").write_text(
        "FROM a\nENV A=" + "${a:-" * 5000 + "}" * 5000 + "\n"
    ),
    "doubling": lambda folder: (folder / "Dockerfile").write_text(
        "FROM a:1\nENV A=xxxxxxxx\n" + "ENV A=$A$A\n" * 60
    ),
    "nothing": lambda folder: [
        shutil.rmtree(path) if path.is_dir() else path.unlink() for path in folder.iterdir()
    ],
    "bytes": lambda folder: (folder / "Dockerfile").write_bytes(bytes(range(256)) * 9),
    "large": lambda folder: (folder / "Dockerfile").write_bytes(b"RUN a\n" * 100_000),
}


@pytest.mark.parametrize("name", STRANGE)
def test_what_can_not_be_read_is_said(edited, name):
    folder = edited(by_name("shell form"))
    STRANGE[name](folder)
    rules = {each.rule for each in check_repository.check(folder)}
    assert rules & {"unreadable", "json-invalid"}, rules


def test_a_pipe_does_not_hold_it_up(edited):
    folder = edited(by_name("shell form"))
    (folder / "Dockerfile").unlink()
    os.mkfifo(folder / "Dockerfile")
    assert "there is no Dockerfile" in run(folder).stdout


def test_a_request_of_other_shapes_is_no_crash(edited):
    folder = edited(by_name("shell form"))
    path = folder / "training-job.json"
    request = json.loads(path.read_text(encoding="utf-8"))
    keys = [*request, "ContainerArguments"]
    for key in keys:
        for value in (None, 1, "x", [], [1, None, {}], {}, {"Name": 1, "LocalPath": 1}):
            path.write_text(json.dumps(request | {key: value}), encoding="utf-8")
            assert isinstance(check_repository.check(folder), list)


@pytest.mark.parametrize("language", LANGUAGES)
def test_names_of_languages_are_those_of_the_template(bake, language):
    repository = check_repository.read_repository(bake_once(bake, language))
    assert repository.language.name.lower() == language
    assert repository.image.entrypoint.json == list(repository.language.command)

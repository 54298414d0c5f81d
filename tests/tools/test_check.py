"""tools/check: what it finds in wrong repositories, and in right ones: nothing."""

import importlib.util
import json
import os
import re
import shutil
import subprocess
from functools import cache

import pytest
from corpus import public
from corpus.load import command
from corpus.right import RIGHT
from corpus.whole import ROWS
from corpus.wrong import WRONG
from support import LANGUAGES, TEMPLATE, oldest_python

PROGRAM = ["tools", "check"]


@pytest.fixture(scope="module")
def baked(bake):
    """Function: language → a generated repository, path → text and path → x bit."""

    @cache
    def read(language):
        folder = bake(language)
        texts = command.read_folder(folder)
        modes = {each: os.access(folder / each, os.X_OK) for each in texts}
        return texts, modes

    return read


@pytest.fixture
def edited(baked):
    """Function: an edit → path → text of a generated repository, edited; and its findings."""

    def edit(change):
        texts, modes = baked(change.language)
        texts = change.apply(dict(texts))
        return texts, command.check(texts, modes)

    return edit


@pytest.fixture
def written(bake, tmp_path):
    """Function: an edit → a generated repository on the disk, edited."""

    def write(change):
        folder = bake(change.language)
        before = command.read_folder(folder)
        for name, text in change.apply(dict(before)).items():
            if text != before.get(name):
                (folder / name).write_text(text, encoding="utf-8", newline="")
        return folder

    return write


def run(folder, *arguments):
    """Run the verb as a user does, with the oldest Python that it promises."""
    done = subprocess.run(
        [oldest_python(), "-B", *PROGRAM, *arguments],
        cwd=folder,
        capture_output=True,
        encoding="utf-8",
        timeout=60,
    )
    assert "Traceback" not in done.stderr, done.stderr
    return done


def test_a_new_repository_has_no_finding(repository, language):
    done = run(repository, "--strict")
    assert (done.returncode, done.stdout) == (0, "")
    program = {
        "python": "python train.py",
        "r": "Rscript train.R",
        "java": "java -jar training.jar",
    }
    assert done.stderr == f"SageMaker would start: {program[language]} train\n"


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ('ENTRYPOINT ["server"]', "SageMaker would start: server train\n"),
        (
            "ENTRYPOINT python train.py",
            "SageMaker would start: /bin/sh -c 'python train.py' train\n",
        ),
        # What a base image starts is not known here.
        ('CMD ["python", "train.py"]', ""),
        ("ENTRYPOINT []", ""),
    ],
)
def test_what_sagemaker_would_start_is_told(bake, line, told):
    folder = bake("python")
    file = folder / "Dockerfile"
    file.write_text(re.sub(r"^ENTRYPOINT.*", line, file.read_text(), flags=re.MULTILINE))
    assert run(folder).stderr.partition("teaches one.\n")[2] == told
    assert "SageMaker would" not in run(folder, "--format", "json").stderr


def test_the_corpus_is_as_large_as_it_says():
    assert len(WRONG) >= 60 and len({each[0] for each in WRONG}) == len(WRONG)
    assert len(RIGHT) >= 40 and len({each[0] for each in RIGHT}) == len(RIGHT)
    rows = [*WRONG, *public.WRONG, *public.WARNED]
    assert {each[2] for each in rows} | {"train-on-path"} == set(command.RULES)


@pytest.mark.parametrize("row", WRONG, ids=[each[0] for each in WRONG])
def test_what_is_wrong_is_found(edited, row):
    _, change, rule, sentence, *others = row
    texts, findings = edited(change)
    (first, *_) = [each for each in findings if each.rule == rule] or [None]
    assert first, findings
    assert any(sentence in each.message for each in findings if each.rule == rule), findings
    assert {each.rule for each in findings} == {rule, *others}
    for each in findings:
        assert 1 <= each.line <= texts[each.file].count("\n") + 1
        assert ": " in each.message and each.message.isprintable()


@pytest.mark.parametrize("row", RIGHT, ids=[each[0] for each in RIGHT])
def test_what_is_right_is_not_found(edited, row):
    assert edited(row[1])[1] == []


def of(findings, severity):
    return sorted({each.rule for each in findings if each.severity == severity})


def names(rows):
    assert len({each[0] for each in rows}) == len(rows)
    return [each[0] for each in rows]


@pytest.mark.parametrize("row", public.RIGHT, ids=names(public.RIGHT))
def test_other_people_s_right_repositories_have_no_error(row):
    _, texts, warnings = row
    findings = command.check(texts, dict.fromkeys(texts, False))
    assert (of(findings, "error"), of(findings, "warning")) == ([], sorted(warnings)), findings


@pytest.mark.parametrize("row", public.WRONG, ids=names(public.WRONG))
def test_other_people_s_wrong_repositories_are_found(row):
    _, texts, rule, sentence, *others = row
    findings = command.check(texts, dict.fromkeys(texts, False))
    assert of(findings, "error") == [rule, *others], findings
    assert any(sentence in each.message for each in findings if each.rule == rule), findings
    assert all(1 <= each.line <= texts[each.file].count("\n") + 1 for each in findings)


@pytest.mark.parametrize("row", public.WARNED, ids=names(public.WARNED))
def test_what_can_not_be_known_is_a_warning(row):
    _, texts, rule = row
    findings = command.check(texts, dict.fromkeys(texts, False))
    assert (of(findings, "error"), of(findings, "warning")) == ([], [rule]), findings


@pytest.mark.parametrize("row", ROWS, ids=names(ROWS))
def test_a_whole_dockerfile_of_someone_else(row):
    _, verdict, texts = row
    findings = command.check(texts, dict.fromkeys(texts, False))
    errors, warnings = of(findings, "error"), of(findings, "warning")
    assert bool(errors) == (verdict == "wrong"), findings
    assert warnings or verdict != "unsure"


# ---- Files that are the template's -----------------------------------------------------------


def test_line_ends_and_files_that_were_removed_are_no_edits(baked):
    texts, modes = baked("python")
    texts = {**texts, "tools/image.py": texts["tools/image.py"].replace("\n", "\r\n")}
    del texts["tools/cloud/push.py"], texts["training/job/cpus.py"]
    # autocrlf turned the list itself too.
    texts["tools/checksums.txt"] = texts["tools/checksums.txt"].replace("\n", "\r\n")
    found = {(each.rule, each.file) for each in command.check(texts, modes)}
    assert found == {("crlf", "tools/image.py"), ("crlf", "tools/checksums.txt")}


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_file_of_tools_and_job_is_known(baked, language):
    texts, modes = baked(language)
    names = {each for each in texts if re.match(r"tools/|(.*/)?training/job/", each)}
    names -= {"tools/checksums.txt"}
    assert len(names) > 60
    changed = {**texts, **{each: f"{texts[each]}\n" for each in names}}
    findings = [each for each in command.check(changed, modes) if each.rule == "edited-file"]
    assert {each.file for each in findings} == names


def test_a_repository_that_the_template_did_not_make_has_no_such_file():
    texts = {"Dockerfile": "FROM scratch\n", "tools/checksums.txt": "00000000 tools/x.py\n"}
    texts["tools/x.py"] = "1\n"
    assert "edited-file" not in {each.rule for each in command.check(texts)}


def test_a_list_of_anything_is_no_crash(baked):
    texts, modes = baked("java")
    for content in ("", "x", " \n\n", "0 0 0\n", None):
        assert command.check({**texts, "tools/checksums.txt": content}, modes) == []


# ---- The command ---------------------------------------------------------------------------


def by_name(name):
    return next(each[1] for each in WRONG if each[0] == name)


def test_a_finding_is_one_line_and_exit_code_1(written):
    done = run(written(by_name("shell form")))
    assert done.returncode == 1
    assert re.fullmatch(
        r"Dockerfile:\d+: shell-form: ENTRYPOINT is in shell form, .*: "
        r'write ENTRYPOINT \["python", "train.py"\] \(C4\)\n',
        done.stdout,
    )
    assert done.stderr == (
        "Errors: 1, warnings: 0. python3 tools check --explain RULE teaches one.\n"
        "SageMaker would start: /bin/sh -c 'python train.py' train\n"
    )


def test_a_finding_names_the_line(edited):
    texts, (finding,) = edited(by_name("a number"))
    lines = texts[finding.file].splitlines()
    assert lines[finding.line - 1].strip() == '"rounds": 100,'


def test_warnings_count_with_strict_only(written):
    folder = written(by_name("a user"))
    assert run(folder).returncode == 0
    assert run(folder, "--strict").returncode == 1


def test_the_forms_of_other_programs(written):
    folder = written(by_name("a user"))
    assert run(folder, "--format", "github").stdout.startswith("::warning file=Dockerfile,line=")
    (finding,) = json.loads(run(folder, "--format", "json").stdout)
    assert (finding["rule"], finding["severity"]) == ("non-root", "warning")


@pytest.mark.parametrize("rule", sorted(command.RULES))
def test_each_rule_is_taught(rule, capsys):
    assert command.main(["--explain", rule], TEMPLATE) == 0
    first, _, lesson = capsys.readouterr().out.partition("\n\n")
    assert first.startswith(f"{rule}, ")
    assert len(lesson) > 150
    for clause in filter(None, command.RULES[rule].clauses.split(", ")):
        assert f"\n\n{clause}. " in lesson


def test_a_rule_s_clauses_are_printed_with_their_document_s_address(repository):
    printed = run(repository, "--explain", "shell-form").stdout
    assert "\n\nC4. Use exec-form ENTRYPOINT; shell form drops `train`" in printed
    address = json.loads((TEMPLATE / "cookiecutter.json").read_text(encoding="utf-8"))["_clauses"]
    assert printed.endswith(f"All clauses, with their sources: {address}\n")


def test_the_clauses_are_those_of_the_document():
    """Where they are not: python scripts/clauses.py."""
    path = TEMPLATE / "scripts" / "clauses.py"
    spec = importlib.util.spec_from_file_location("script_clauses", path)
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    document = script.clauses((TEMPLATE / "docs/contract.md").read_text(encoding="utf-8"))
    cited = {c for each in command.RULES.values() for c in each.clauses.split(", ") if c}
    assert json.loads(script.FILE.read_text(encoding="utf-8")) == {c: document[c] for c in cited}


def test_no_number_leads_nowhere(repository):
    """F1, F18 ... were of a list that nobody has; C1 ... stand in the document."""
    document = (TEMPLATE / "docs/contract.md").read_text(encoding="utf-8")
    known = {*re.findall(r"^### (C\d+)\. ", document, re.MULTILINE)}
    for name, text in command.read_folder(repository).items():
        numbers = {*re.findall(r"\((?:[CF]\d+(?:, | and )?)+\)", text or "")}
        cited = {each for group in numbers for each in re.findall(r"[CF]\d+", group)}
        assert cited <= known, (name, cited - known)


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
    first, then = done.stdout.split("&&")
    assert (first.strip(), then.strip()) == ("python3 tools check --strict", "python3 tools lint")


def test_make_build_does_not_run_it(repository):
    makefile = (repository / "Makefile").read_text(encoding="utf-8")
    assert makefile.count("tools check") == 1


# ---- Modes ---------------------------------------------------------------------------------


def test_where_no_modes_are_kept_git_is_asked_or_nothing_said(written):
    folder = written(by_name("no x bit"))
    assert [each.rule for each in command.check_folder(folder)] == ["not-executable"]
    for path in folder.rglob("*"):
        path.chmod(0o755)  # NTFS
    (folder / "training/train.py").chmod(0o755)
    assert command.check_folder(folder) == []
    for mode, rules in (("-x", ["not-executable"]), ("+x", [])):
        for words in (["init", "--quiet"], ["add", "."]):
            subprocess.run(["git", "-c", "core.fileMode=false", *words], cwd=folder, check=True)
        chmod = ["git", "update-index", f"--chmod={mode}", "training/train.py"]
        subprocess.run(chmod, cwd=folder, check=True)
        assert [each.rule for each in command.check_folder(folder)] == rules


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
def test_what_can_not_be_read_is_said(written, name):
    folder = written(by_name("shell form"))
    STRANGE[name](folder)
    rules = {each.rule for each in command.check_folder(folder)}
    assert rules & {"unreadable", "json-invalid"}, rules


def test_a_pipe_does_not_hold_it_up(written):
    folder = written(by_name("shell form"))
    (folder / "Dockerfile").unlink()
    os.mkfifo(folder / "Dockerfile")
    assert "there is no Dockerfile" in run(folder).stdout


def test_a_request_of_other_shapes_is_no_crash(baked):
    texts, modes = baked("python")
    request = json.loads(texts["training-job.json"])
    for key in [*request, "ContainerArguments"]:
        for value in (None, 1, "x", [], [1, None, {}], {}, {"Name": 1, "LocalPath": 1}):
            changed = texts | {"training-job.json": json.dumps(request | {key: value})}
            assert isinstance(command.check(changed, modes), list)


@pytest.mark.parametrize("language", LANGUAGES)
def test_names_of_languages_are_those_of_the_template(baked, language):
    repository = command.Repository(*baked(language))
    assert repository.language.name.lower() == language
    assert repository.image.entrypoint.json == list(repository.language.command)

"""The hooks: what they refuse, in which words, and that a refusal leaves nothing behind."""

import importlib.util
import os
import shutil
import subprocess
import sys
import zlib
from importlib import metadata

import pytest
from botocore.session import get_session
from support import TEMPLATE, copy_template, tracked_files, unavailable


def load_hook(name):
    spec = importlib.util.spec_from_file_location(name, TEMPLATE / "hooks" / f"{name}.py")
    hook = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(hook)
    return hook


pre_gen = load_hook("pre_gen_project")
post_gen = load_hook("post_gen_project")

GOOD = {
    "project_name": "Penguin training",
    "project_slug": "penguin-training",
    "description": "Tells penguins apart.",
    "author": "Ada",
    "language": "r",
    "aws_region": "eu-central-1",
    "license": "mit",
    "ci": "none",
    "_template": "/tmp\n",
    "_new_lines": None,
}

SLUG_RULE = "lower-case letters (a-z) and digits, with single hyphens between them"
REGION_RULE = "it must look like us-east-1, cn-north-1 or us-gov-west-1."
ONE_LINE = "it must be one line without control characters."

BAD = [
    ("project_slug", "", SLUG_RULE),
    ("project_slug", "a", SLUG_RULE),
    ("project_slug", "a" * 41, SLUG_RULE),
    ("project_slug", "../x", SLUG_RULE),
    ("project_slug", "/tmp/x", SLUG_RULE),
    ("project_slug", "a/b", SLUG_RULE),
    ("project_slug", "..", SLUG_RULE),
    ("project_slug", "Penguins", SLUG_RULE),
    ("project_slug", "pinguïns", SLUG_RULE),
    ("project_slug", "two words", SLUG_RULE),
    ("project_slug", "a_b", SLUG_RULE),
    ("project_slug", "a.b", SLUG_RULE),
    ("project_slug", "a--b", SLUG_RULE),
    ("project_slug", "-a", SLUG_RULE),
    ("project_slug", "1a", SLUG_RULE),
    ("project_slug", "a-", SLUG_RULE),
    ("project_slug", "٣٣", SLUG_RULE),
    ("project_slug", "ab\n", ONE_LINE),
    ("project_slug", "com1", "Windows reserves that name"),
    ("project_slug", "nul", "Windows reserves that name"),
    ("project_name", "", 'it must be a text, such as "Penguin training".'),
    ("project_name", " \u00a0", 'it must be a text, such as "Penguin training".'),
    ("project_name", "two\nlines", ONE_LINE),
    ("project_name", "bell\a", ONE_LINE),
    ("project_name", "{{cookiecutter.author}}", "without template syntax ({{cookiecutter)."),
    ("author", "{% raw %}", "without template syntax ({%)."),
    ("author", "{=# gone #=}", "without template syntax ({=#)."),
    ("project_name", "\x1b[31mred", ONE_LINE),
    ("project_name", "next\u0085line", ONE_LINE),
    ("project_name", "line\u2028end", ONE_LINE),
    ("project_name", "half \ud800", ONE_LINE),
    ("author", "", 'it must be a text, such as "Ada Lovelace".'),
    ("author", "Ada\rmin", ONE_LINE),
    ("description", "", 'it must be a text, such as "Tells penguins apart.".'),
    ("description", "tab\tulator", ONE_LINE),
    ("description", True, "it must be text."),
    ("aws_region", "", REGION_RULE),
    ("aws_region", "mars", REGION_RULE),
    ("aws_region", "us-east", REGION_RULE),
    ("aws_region", "us-east-1a", REGION_RULE),
    ("aws_region", "US-EAST-1", REGION_RULE),
    ("aws_region", "us_east_1", REGION_RULE),
    ("language", "julia", "it must be one of python, r, java."),
    ("license", "gpl", "it must be one of mit, apache-2.0, bsd-3-clause, proprietary."),
    ("ci", "gitlab", "it must be one of github, none."),
]


@pytest.mark.parametrize(("name", "value", "rule"), BAD, ids=[f"{n}={v!a}" for n, v, _ in BAD])
def test_a_bad_answer_is_one_sentence_with_what_would_be_right(name, value, rule):
    (problem,) = pre_gen.problems(GOOD | {name: value})
    assert problem.startswith(f"{name} is ") and rule in problem
    assert problem.isprintable()


@pytest.mark.parametrize("slug", ["ab", "a1", "a-1", "a-b-c", "console", "a" * 40])
def test_good_slugs_are_taken(slug):
    assert pre_gen.problems(GOOD | {"project_slug": slug}) == []


@pytest.mark.parametrize("name", ["é", "'\"\\$<&>`", "{{ x }}", "펭귄 🐧", "👩\u200d🔬", "x" * 500])
def test_a_name_may_be_any_line_of_text(name):
    assert pre_gen.problems(GOOD | {"project_name": name, "author": name}) == []


def test_every_region_of_aws_is_taken():
    for partition in (
        get_session().get_component("data_loader").load_data("partitions")["partitions"]
    ):
        for region in partition["regions"]:
            if not region.endswith("-global"):
                assert pre_gen.problems(GOOD | {"aws_region": region}) == []


@pytest.mark.parametrize("version", ["1.7.3", "2.1.1", "2.6.0"])
def test_an_old_cookiecutter_gets_one_sentence(version, monkeypatch, capsys):
    monkeypatch.setattr(pre_gen, "cookiecutter_version", lambda: version)
    assert pre_gen.main(GOOD | {"aws_region": "mars"}) == 1
    assert capsys.readouterr().err == (
        f"ERROR: This is cookiecutter {version}: it must be 2.7 or newer "
        "(pipx upgrade cookiecutter).\n"
    )


def test_the_version_is_that_of_the_package():
    assert pre_gen.cookiecutter_version() == metadata.version("cookiecutter")


@pytest.mark.parametrize("version", ["2.7.0", "2.7.1", "2.10.0", "3.0.0rc1"])
def test_a_newer_cookiecutter_will_do(version):
    assert pre_gen.version_problems(version) == []


def test_a_real_old_cookiecutter_refuses(cookiecutter, tmp_path):
    old = tmp_path / "old"
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    pip += ["--no-deps", "--target", str(old), "cookiecutter==2.6.0"]
    try:
        installed = subprocess.run(pip, capture_output=True, text=True, timeout=30)
    except subprocess.TimeoutExpired:
        unavailable("cookiecutter 2.6.0 can't be installed here: pip took longer than 30 s")
    if installed.returncode != 0:
        unavailable(f"cookiecutter 2.6.0 can't be installed here: {installed.stderr[-200:]}")
    place = tmp_path / "place"
    place.mkdir()
    done = cookiecutter("--no-input", "--output-dir", place, PYTHONPATH=str(old))
    assert done.returncode == 1
    assert "ERROR: This is cookiecutter 2.6.0: it must be 2.7 or newer" in done.stdout + done.stderr
    assert not list(place.iterdir())


def snapshot(folder):
    return {path: path.is_file() and path.read_bytes() for path in folder.rglob("*")}


def test_all_problems_are_named_at_once(cookiecutter, tmp_path):
    bad = ["project_slug=Big Slug", "aws_region=mars", "author= ", "project_name=two\nlines"]
    done = cookiecutter("--no-input", "--output-dir", tmp_path, *bad)
    assert done.returncode == 1
    # Before the first word of cookiecutter itself.
    errors = done.stderr.split("ERROR: ")
    assert [error.split()[0] for error in errors[1:5]] == [
        "project_name",
        "author",
        "project_slug",
        "aws_region",
    ]
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("slug", ["Big", "a/b/c", "../out", "../out/in", "ab\n"])
def test_a_refused_slug_leaves_nothing_behind(cookiecutter, tmp_path, slug):
    place = tmp_path / "place"
    (place / "theirs").mkdir(parents=True)
    before = snapshot(tmp_path)
    done = cookiecutter("--no-input", "--output-dir", place, f"project_slug={slug}")
    assert done.returncode == 1
    assert "ERROR: project_slug is " in done.stderr
    assert snapshot(tmp_path) == before


@pytest.mark.parametrize("slug", ["", "."])
def test_an_empty_slug_writes_nothing_into_the_place_itself(cookiecutter, tmp_path, slug):
    (tmp_path / "theirs").write_text("theirs")
    before = snapshot(tmp_path)
    done = cookiecutter("--no-input", "-f", "--output-dir", tmp_path, f"project_slug={slug}")
    assert done.returncode == 1
    assert snapshot(tmp_path) == before


def test_a_repository_of_another_language_is_not_overwritten(cookiecutter, language, tmp_path):
    answers = ["--no-input", "-f", "--output-dir", tmp_path]
    assert cookiecutter(*answers, f"language={language}").returncode == 0
    before = snapshot(tmp_path)
    for other in {"python", "r", "java"} - {language}:
        done = cookiecutter(*answers, f"language={other}", "description=changed")
        assert done.returncode == 1
        assert (
            "ERROR: penguin-training already holds a repository whose language is "
            f"{language} ({pre_gen.PROGRAMS[language]}): " in done.stderr
        )
        assert snapshot(tmp_path) == before


@pytest.mark.parametrize("encoding", ["cp949", "ascii"])
def test_printing_never_fails_on_the_encoding_of_the_console(cookiecutter, tmp_path, encoding):
    # The hooks' own words; cookiecutter's are few and ASCII.
    console = {"PYTHONIOENCODING": encoding, "PYTHONUTF8": "0"}
    name = "project_name=Éclair 펭귄 🐧"
    answers = ["--no-input", "--output-dir", tmp_path, name]
    done = cookiecutter(*answers, "project_slug=eclair", **console)
    assert done.returncode == 0, done.stderr
    assert r"\U0001f427 is ready in eclair" in done.stdout
    readme = (tmp_path / "eclair" / "README.md").read_text(encoding="utf-8")
    assert readme.startswith("# Éclair 펭귄 🐧\n")

    done = cookiecutter(*answers, "project_slug=éclair🐧", **console)
    assert done.returncode == 1
    assert "UnicodeEncodeError" not in done.stderr
    assert r"\U0001f427" in done.stderr and "lower-case letters" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["eclair"]


# ---- The check of what was generated ---------------------------------------------------------


@pytest.fixture
def wrong_template(tmp_path):
    """A copy of the template whose Python image has a shell-form ENTRYPOINT."""
    copy = copy_template(tmp_path / "wrong template")
    dockerfile = copy / "{{cookiecutter.project_slug}}/languages/python/Dockerfile"
    text = dockerfile.read_text(encoding="utf-8")
    assert text.count('ENTRYPOINT ["python", "train.py"]') == 1
    text = text.replace('ENTRYPOINT ["python", "train.py"]', "ENTRYPOINT python train.py")
    dockerfile.write_text(text, encoding="utf-8")
    return copy


def test_a_finding_fails_the_generation_and_leaves_nothing(cookiecutter, wrong_template, tmp_path):
    place = tmp_path / "place"
    place.mkdir()
    done = cookiecutter("--no-input", "--output-dir", place, template=wrong_template)
    assert done.returncode == 1
    assert "ERROR: penguin-training is not as it should be:\nDockerfile:" in done.stderr
    assert ": shell-form: ENTRYPOINT is in shell form" in done.stderr
    assert "is ready" not in done.stdout
    assert not list(place.iterdir())
    other = cookiecutter("--no-input", "--output-dir", place, "language=r", template=wrong_template)
    assert other.returncode == 0, other.stderr


def test_the_images_that_the_hook_need_not_check_are_these(language):
    """Where they are not: python scripts/checked.py."""
    dockerfile = TEMPLATE / "{{cookiecutter.project_slug}}" / "languages" / language / "Dockerfile"
    assert post_gen.CHECKED[language] == f"{zlib.crc32(dockerfile.read_bytes()):08x}"


# ---- Over a folder that is in use ----------------------------------------------------------

# What a person has made their own, in files that the template writes too.
MODELS = {
    "python": "training/model.py",
    "r": "training/model.R",
    "java": "src/main/java/training/Model.java",
}


@pytest.mark.parametrize(
    ("language", "flags"),
    [("python", ["-f"]), ("r", ["-f", "-s"]), ("java", ["-f", "-s"])],
    indirect=["language"],
)
def test_no_file_of_a_person_is_lost(cookiecutter, language, tmp_path, flags):
    answers = ["--no-input", *flags, "--output-dir", tmp_path, f"language={language}"]
    assert "differ" not in cookiecutter(*answers).stdout
    repository, aside = tmp_path / "penguin-training", tmp_path / "penguin-training.before"
    names = ["README.md", "data/training/penguins.csv", "tools/__main__.py", MODELS[language]]
    for name in names:
        (repository / name).write_text("mine\n", encoding="utf-8")
    (repository / "data/mine.csv").write_text("mine\n", encoding="utf-8")
    before = snapshot(repository)
    done = cookiecutter(*answers)
    assert done.returncode == 0, done.stderr
    said = f"the new ones differ; the old ones are in {aside}:\n    " + "\n    ".join(sorted(names))
    assert f"{said}\n\n" in done.stdout
    assert set(snapshot(repository)) == set(before)
    assert (repository / "data/mine.csv").read_bytes() == b"mine\n"
    kept = {path.relative_to(aside).as_posix() for path in aside.rglob("*") if path.is_file()}
    assert kept == set(names)
    for name in names:
        assert (aside / name).read_bytes() == b"mine\n" != (repository / name).read_bytes()
    # Another time nothing differs; then an answer takes files away, and the first ones stay.
    assert "differ" not in cookiecutter(*answers).stdout
    assert cookiecutter(*answers, "ci=none").returncode == 0
    gone = {path.name for path in tmp_path.glob("*.before-2/.github/**/*") if path.is_file()}
    assert gone == {"ci.yml"} | ({"renovate.json"} if language != "r" else set())
    assert {path.name for path in tmp_path.iterdir()} == {
        repository.name,
        aside.name,
        f"{aside.name}-2",
    }
    assert (aside / "README.md").read_bytes() == b"mine\n"


def test_to_skip_what_exists_alone_writes_nothing(cookiecutter, tmp_path):
    answers = ["--no-input", "--output-dir", tmp_path]
    assert cookiecutter(*answers).returncode == 0
    before = snapshot(tmp_path)
    done = cookiecutter(*answers, "-s", "language=r")
    assert done.returncode == 1 and "already exists" in done.stdout + done.stderr
    assert snapshot(tmp_path) == before


def test_a_finding_leaves_an_old_folder_as_it_was(cookiecutter, wrong_template, tmp_path):
    place = tmp_path / "place"
    repository = place / "penguin-training"
    for name in ("README.md", "Dockerfile", "data/mine.csv", "tools/mine"):
        (repository / name).parent.mkdir(parents=True, exist_ok=True)
        (repository / name).write_text("mine\n", encoding="utf-8")
    (repository / "LICENSE").symlink_to("README.md")
    before = snapshot(place)
    done = cookiecutter("--no-input", "-f", "--output-dir", place, template=wrong_template)
    assert done.returncode == 1
    assert ": shell-form: ENTRYPOINT is in shell form" in done.stderr
    assert "ERROR: penguin-training is as it was before.\n" in done.stderr
    assert snapshot(place) == before
    assert (repository / "LICENSE").is_symlink()


def test_what_is_in_the_way_is_put_aside_unread(cookiecutter, tmp_path):
    repository, aside = tmp_path / "penguin-training", tmp_path / "penguin-training.before"
    # Whoever opens a pipe waits for ever: so nothing reads it, and 3 GB neither.
    for name in ("data/training/penguins.csv", "data/other", "training/model.py", "runs/a/b"):
        (repository / name).parent.mkdir(parents=True, exist_ok=True)
        os.mkfifo(repository / name)
    # A file for a folder, folders for files, and the name that the generation itself needs.
    (repository / "tools").write_text("mine", encoding="utf-8")
    for name in ("LICENSE", "Dockerfile", "languages"):
        (repository / name).mkdir()
        (repository / name / "mine").write_text("mine", encoding="utf-8")
    (tmp_path / "elsewhere").write_text("mine", encoding="utf-8")
    (repository / "README.md").symlink_to(tmp_path / "elsewhere")
    done = cookiecutter("--no-input", "-f", "--output-dir", tmp_path)
    assert done.returncode == 0, done.stderr
    kept = {path.relative_to(aside).as_posix() for path in aside.rglob("*") if not path.is_dir()}
    assert kept == {
        "data/training/penguins.csv",
        "training/model.py",
        "tools",
        "LICENSE/mine",
        "Dockerfile/mine",
        "README.md",
        "languages/mine",
    }
    for name in ("data/other", "runs/a/b"):
        assert (repository / name).is_fifo()
    assert (tmp_path / "elsewhere").read_text(encoding="utf-8") == "mine"


def test_where_nothing_can_be_put_aside_nothing_is_touched(tmp_path, monkeypatch, capsys):
    project = tmp_path / "penguin-training"
    for name in ("LICENSE", "README.md", "tools"):
        project.mkdir(exist_ok=True)
        (project / name).write_text("mine", encoding="utf-8")
    before = snapshot(tmp_path)
    move = shutil.move

    def refuse(old, new):
        if old.name == "tools":
            raise PermissionError(13, "Permission denied", str(old))
        return move(old, new)

    monkeypatch.setattr(shutil, "move", refuse)
    monkeypatch.chdir(project)
    assert pre_gen.main(GOOD) == 1
    said = capsys.readouterr().err
    assert said.startswith("ERROR: What is in penguin-training can't be kept beside it (")
    assert "Permission denied" in said and "nothing is overwritten" in said
    assert snapshot(tmp_path) == before


def test_the_names_of_what_cookiecutter_writes_are_known():
    generated = "{{cookiecutter.project_slug}}/"
    names = [name.removeprefix(generated) for name in tracked_files() if name.startswith(generated)]
    folders = ("languages", "tools")
    written = {next((f for f in folders if name.startswith(f"{f}/")), name) for name in names}
    assert set(pre_gen.SHARED) == written


def test_what_lies_untracked_in_a_language_tree_is_not_generated(tmp_path):
    languages = tmp_path / "languages"
    (languages / "r" / "training").mkdir(parents=True)
    for name in ("train.R", "sigterm.o", "sigterm.so"):
        (languages / "r" / "training" / name).touch()
    (languages / "r" / "__pycache__").mkdir()
    (languages / "python").mkdir()
    post_gen.keep_language(tmp_path, "r", None)
    assert [path.name for path in tmp_path.rglob("*")] == ["training", "train.R"]


def test_without_ci_the_users_other_files_of_github_stay(tmp_path):
    workflows = tmp_path / ".github" / "workflows"
    workflows.mkdir(parents=True)
    (workflows / "ci.yml").touch()
    (workflows.parent / "renovate.json").touch()
    (workflows / "theirs.yml").touch()
    post_gen.keep_ci(tmp_path, "none")
    assert [path.name for path in workflows.iterdir()] == ["theirs.yml"]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no modes")
def test_scripts_are_executable_even_from_a_template_that_lost_its_modes(tmp_path):
    for name, content in (("program.sh", "#!/bin/sh\n"), ("data.sh", "x\n")):
        (tmp_path / name).write_text(content)
        (tmp_path / name).chmod(0o644)
    post_gen.set_modes(tmp_path)
    modes = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.glob("*")}
    assert modes == {"program.sh": 0o755, "data.sh": 0o644}

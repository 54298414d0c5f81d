"""The records of the pages: what is masked in them, and that the pages have them."""

import subprocess
import sys
from pathlib import Path

import pytest
import record
import scenes
import weave
from support import TEMPLATE

RECORD = {"one python": "$ make check\n"}
PAGE = "Text.\n\n<!-- scene one python -->\n{}<!-- /scene -->\n\nMore.\n"
WOVEN = PAGE.format("```console\n$ make check\n```\n")


def test_the_pages_have_the_records():
    command = [sys.executable, "-B", TEMPLATE / "workshop/weave.py", "--check"]
    done = subprocess.run(command, capture_output=True, encoding="utf-8")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_the_readme_shows_the_end_of_the_record():
    record = (TEMPLATE / "workshop/records/python/lab-1-train.txt").read_text(encoding="utf-8")
    end = record[record.index("Status: Completed\n") :]
    assert f"```\n{end}```\n" in (TEMPLATE / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("between", ["", "old\n", "```console\nold\n```\n"])
def test_a_record_takes_the_place_between_its_comments(between):
    assert weave.weave(PAGE.format(between), RECORD) == (WOVEN, [])
    assert weave.weave(WOVEN, RECORD) == (WOVEN, [])


@pytest.mark.parametrize(
    "page, problem",
    [
        (PAGE.format("").replace("one", "two"), 'no record "two python"'),
        (PAGE.format("").replace("<!-- /scene -->", ""), "has no partner"),
        (PAGE.format("") + "<!-- /scene -->\n", "has no partner"),
        (PAGE.format("<!-- scene one python -->\n"), "has no partner"),
        (PAGE.format("").replace("<!-- scene", " <!-- scene"), "has no partner"),
    ],
)
def test_a_wrong_comment_is_told_and_the_page_is_left_alone(page, problem):
    text, (told,) = weave.weave(page, RECORD)
    assert text == page
    assert problem in told


@pytest.fixture
def pages(tmp_path, monkeypatch):
    """A template of one page, one scene and its record."""
    for name, text in {
        "docs/ko/learn.md": PAGE.format(""),
        "workshop/scenes/a.toml": '[one]\ncommand = "make check"\nlanguages = ["python"]\n',
        "workshop/records/python/one.txt": RECORD["one python"],
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    for module in (scenes, weave):
        monkeypatch.setattr(module, "TEMPLATE", tmp_path)
        monkeypatch.setattr(module, "RECORDS", tmp_path / "workshop/records")
    read = scenes.read_scenes
    monkeypatch.setattr(weave, "read_scenes", lambda: read(tmp_path / "workshop/scenes"))
    return tmp_path


def test_a_page_without_its_record_is_named_and_woven(pages, capsys):
    assert weave.main(["--check"]) == 1
    assert capsys.readouterr().err == (
        "docs/ko/learn.md: differs from the records: run workshop/weave.py\n"
    )
    assert weave.main([]) == 0
    assert (pages / "docs/ko/learn.md").read_text(encoding="utf-8") == WOVEN
    assert weave.main(["--check"]) == 0


def test_scenes_and_records_belong_together(pages, capsys):
    record = pages / "workshop/records/python/one.txt"
    record.rename(record.with_name("gone.txt"))
    assert weave.main(["--check"]) == 1
    assert capsys.readouterr().err.splitlines() == [
        "one is not played yet in python: use record.py",
        "workshop/records/python/gone.txt: there is no such scene",
        'docs/ko/learn.md: there is no record "one python": play it with record.py',
    ]


@pytest.mark.parametrize(
    "text, problem",
    [
        ('[one]\nexit = 1\nlanguages = ["r"]', "a.toml, scene one: "),
        ('[one]\ncommand = "x"\nexits = 1', "a.toml, scene one: "),
        ('[one]\ncommand = {r = "x"}', "a.toml, scene one: "),
        ('[one]\ncommand = "x"\nmistake = "typo"', 'there is no mistake "typo"'),
    ],
)
def test_a_wrong_scene_is_named(tmp_path, text, problem):
    (tmp_path / "a.toml").write_text(text)
    with pytest.raises(ValueError, match=problem):
        scenes.read_scenes(tmp_path)


@pytest.mark.parametrize(
    "text, seen",
    [
        ("#5 [base 1/2] FROM x\n#5 DONE 0.1s\n\nok\n", "ok\n"),
        ("runs/penguins-20261128-010256/model\n", "runs/penguins-20261201-093000/model\n"),
        (f"sha256:{64 * 'a'}\n", "sha256:…\n"),
        ("ended after 10.2 s, not in 5 s\n", "ended after … s, not in 5 s\n"),
        ("training needs some 41 MB.\n", "training needs some … MB.\n"),
        ("[01:43:06] Task\n", "[09:30:00] Task\n"),
        ("at 2026-11-28T01:02:03+00:00\n", "at 2026-12-01T09:30:00\n"),
        (
            'docker: Error response from daemon: failed: runc: exec: "train": not found: unknown.\n'
            "\nRun 'docker run --help' for more information\n",
            'docker: Error response from daemon: … exec: "train": not found\n',
        ),
        ("in /tmp/a b/.venv\n", "in ~/.venv\n"),
        ("step=1 a\nstep=2 a\nstep=3 a\nend\n", "step=1 a\nstep=2 a\nstep=3 a\nend\n"),
        ("step=1 a\nstep=2 a\nstep=3 a\nstep=4 a\n", "step=1 a\nstep=2 a\n…\nstep=4 a\n"),
    ],
)
def test_what_is_another_each_time_is_masked(text, seen):
    assert record.mask(text, False, Path("/tmp/a b")) == seen


def test_how_far_a_training_came_is_masked_where_it_is_cut_off():
    text = "step=7 training:log_loss=0.1\nResuming from checkpoint-00000007, after step 7.\n"
    seen = "step=… training:log_loss=…\nResuming from checkpoint-…, after step ….\n"
    assert record.mask(text, True, Path("/none")) == seen
    assert record.mask(text, False, Path("/none")) == text

"""What a trainer reads can be relied on: plans add up, and the answers have a source."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from readme import blocks
from support import TEMPLATE

LANGUAGES = ("en", "ko")
LABS = {"90": ["1", "2", "5"], "180": ["1", "2", "3", "4", "5"]}


def page(language, name):
    return (TEMPLATE / "docs" / language / "teach" / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_minutes_of_each_plan_add_up(language):
    plans = [part for part in page(language, "plans.md").split("\n## ")[1:] if "\n|" in part]
    assert [re.match(r"\d+", plan)[0] for plan in plans] == list(LABS)
    for plan in plans:
        rows = re.findall(r"^\| (\d+) \| (\d+) \| (.*) \|$", plan, re.MULTILINE)
        minute = 0
        for begins, takes, what in rows:
            assert int(begins) == minute, what
            minute += int(takes)
            # A lab takes a quarter of an hour.
            assert "../labs/" not in what or int(takes) >= 15, what
        whole = re.match(r"\d+", plan)[0]
        assert minute == int(whole)
        assert re.findall(r"\.\./labs/(\d)", plan) == LABS[whole]
        votes = [int(begins) for begins, _, what in rows if re.search(r"\]\(#", what)]
        assert votes[0] == 0 and len(votes) == 2
        assert votes[1] > max(int(begins) for begins, _, what in rows if "../labs/" in what)


@pytest.mark.parametrize("language", LANGUAGES)
def test_ten_questions_are_answered_each_with_a_source(language):
    parts = page(language, "questions.md").split("\n## ")[1:]
    assert [re.match(r"\d+", part)[0] for part in parts] == [str(n) for n in range(1, 11)]
    for part in parts:
        question, _, answer = part.partition("\n")
        assert question.endswith("?") and re.search(r"\[C\d+\]", answer), question


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_doctor_says_is_told_as_it_says_it(language):
    doctor = "{{cookiecutter.project_slug}}/tools/doctor.py"
    said = (TEMPLATE / doctor).read_text(encoding="utf-8")
    told = page(language, "before.md")
    for words in ("ok", "note", "MISSING", "This machine can do it.", "To be mended first:"):
        assert words in said and f"`{words}`" in told, words
    assert "docker lacks buildx" in said and "`docker lacks buildx`" in told


def test_what_is_sent_works(tmp_path):
    """All but `make train`, which each lab runs; the network's places are those of this machine."""
    (block,) = blocks(page("en", "before.md"))
    assert block.endswith("\nmake train\n")
    script = block.removesuffix("make train\n").replace("make doctor", "make doctor || true")
    script = script.replace("https://github.com/ORG/cookiecutter-sagemaker-training", str(TEMPLATE))
    script = script.replace(
        "uvx cookiecutter cookiecutter-sagemaker-training", f"cookiecutter {TEMPLATE.name}"
    )
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-ec", script + "python3 tools check\n"],
        cwd=tmp_path,
        env={**os.environ, "PATH": path, "HOME": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
    )
    assert done.returncode == 0, done.stdout
    assert re.search(r"^(This machine can do it\.|To be mended first: )", done.stdout, re.MULTILINE)
    assert done.stdout.endswith("SageMaker would start: python train.py train\n")

"""The pages of the labs and mistakes say what the programs do."""

import re

import pytest
from labs import LABS
from mistakes import DATA, MISTAKES
from support import TEMPLATE

LANGUAGES = ("en", "ko")
FINDING = re.compile(r"^\S+:\d+: ([a-z-]+): ", re.MULTILINE)


def page(language, name):
    return (TEMPLATE / "docs" / language / "labs" / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_mistake_has_its_table(language):
    text = page(language, "mistakes.md")
    own = [name for name in MISTAKES if name not in DATA]
    assert re.findall(r"^\| `lab break (.*?)` \| \|$", text, re.MULTILINE) == own
    for part in text.split("\n## ")[1:]:
        name = re.search("lab break (.*?)`", part)[1]
        # The check, the run, SageMaker with its source, the mending.
        rows = re.findall(r"^\| [^`|-].*? \| (.+) \|$", part, re.MULTILINE)
        assert len(rows) == 4 and re.search(r"\[C\d+\]", rows[2]), name
        assert f"<!-- scene {name} python -->" in part


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_table_names_the_rules_that_the_check_finds(language):
    for part in page(language, "mistakes.md").split("\n## ")[1:]:
        name = re.search("lab break (.*?)`", part)[1]
        told = set(re.findall(r"`([a-z-]+)`", re.search(r"^\| (?:The )?check .*", part, re.M)[0]))
        record = TEMPLATE / f"workshop/records/python/{name}.txt"
        assert told == set(FINDING.findall(record.read_text(encoding="utf-8"))), name


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_wrong_file_is_on_the_page_of_its_lab(language):
    text = page(language, "6-data.md")
    assert set(re.findall(r"lab break ([\w-]+)", text)) == set(DATA)


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_lab_has_its_page(language):
    for lab in LABS.values():
        text = page(language, lab.page)
        assert f"lab start {lab.number}" in text
        for name in re.findall(r"lab break ([\w-]+)", text):
            assert name in MISTAKES
        assert text.count("<details") == 1

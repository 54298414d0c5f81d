"""The Korean pages say what the English ones say."""

import re

import pytest
from support import TEMPLATE

DOCS = TEMPLATE / "docs"
ENGLISH = """# One [C1]

Text.

## Two

```sh
make train  # a comment
```

![A tree](tree.svg)
"""
KOREAN = """# 하나 [C1]

글.

## 둘

```sh
make train  # 주석
```

![나무](tree.svg)
"""


def both(name):
    """Return the text of a page in English and in Korean."""
    return [(DOCS / language / name).read_text(encoding="utf-8") for language in ("en", "ko")]


def names():
    """Return the pages of each language."""
    folders = [DOCS / "en", DOCS / "ko"]
    return [{path.relative_to(each).as_posix() for path in each.rglob("*.*")} for each in folders]


def test_each_page_and_picture_is_there_in_both_languages():
    english, korean = names()
    assert english == korean


def test_a_korean_page_has_the_headings_commands_and_pictures_of_the_english_one(scripts):
    for name in names()[0]:
        if name.endswith(".md"):
            assert scripts("translation").differences(*both(name)) == [], name


def test_no_korean_section_is_older_than_the_english_one(scripts):
    """Where one is: translate it, then python scripts/translation.py --renew PAGE."""
    for name in names()[0]:
        if name.endswith(".md"):
            assert scripts("translation").stale(*both(name)) == [], name


def test_each_clause_that_a_page_names_has_its_address(scripts):
    """Where one has not: python scripts/translation.py."""
    for path in [*DOCS.glob("en/**/*.md"), *DOCS.glob("ko/**/*.md")]:
        text = path.read_text(encoding="utf-8")
        assert scripts("translation").defined(text, path.parent) == text, path
        assert set(re.findall(r"\[(C\d+)\]", text)) == set(re.findall(r"^\[(C\d+)\]:", text, re.M))


def test_what_differs_is_named(scripts):
    translation = scripts("translation")
    assert translation.differences(ENGLISH, KOREAN) == []
    changes = {"## 둘": "### 둘", "make train": "make test", "tree.svg": "baum.svg", "[C1]": "[C2]"}
    for old, new in changes.items():
        assert len(translation.differences(ENGLISH, KOREAN.replace(old, new))) == 1, new


def test_a_stale_section_is_named_and_renewed(scripts):
    translation = scripts("translation")
    assert translation.stale(ENGLISH, KOREAN) == ["하나 [C1]", "둘"]
    korean = translation.renewed(ENGLISH, KOREAN)
    assert re.match(r"# 하나 \[C1\]\n<!-- en: [0-9a-f]{8} -->\n\n글.\n", korean)
    assert translation.renewed(ENGLISH, korean) == korean
    assert translation.stale(ENGLISH, korean) == []
    assert translation.stale(ENGLISH.replace("make train", "make test"), korean) == ["둘"]


def test_a_page_that_is_not_there_is_not_renewed(scripts, monkeypatch, capsys):
    translation = scripts("translation")
    monkeypatch.setattr("sys.argv", ["translation.py", "--renew", "README"])
    with pytest.raises(SystemExit):
        translation.main()
    assert 'there is no page "README", only index, ' in capsys.readouterr().err


def test_korean_has_one_word_for_each_thing():
    """AWS's pages mix in other words for entry point and training."""
    for path in DOCS.glob("ko/**/*.md"):
        words = "엔트리 ?포인트|교육 ?작업|교육 ?컨테이너|매개 ?변수|메트릭|쿼터|수강생|신호|처리기"
        mixed = re.findall(words, path.read_text(encoding="utf-8"))
        assert mixed == [], path


def test_pictures_have_a_ground_of_their_own_and_fetch_nothing():
    for path in DOCS.rglob("*.svg"):
        text = path.read_text(encoding="utf-8")
        assert re.search(r"<svg[^>]*>\s*(<title>.*?</title>\s*)?<rect width=\"100%\"", text), path
        assert not re.search(r"href|<script|<image|url\(h|@import", text), path

"""What a trainer has can be relied on: plans add up, answers have a source, slides fit."""

import os
import re
import subprocess
import sys
import zlib
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


# Of each slide: what does not fit, pictures that are missing.
SLIDES = """[...document.querySelectorAll("section")].map(slide => {
  const body = slide.querySelector("div");
  return {
    empty: !body.innerText.trim() && !body.querySelector("img"),
    low: body.scrollHeight > body.clientHeight,
    wide: body.scrollWidth > body.clientWidth || slide.scrollWidth > slide.clientWidth,
    missing: [...slide.querySelectorAll("img")].some(each => !each.naturalWidth),
    raw: /\\[C\\d|<!--|^#+ |^\\| /m.test(body.innerText),
  };
})"""


@pytest.fixture(scope="module")
def printed(tmp_path_factory, browser):
    """The folder into which what `make slides` runs wrote; the browser is there to print."""
    folder = tmp_path_factory.mktemp("slides")
    script = [sys.executable, str(TEMPLATE / "scripts/slides.py"), str(folder)]
    done = subprocess.run(script, capture_output=True, encoding="utf-8")
    assert (done.returncode, done.stderr) == (0, "")
    assert "scripts/slides.py" in (TEMPLATE / "Makefile").read_text(encoding="utf-8")
    return folder


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_slide_fits_and_fetches_nothing(language, printed, browser):
    browser.requests.clear()
    browser.open((printed / f"{language}.html").as_uri(), 1280, 720)
    slides = browser.run(SLIDES)
    assert len(slides) == len(asked(language)) > 15
    for number, seen in enumerate(slides, 1):
        assert not any(seen.values()), (number, seen)
    assert [each for each in browser.requests if not each.startswith(("file:", "data:"))] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_pdf_has_a_page_a_slide_and_its_letters(language, printed):
    pdf = (printed / f"{language}.pdf").read_bytes()
    assert len(re.findall(rb"/Type /Page\b", pdf)) == len(asked(language))
    # Which letters a font has stands in a stream of its own, packed.
    streams = re.findall(rb"stream\r?\n(.*?)\r?\nendstream", pdf, re.DOTALL)
    maps = [text for text in map(unpacked, streams) if b"beginbfchar" in text or b"bfrange" in text]
    letters = {int(each, 16) for text in maps for each in re.findall(rb"<([0-9A-Fa-f]{4})>", text)}
    hangul = [each for each in letters if 0xAC00 <= each <= 0xD7A3]
    assert (len(hangul) > 100) == (language == "ko")


def asked(language):
    """Return of each slide which section and which parts it shows; pages have no anchors here."""
    lines = r"^\d+\. \[[^\]]+\]\(([^)#]+)[^)]*\) (`.*`)$"
    return re.findall(lines, page(language, "slides.md"), re.MULTILINE)


def unpacked(stream):
    """Return the content of a stream of a PDF, nothing where it is packed otherwise."""
    try:
        return zlib.decompress(stream)
    except zlib.error:
        return b""


def test_both_languages_show_the_same():
    assert asked("en") == asked("ko")


def test_a_slide_of_what_is_not_there_is_named(scripts, tmp_path, monkeypatch):
    slides = scripts("slides")
    (tmp_path / "en/teach").mkdir(parents=True)
    (tmp_path / "en/page.md").write_text("# Page\n\nOne.\n\n## Two\n\n- a\n- b\n", encoding="utf-8")
    line = "1. [T](../page.md{}) `{}`\n"
    monkeypatch.setattr(slides, "DOCS", tmp_path)
    monkeypatch.setattr(slides, "TEMPLATE", tmp_path)
    for anchor, part, shown in (("", "text 1", "One."), ("#two", "item 2", "- b")):
        text = line.format(anchor, part)
        (tmp_path / "en/teach/slides.md").write_text(text, encoding="utf-8")
        assert slides.deck("en") == [("T", shown)]
    for anchor, part in (("", "text 2"), ("#three", "text 1")):
        text = line.format(anchor, part)
        (tmp_path / "en/teach/slides.md").write_text(text, encoding="utf-8")
        with pytest.raises(SystemExit) as said:
            slides.deck("en")
        assert str(said.value) == f"en/teach/slides.md: ../page.md#{anchor[1:]} has no {part}."

"""The site of docs/: nothing of it leads nowhere, and a person can read it."""

import html.parser
import re
import subprocess
import sys
import urllib.parse

import pytest
from support import TEMPLATE

LANGUAGES = ("en", "ko")
SIZES = {"phone": (390, 844), "desk": (1280, 900)}
# What a page looks like: too wide, without its pictures, with text too small or too pale to read.
LOOK = """(() => {
  const look = each => getComputedStyle(each);
  const shown = [...document.querySelectorAll(".md-content p, .md-content li, .md-content td")];
  const light = color => {
    const [r, g, b] = color.match(/[0-9.]+/g).map(Number).map(
      c => (c /= 255) <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  // The theme says its colors as hsla() or with an opacity: a canvas says what one sees.
  const canvas = document.createElement("canvas").getContext("2d", {willReadFrequently: true});
  const seen = (...colors) => {
    for (const color of colors) { canvas.fillStyle = color; canvas.fillRect(0, 0, 1, 1); }
    return light(canvas.getImageData(0, 0, 1, 1).data.slice(0, 3).join(" "));
  };
  const ground = look(document.body).backgroundColor, paper = seen("white", ground);
  return {
    lang: document.documentElement.lang,
    title: document.querySelector("h1").innerText,
    dark: paper < 0.2,
    wide: document.documentElement.scrollWidth > innerWidth,
    missing: [...document.images].filter(each => !each.naturalWidth).map(each => each.src),
    small: shown.filter(each => parseFloat(look(each).fontSize) < 12).map(each => each.innerText),
    pale: shown.filter(each => {
      const ink = seen("white", ground, look(each).color);
      return (Math.max(ink, paper) + 0.05) / (Math.min(ink, paper) + 0.05) < 4.5;
    }).map(each => each.innerText),
    broken: look(document.querySelector(".md-content")).wordBreak,
    raw: document.querySelector(".md-content").innerText.match(/\\{#|\\[!\\w+\\]|^=== /m),
  };
})()"""


class Page(html.parser.HTMLParser):
    """Anchors of a page, and what it leads to."""

    def __init__(self, file):
        super().__init__()
        self.anchors, self.targets = {""}, []
        self.feed(file.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attributes):
        found = dict(attributes)
        self.anchors.update(value for name, value in found.items() if name in ("id", "name"))
        self.targets += [value for name, value in found.items() if name in ("href", "src")]


@pytest.fixture(scope="module")
def pages(site):
    """Path on the site → page. What is there for an address that does not exist is none of them."""
    files = {path.relative_to(site).as_posix(): path for path in site.rglob("*.html")}
    return {name: Page(path) for name, path in files.items() if not name.endswith("404.html")}


def test_every_link_picture_and_anchor_leads_somewhere(site, pages):
    for name, page in pages.items():
        for target in page.targets:
            address = urllib.parse.urlparse(target)
            if address.scheme or target.startswith("//"):
                assert address.scheme in ("https", "data"), (name, target)
                continue
            path = urllib.parse.unquote(address.path)
            file = ((site / name).parent / path).resolve() if path else site / name
            assert file.exists(), (name, target)
            if file.suffix == ".html":
                there = pages[file.relative_to(site).as_posix()]
                assert urllib.parse.unquote(address.fragment) in there.anchors, (name, target)


def test_what_leads_nowhere_is_named(scripts, tmp_path, monkeypatch):
    docs = scripts("docs")
    for name in ("contract.md", "manual.md"):
        (tmp_path / name).write_text("# Title\n")
    for language in LANGUAGES:
        folder = tmp_path / language
        folder.mkdir()
        lines = "- [One](one.md)\n- [c](../contract.md)\n- [m](../manual.md)\n"
        (folder / "README.md").write_text(f"# Start\n\n## Pages\n\n{lines}", encoding="utf-8")
        (folder / "one.md").write_text("# One\n\n`[no](link.md)` [1]\n\n## 둘\n\n[2](#둘)\n")
    monkeypatch.setattr(docs, "DOCS", tmp_path)
    monkeypatch.setattr(docs, "TEMPLATE", tmp_path)
    assert docs.problems() == []
    text = "[a](two.md) ![b](b.svg) [c](../contract.md#c99) [d](#zwei)\n\n[e]: three.md\n"
    with (tmp_path / "ko" / "one.md").open("a") as page:
        page.write(text)
    (tmp_path / "en" / "lost.md").write_text("# Lost\n")
    assert docs.problems() == [
        "docs/en/README.md lists no lost.md.",
        "ko/one.md: two.md leads to no file.",
        "ko/one.md: b.svg leads to no file.",
        "ko/one.md: ../contract.md#c99 leads to no heading.",
        "ko/one.md: #zwei leads to no heading.",
        "ko/one.md: three.md leads to no file.",
    ]


def test_what_make_docs_runs_builds_the_site(tmp_path):
    script = [sys.executable, str(TEMPLATE / "scripts/docs.py"), str(tmp_path / "site")]
    done = subprocess.run(script, capture_output=True, encoding="utf-8")
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "site/ko/index.html").is_file()
    assert "scripts/docs.py" in (TEMPLATE / "Makefile").read_text(encoding="utf-8")


def test_tabs_stand_where_headings_do_on_github(scripts):
    text = "<!-- tabs -->\n#### Python {#python}\n\n```sh\na\n\nb\n```\n#### R\nc\n<!-- /tabs -->\n"
    made = '=== "Python"\n\n\n    ```sh\n    a\n\n    b\n    ```\n\n=== "R"\n\n    c\n\n'
    assert scripts("docs").tabs(text) == made


def test_a_list_holds_what_it_holds_on_github(scripts):
    text = "1. a\n\n   ```sh\n   b\n   ```\n\n2. c\n- d\n  e\n\n```yaml\n- f:\n   g\n```\n"
    made = "1. a\n\n    ```sh\n    b\n    ```\n\n2. c\n- d\n    e\n\n```yaml\n- f:\n   g\n```\n"
    assert scripts("docs").lists(text) == made


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("language", LANGUAGES)
def test_a_page_can_be_read(pages, address, browser, language, size, dark):
    browser.requests.clear()
    shown = [name for name in pages if name.startswith(f"{language}/")]
    assert shown
    for name in shown:
        browser.open(address + name, *SIZES[size], dark)
        seen = browser.run(LOOK)
        assert seen.pop("title"), name
        assert seen == {
            "lang": language,
            "dark": dark,
            "wide": False,
            "missing": [],
            "small": [],
            "pale": [],
            "broken": "keep-all" if language == "ko" else "normal",
            "raw": None,
        }, name
    outside = [each for each in browser.requests if not each.startswith((address, "data:"))]
    assert outside == []


@pytest.mark.parametrize(
    "language, word, found",
    [("en", "entrypoint", {"ENTRYPOINT"}), ("ko", "진입점", {"진입점을", "진입점으로"})],
)
def test_the_search_finds_a_word_in_its_language(address, browser, language, word, found):
    browser.open(f"{address}{language}/index.html")
    browser.wait("document.querySelector('.md-search__button')?.click() ?? true")
    root = "[...document.querySelectorAll('*')].find(each => each.shadowRoot)?.shadowRoot"
    browser.wait(f"!!{root}?.querySelector('input')")
    browser.run(f"{root}.querySelector('input').focus()")
    browser.ask("Input.insertText", text=word)
    texts = browser.wait(
        f"(texts => texts.length && texts)([...{root}.querySelectorAll('a')].map(a => a.innerText))"
    )
    for each in found:
        assert [text for text in texts if each in text], (each, texts)
    other = re.compile(r"[가-힣]")
    assert all(bool(other.search(text)) == (language == "ko") for text in texts)


@pytest.mark.parametrize("language, other", [LANGUAGES, LANGUAGES[::-1]])
def test_the_language_switch_stays_on_the_page(address, browser, language, other):
    browser.open(f"{address}{language}/learn/entrypoint.html")
    browser.run(f"document.querySelector('.md-header a[hreflang={other}]').click()")
    wanted = f"{address}{other}/learn/entrypoint.html"
    assert browser.wait(f"location.href == '{wanted}' && document.title")


def test_the_first_page_takes_a_korean_browser_to_the_korean_site(address, browser):
    for said, language in (("ko-KR", "ko"), ("de-DE", "en")):
        browser.ask("Emulation.setUserAgentOverride", userAgent="Chromium", acceptLanguage=said)
        browser.open(address)
        browser.wait(f"location.href == '{address}{language}/index.html'")

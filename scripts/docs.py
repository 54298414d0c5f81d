#!/usr/bin/env python3
"""Build the site of docs/, in English and in Korean, without a network: `make docs`.

    .venv/bin/python scripts/docs.py [FOLDER]

Writes FOLDER (else site/). The start page of a language, docs/LANGUAGE/README.md, is its table of
contents: its sections and their lists of links are the navigation. A page is plain Markdown that
GitHub shows too; what a site can do better is made here: tabs of what stands between the comments
`<!-- tabs -->` and `<!-- /tabs -->` below #### headings, anchors as GitHub makes them, and links
that lead to where a page is on the site. A link or a picture that leads nowhere fails the build.
"""

import json
import os
import posixpath
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

TEMPLATE = Path(__file__).resolve().parent.parent
DOCS = TEMPLATE / "docs"
# Language → its name there, the name of the site.
LANGUAGES = {
    "en": ("English", "Bring your own training container"),
    "ko": ("한국어", "직접 만드는 훈련 컨테이너"),
}
# Written in English only; they stay where they are, since repositories link to them.
REFERENCE = ("contract.md", "manual.md")
SOURCES = "https://github.com/ORG/cookiecutter-sagemaker-training/blob/main/"
FENCE = re.compile(r"^ *(```|~~~)")
LINK = re.compile(r"(!?\[[^\]]*\]\()([^()\s]+)(\))")
DEFINITION = re.compile(r"^(\[[^\]]+\]: )(\S+)()$")


def prose(lines):
    """Yield each line with whether it is prose, not code."""
    fence = ""
    for line in lines:
        found = FENCE.match(line)
        # Within code, the marks of the other kind are code too: Python underlines with ~~~.
        edge = found is not None and fence in ("", found[1])
        yield line, not (fence or edge)
        if edge:
            fence = "" if fence else found[1]


def slug(heading: str) -> str:
    """Return the anchor that GitHub gives a heading."""
    text = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", heading.strip()).lower()
    return re.sub(r"[^\w\- ]", "", text).replace(" ", "-")


def headings(text: str):
    """Yield level, text and anchor of each heading of a page."""
    seen = {}
    for line, is_prose in prose(text.splitlines()):
        found = is_prose and re.match(r"(#{1,6}) (.+)$", line)
        if found:
            anchor = slug(found[2])
            seen[anchor] = seen.get(anchor, -1) + 1
            yield len(found[1]), found[2], f"{anchor}-{seen[anchor]}" if seen[anchor] else anchor


def pages(language: str) -> dict[str, Path]:
    """Return the pages of a language: path on its site, without ending → file."""
    found = {}
    for path in sorted((DOCS / language).rglob("*.md")):
        name = path.relative_to(DOCS / language).with_suffix("").as_posix()
        found[re.sub(r"(^|/)README$", r"\1index", name)] = path
    if language == "en":
        found.update((name.removesuffix(".md"), DOCS / name) for name in REFERENCE)
    return found


def navigation(language: str) -> list[tuple[str, list[tuple[str, str]]]]:
    """Return the sections of the start page, each with the titles and pages it lists."""
    found, there = [], pages(language)
    start = DOCS / language / "README.md"
    places = {path.resolve(): name for name, path in there.items()}
    for line in start.read_text(encoding="utf-8").splitlines():
        if line.startswith("## "):
            found.append((line[3:], []))
        link = re.match(r"(?:-|\d+\.) \[([^\]]+)\]\(([^)#]+)\)", line)
        place = link and places.get((start.parent / link[2]).resolve())
        if place:
            found[-1][1].append((link[1], place))
    return [(title, entries) for title, entries in found if entries]


def problems() -> list[str]:
    """Return each link, anchor and picture of the pages that leads nowhere, on GitHub or here."""
    found, anchors = [], {}
    for language in LANGUAGES:
        listed = {page for _, entries in navigation(language) for _, page in entries}
        there = pages(language)
        for name in sorted(there.keys() - listed - {"index"}):
            found.append(f"docs/{language}/README.md lists no {name}.md.")
        for path in there.values():
            where = path.relative_to(TEMPLATE).as_posix()
            for line, is_prose in prose(path.read_text(encoding="utf-8").splitlines()):
                for link in links(line) if is_prose else ():
                    target, _, anchor = link.partition("#")
                    file = (path.parent / target).resolve() if target else path
                    if re.match(r"\w+:", link):
                        continue
                    if not file.exists():
                        found.append(f"{where}: {link} leads to no file.")
                    elif anchor and file.suffix == ".md":
                        if file not in anchors:
                            text = file.read_text(encoding="utf-8")
                            anchors[file] = {each for _, _, each in headings(text)}
                        if anchor not in anchors[file]:
                            found.append(f"{where}: {link} leads to no heading.")
    return found


def links(line: str) -> list[str]:
    """Return the targets of a line of prose."""
    line = re.sub(r"(`+).+?\1", "", line)
    return [each[1] for each in LINK.findall(line) + DEFINITION.findall(line)]


def tabs(text: str) -> str:
    """Return a page whose #### headings between two comments are tabs."""

    def replace(block):
        parts = re.split(r"^#### (.+)\n", block[1], flags=re.MULTILINE)
        made = parts[0]
        for title, body in zip(parts[1::2], parts[2::2], strict=True):
            indented = "".join(f"    {line}\n" if line else "\n" for line in body.splitlines())
            made += f'=== "{title.partition(" {#")[0]}"\n\n{indented}\n'
        return made

    return re.sub(r"^<!-- tabs -->\n(.*?)^<!-- /tabs -->\n", replace, text, flags=re.M | re.S)


def lists(text: str) -> str:
    """Return a page whose list items hold what GitHub takes for theirs: here they need 4 spaces."""
    lines, width = [], 0
    for line, is_prose in prose(text.splitlines()):
        item = is_prose and re.match(r"(?:[-*]|\d+\.) ", line)
        if item:
            width = item.end()
        elif line and not line.startswith(" "):
            width = 0
        belongs = width and not item and line.startswith(" " * width)
        lines.append(" " * (4 - width) + line if belongs else line)
    return "\n".join(lines) + "\n"


def staged(text: str, language: str, page: str, path: Path) -> str:
    """Return a page as Zensical takes it: with anchors, tabs, and links that hold on the site."""
    anchors = iter([each for _, _, each in headings(text)])

    def relink(found):
        target, hash_, anchor = found[2].partition("#")
        if not target or re.match(r"\w+:", target):
            return found[0]
        place = placed((path.parent / target).resolve(), language)
        if "://" not in place:
            here = posixpath.dirname(f"{language}/{page}")
            place = posixpath.relpath(place, here)
        return f"{found[1]}{place}{hash_}{anchor}{found[3]}"

    lines = []
    for line, is_prose in prose(text.splitlines()):
        if is_prose and re.match(r"#{1,6} ", line):
            line = f"{line} {{#{next(anchors)}}}"
        elif is_prose:
            line = DEFINITION.sub(relink, LINK.sub(relink, line))
        lines.append(line)
    return tabs(lists("\n".join(lines)))


def placed(file: Path, language: str) -> str:
    """Return where a file of the repository is seen: a path from the site's root, or an address.

    A page of the same language keeps its ending, by which Zensical knows it.
    """
    for other in (language, *LANGUAGES):
        for page, path in pages(other).items():
            if path == file:
                return f"{other}/{page}" + (".md" if other == language else ".html")
    if file.is_relative_to(DOCS / language):
        return file.relative_to(DOCS).as_posix()
    return SOURCES + file.relative_to(TEMPLATE).as_posix()


def configuration(language: str) -> str:
    """Return the zensical.toml of a language."""

    def entry(title, value):
        return f"{{ {json.dumps(title, ensure_ascii=False)} = {value} }}"

    _, title = LANGUAGES[language]
    sections = [
        entry(each, f"[{', '.join(entry(t, json.dumps(f'{page}.md')) for t, page in entries)}]")
        for each, entries in navigation(language)
    ]
    alternate = [
        f'{{ name = "{name}", link = "../{each}/", lang = "{each}" }}'
        for each, (name, _) in LANGUAGES.items()
    ]
    return f"""[project]
site_name = {json.dumps(title, ensure_ascii=False)}
docs_dir = "pages"
site_dir = "made"
use_directory_urls = false
nav = ["index.md", {", ".join(sections)}]
extra_css = ["theme/extra.css"]

[project.theme]
language = "{language}"
font = false
features = ["content.code.copy", "content.tabs.link", "navigation.footer", "navigation.sections",
  "navigation.top", "navigation.tracking", "search.highlight"]

[[project.theme.palette]]
media = "(prefers-color-scheme)"
toggle = {{ icon = "lucide/sun-moon", name = "System" }}

[[project.theme.palette]]
media = "(prefers-color-scheme: light)"
scheme = "default"
toggle = {{ icon = "lucide/sun", name = "Light" }}

[[project.theme.palette]]
media = "(prefers-color-scheme: dark)"
scheme = "slate"
toggle = {{ icon = "lucide/moon", name = "Dark" }}

[project.extra]
generator = false
alternate = [{", ".join(alternate)}]

[project.markdown_extensions]
attr_list = {{}}
footnotes = {{}}
md_in_html = {{}}
sane_lists = {{}}
toc.permalink = true
pymdownx.details = {{}}
pymdownx.highlight.pygments_lang_class = true
pymdownx.inlinehilite = {{}}
pymdownx.quotes.callouts = true
pymdownx.superfences = {{}}
pymdownx.tabbed.alternate_style = true
"""


def build(language: str, folder: Path) -> None:
    """Build one language into a folder."""
    with tempfile.TemporaryDirectory() as place:
        root = Path(place)
        for page, path in pages(language).items():
            file = root / "pages" / f"{page}.md"
            file.parent.mkdir(parents=True, exist_ok=True)
            text = path.read_text(encoding="utf-8")
            file.write_text(staged(text, language, page, path), encoding="utf-8")
        for path in (DOCS / language).rglob("*.svg"):
            file = root / "pages" / path.relative_to(DOCS / language)
            file.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, file)
        (root / "pages" / "theme").mkdir()
        shutil.copyfile(DOCS / "theme" / "extra.css", root / "pages" / "theme" / "extra.css")
        (root / "zensical.toml").write_text(configuration(language), encoding="utf-8")
        zensical = [sys.executable, "-m", "zensical", "build", "--strict"]
        done = subprocess.run(zensical, cwd=root, capture_output=True, encoding="utf-8")
        if done.returncode:
            sys.exit(f"Zensical fails:\n{done.stdout}{done.stderr}")
        shutil.copytree(root / "made", folder / language)
    for path in (folder / language).rglob("*.html"):
        stay(path, language)


def stay(path: Path, language: str) -> None:
    """Let the language switch of a page lead to the same page, not to the start."""
    page = re.split(rf"/{language}/", path.as_posix())[-1]

    def lead(found):
        other = found[1]
        there = page.removesuffix(".html") in pages(other)
        place = f"{other}/{page if there else 'index.html'}"
        address = os.path.relpath(place, posixpath.dirname(f"{language}/{page}"))
        return f'href="{address}" hreflang="{other}"'

    text = path.read_text(encoding="utf-8")
    # The theme's script would look for a sitemap at each of these.
    text = re.sub(r'<link rel="alternate"[^>]*>', "", text)
    text = re.sub(r'href="[^"]*" hreflang="(\w+)"', lead, text)
    path.write_text(text, encoding="utf-8")


def main(folder: Path) -> None:
    """Build the site, or say what leads nowhere."""
    found = problems()
    if found:
        sys.exit("\n".join(found))
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for language in LANGUAGES:
        build(language, folder)
    shutil.copyfile(DOCS / "theme" / "index.html", folder / "index.html")
    print(f"Site: {folder}/index.html. Search needs it served: python3 -m http.server -d {folder}")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else TEMPLATE / "site"))

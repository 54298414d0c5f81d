#!/usr/bin/env python3
"""Make slides of the pages of docs/, in English and in Korean, without a network: `make slides`.

    .venv/bin/python scripts/slides.py [FOLDER]

Writes FOLDER (else slides/): LANGUAGE.html, one file that needs no other, and LANGUAGE.pdf, which
a headless Chromium prints. The text is that of the pages. docs/LANGUAGE/teach/slides.md has a line
a slide: its title, which leads to a section, then which of its parts are shown, in backticks:

    text N, item N, quote N    the Nth paragraph, item of a list, quotation
    table N, picture N         the Nth table, the Nth picture
    scene NAME LANGUAGE        what a test recorded
"""

import base64
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

# Zensical brings it.
import markdown

from docs import DOCS, LANGUAGES, TEMPLATE, headings, prose

SLIDE = re.compile(r"^\d+\. \[([^\]]+)\]\(([^)#]+)#?([^)]*)\)(.*)$", re.MULTILINE)
SCENE = re.compile(r"<!-- scene (.+?) -->\n(.*?)<!-- /scene -->", re.DOTALL)
# How a block of each kind begins.
KINDS = {
    "picture": r"!\[",
    "item": r"[-*] |\d+\. ",
    "quote": r">",
    "table": r"\|",
    "text": r"[^<#|>\s]",
}


def sections(text: str) -> dict[str, str]:
    """Return the sections of a page: anchor, "" for its top → text. Tabs are no sections."""
    found, each, anchor = {}, iter(headings(text)), None
    for line, is_prose in prose(text.splitlines()):
        if is_prose and re.match("#{1,6} ", line):
            level, _, name = next(each)
            if level < 4:
                anchor = name if found else ""
                found[anchor] = ""
        elif found:
            found[anchor] += line + "\n"
    return found


def parts(text: str, folder: Path) -> dict[str, str]:
    """Return what a slide can show of a section: its name, such as "text 1" → Markdown."""
    found = {f"scene {name}": each for name, each in SCENE.findall(text)}
    rest = SCENE.sub("", text)
    for hidden in (r"<details.*?</details>", "<!--.*?-->", r"^```.*?^```$", r"^\[C\d+\]: [^\n]*$"):
        rest = re.sub(hidden, "", rest, flags=re.DOTALL | re.MULTILINE)
    counts = dict.fromkeys(KINDS, 0)
    for block in re.split(r"\n\s*\n|\n(?=[-*] |\d+\. )", rest):
        kind = next((each for each, begins in KINDS.items() if re.match(begins, block.strip())), "")
        if kind:
            counts[kind] += 1
            found[f"{kind} {counts[kind]}"] = plain(block.strip("\n"), folder)
    return found


def plain(text: str, folder: Path) -> str:
    """Return Markdown that needs no other file: its pictures within it, no links between pages."""

    def embed(picture):
        content = base64.b64encode((folder / picture[2]).read_bytes()).decode()
        return f"![{picture[1]}](data:image/svg+xml;base64,{content})"

    text = re.sub(r"!\[([^\]]*)\]\(([^)]+)\)", embed, re.sub(r"\[(C\d+)\]", r"\1", text))
    return re.sub(r"(?<!!)\[([^\]]+)\]\((?!https:)[^)]+\)", r"\1", text)


def deck(language: str) -> list[tuple[str, str]]:
    """Return title and Markdown of each slide of a language; exit where a line asks in vain."""
    page = DOCS / language / "teach/slides.md"
    slides = []
    for title, place, anchor, words in SLIDE.findall(page.read_text(encoding="utf-8")):
        file = page.parent / place
        there = sections(file.read_text(encoding="utf-8")).get(anchor, "")
        found, shown, before = parts(there, file.parent), "", ""
        for name in re.findall(r"`([^`]+)`", words):
            if name not in found:
                sys.exit(f"{page.relative_to(TEMPLATE)}: {place}#{anchor} has no {name}.")
            # The items of a list stay one list.
            together = before.startswith("item") and name.startswith("item")
            shown += ("\n" if together else "\n\n") + found[name]
            before = name
        slides.append((title, shown.strip()))
    return slides


def page(language: str) -> str:
    """Return the slides of a language as one HTML file."""
    _, name = LANGUAGES[language]
    style = (DOCS / "theme/slides.css").read_text(encoding="utf-8")
    made = deck(language)
    slides = ""
    for number, (title, text) in enumerate(made, 1):
        body = markdown.markdown(text, extensions=["tables", "fenced_code", "sane_lists"])
        foot = f"<footer>{name}<span>{number} / {len(made)}</span></footer>"
        head = f"<h1>{markdown.markdown(title)[3:-4]}</h1>"
        slides += f"<section>{head}<div>{body}</div>{foot}</section>\n"
    head = f'<meta charset="utf-8"><title>{name}</title><style>{style}</style>'
    body = f"<body>\n{slides}</body>"
    return f'<!doctype html>\n<html lang="{language}"><head>{head}</head>{body}</html>\n'


def main(folder: Path) -> None:
    """Write the slides of each language, and print them."""
    folder.mkdir(parents=True, exist_ok=True)
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    for language in LANGUAGES:
        file = (folder / f"{language}.html").resolve()
        file.write_text(page(language), encoding="utf-8")
        if not chromium:
            print(f"There is no chromium: open {file} in a browser, and print it there as a PDF.")
            continue
        with tempfile.TemporaryDirectory() as profile:
            pdf = file.with_suffix(".pdf")
            flags = ["--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={profile}"]
            flags += ["--no-pdf-header-footer", f"--print-to-pdf={pdf}", file.as_uri()]
            done = subprocess.run([chromium, *flags], capture_output=True, encoding="utf-8")
        if done.returncode or not pdf.exists():
            sys.exit(f"Chromium printed no PDF:\n{done.stderr}")
        print(f"Slides: {pdf}")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else TEMPLATE / "slides"))

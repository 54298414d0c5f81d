#!/usr/bin/env python3
"""Say which sections of the Korean pages are older than their English ones.

    .venv/bin/python scripts/translation.py                   names them
    .venv/bin/python scripts/translation.py --renew PAGE...   they are translated: learn/entrypoint

Below each Korean heading stands, hidden, a hash of the English section that it says in Korean.
What a test wrote into a page is no part of it: that is the same in both languages.

Both write at the end of each page, in both languages, where the clauses are that it names, [C1].
"""

import argparse
import hashlib
import os
import re
from pathlib import Path

from docs import DOCS, headings, pages, prose

HASH = re.compile(r"<!-- en: [0-9a-f]{8} -->")
WOVEN = re.compile(r"^<!-- scene .*?^<!-- /scene -->$", re.MULTILINE | re.DOTALL)


def sections(text: str) -> list[str]:
    """Return the sections of a page, each with its heading; what is woven in is left out."""
    found = []
    for line, is_prose in prose(WOVEN.sub("", text).splitlines()):
        if is_prose and re.match(r"#{1,6} ", line):
            found.append("")
        if found and not re.match(r"\[C\d+\]: ", line):
            found[-1] += line.rstrip() + "\n"
    return found


def hashes(text: str) -> list[str]:
    """Return a comment for each section of an English page."""
    each = [section.strip().encode() for section in sections(text)]
    return [f"<!-- en: {hashlib.sha256(section).hexdigest()[:8]} -->" for section in each]


def stale(english: str, korean: str) -> list[str]:
    """Return the Korean headings whose English section is another than when it was translated."""
    titles = [title for _, title, _ in headings(korean)]
    found = zip(titles, hashes(english), sections(korean), strict=False)
    return [title for title, wanted, section in found if wanted not in section]


def renewed(english: str, korean: str) -> str:
    """Return a Korean page whose sections are said to be those of the English one."""
    wanted, lines = iter(hashes(english)), []
    for line, is_prose in prose(HASH.sub("\0", korean).splitlines()):
        if line != "\0":
            lines.append(line)
        if is_prose and re.match(r"#{1,6} ", line):
            lines.append(next(wanted))
    return "\n".join(lines) + "\n"


def differences(english: str, korean: str) -> list[str]:
    """Return what a Korean page has otherwise than its English one."""

    def code(text):
        blocks = re.findall(r"^```(\w*)\n(.*?)^```$", WOVEN.sub("", text), re.M | re.S)
        # Comments, and what is no code, may be Korean.
        return [
            re.sub(r"(^|\s+)#.*", "", code, flags=re.M) for kind, code in blocks if kind != "text"
        ]

    looks = {
        "levels of headings": lambda text: [level for level, _, _ in headings(text)],
        "commands": code,
        "recorded outputs": WOVEN.findall,
        "pictures": lambda text: re.findall(r"!\[[^\]]*\]\(([^)]+)\)", text),
        "clauses": lambda text: sorted(re.findall(r"\[(C\d+)\]", text)),
    }
    return [
        f"{name}: {look(english)} in English, {look(korean)} in Korean"
        for name, look in looks.items()
        if look(english) != look(korean)
    ]


def defined(text: str, folder: Path) -> str:
    """Return a page of a folder with the addresses of the clauses that it names at its end."""
    contract = DOCS / "contract.md"
    place = Path(os.path.relpath(contract, folder)).as_posix()
    text = re.sub(r"^\[C\d+\]: .*\n", "", text, flags=re.MULTILINE)
    used = set(re.findall(r"\[(C\d+)\]", text))
    lines = [
        f"[{clause}]: {place}#{anchor}\n"
        for _, title, anchor in headings(contract.read_text(encoding="utf-8"))
        if (clause := title.partition(".")[0]) in used
    ]
    return text.rstrip() + "\n" + "".join(["\n", *lines] if lines else [])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--renew", nargs="+", metavar="PAGE", default=[])
    renew = parser.parse_args().renew
    for name in sorted(set(renew) - set(pages("ko"))):
        parser.error(f'there is no page "{name}", only {", ".join(pages("ko"))}')
    for path in [*DOCS.glob("en/**/*.md"), *DOCS.glob("ko/**/*.md")]:
        text = path.read_text(encoding="utf-8")
        if defined(text, path.parent) != text:
            path.write_text(defined(text, path.parent), encoding="utf-8")
    for name, path in pages("ko").items():
        english = (DOCS / "en" / path.relative_to(DOCS / "ko")).read_text(encoding="utf-8")
        korean = path.read_text(encoding="utf-8")
        if name in renew:
            path.write_text(renewed(english, korean), encoding="utf-8")
        else:
            for title in stale(english, korean):
                print(f"{path.relative_to(DOCS.parent)}: {title}")


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Write the records into the pages, or say which page has another text.

    .venv/bin/python workshop/weave.py [--check]

A page names a scene and a language between two comments; what stands between them is replaced:

    <!-- scene shell-form python -->
    <!-- /scene -->
"""

import re
import sys

from scenes import RECORDS, TEMPLATE, read_scenes

PLACE = re.compile(
    r"^<!-- scene (?P<scene>.*?) -->\n(?P<text>.*?)^<!-- /scene -->$",
    re.MULTILINE | re.DOTALL,
)
MARK = re.compile(r"^.*<!-- /?scene\b.*$", re.MULTILINE)


def weave(text: str, records: dict[str, str]) -> tuple[str, list[str]]:
    """Return a page with its records, and what is wrong with its comments."""
    wrong = []

    def place(match: re.Match) -> str:
        scene = match["scene"]
        if scene not in records:
            wrong.append(f'there is no record "{scene}": play it with record.py')
            return match[0]
        return f"<!-- scene {scene} -->\n```console\n{records[scene]}```\n<!-- /scene -->"

    pairs = len(PLACE.findall(text))
    nested = any(MARK.search(each["text"]) for each in PLACE.finditer(text))
    if nested or len(MARK.findall(text)) != 2 * pairs:
        wrong.append("a comment of a record has no partner: see workshop/weave.py")
        return text, wrong
    return PLACE.sub(place, text), wrong


def main(arguments: list[str]) -> int:
    """Weave all pages, or compare them; return the exit code."""
    if arguments not in ([], ["--check"]):
        print(__doc__)
        return 2
    try:
        scenes = read_scenes()
    except ValueError as error:
        print(error, file=sys.stderr)
        return 1
    records, problems = {}, []
    for name, scene in scenes.items():
        if scene.record.is_file():
            records[name] = scene.record.read_text(encoding="utf-8")
        else:
            problems.append(f"{scene.name} is not played yet in {scene.language}: use record.py")
    wanted = {scene.record for scene in scenes.values()}
    for path in sorted(set(RECORDS.glob("*/*.txt")) - wanted):
        problems.append(f"{path.relative_to(TEMPLATE)}: there is no such scene")
    for page in sorted(TEMPLATE.glob("docs/**/*.md")):
        name = page.relative_to(TEMPLATE)
        text = page.read_text(encoding="utf-8")
        woven, wrong = weave(text, records)
        problems += [f"{name}: {each}" for each in wrong]
        if woven == text:
            continue
        if arguments:
            problems.append(f"{name}: differs from the records: run workshop/weave.py")
        else:
            page.write_text(woven, encoding="utf-8")
            print(name)
    print(*problems, sep="\n", end="\n" if problems else "", file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

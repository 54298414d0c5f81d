#!/usr/bin/env python3
"""Take over the clauses of docs/contract.md that the rules of the check rest on.

    .venv/bin/python scripts/clauses.py

Writes tools/check/clauses.json of the generated repository, which `--explain` prints: clause →
title and text, without the sources. Run it after each edit of a clause; a test tells when.
"""

import json
import re
import sys
from pathlib import Path

TEMPLATE = Path(__file__).resolve().parent.parent
TOOLS = TEMPLATE / "{{cookiecutter.project_slug}}" / "tools"
FILE = TOOLS / "check" / "clauses.json"


def cited() -> set[str]:
    """Return the clauses that rules name."""
    sys.dont_write_bytecode = True
    sys.path.insert(0, str(TOOLS))
    try:
        from check.command import RULES
    finally:
        sys.path.pop(0)
    return {clause for rule in RULES.values() for clause in rule.clauses.split(", ") if clause}


def clauses(text: str) -> dict[str, str]:
    """Return clause → title and text of the document."""
    found = {}
    for part in re.split(r"^### ", text, flags=re.MULTILINE)[1:]:
        head, _, body = part.partition("\n")
        name, _, title = head.partition(". ")
        body = re.split(r"^(?:Source:|#)", body, maxsplit=1, flags=re.MULTILINE)[0]
        found[name] = f"{title}\n\n{body.strip()}"
    return found


def main() -> None:
    known = clauses((TEMPLATE / "docs" / "contract.md").read_text(encoding="utf-8"))
    wanted = sorted(cited(), key=lambda name: int(name[1:]))
    content = {name: known[name] for name in wanted}
    FILE.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

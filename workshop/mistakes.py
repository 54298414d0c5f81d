"""Mistakes on purpose: edits of files that the pupil owns. Python 3.9, as the pupil's machine.

docs/en/labs/mistakes.md and its Korean twin say what shows each of them, and where.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

# What differs from language to language: the list of ENTRYPOINT, the program's file.
WORDS = {
    "python": {"program": '["python", "train.py"]', "train": "training/train.py"},
    "r": {"program": '["Rscript", "train.R"]', "train": "training/train.R"},
    "java": {
        "program": '["java", "-jar", "training.jar"]',
        "train": "src/main/java/training/Train.java",
    },
}
ENTRYPOINT = r"^ENTRYPOINT \[\"(?:python|Rscript|java)\".*\n"


class Mistake(NamedTuple):
    """What is wrong, in one sentence, and the edits that make it: file, pattern, replacement."""

    what: str
    edits: tuple[tuple[str, str, str], ...]


def entrypoint(what: str, lines: str) -> Mistake:
    """Return a mistake that puts lines in the place of ENTRYPOINT."""
    return Mistake(what, (("Dockerfile", ENTRYPOINT, f"{lines}\n" if lines else ""),))


MISTAKES: dict[str, Mistake] = {
    "no-entrypoint": entrypoint("The Dockerfile has no ENTRYPOINT.", ""),
    "server": entrypoint("ENTRYPOINT is the word of a server.", 'ENTRYPOINT ["server"]'),
    "cmd": entrypoint("CMD stands in the place of ENTRYPOINT.", "CMD {program}"),
    "shell-form": entrypoint("ENTRYPOINT is no list, so a shell starts.", "ENTRYPOINT {shell}"),
}


def language_of(repository: Path) -> str:
    """Return the language of a generated repository; "" where there is none."""
    found = [name for name in WORDS if (repository / WORDS[name]["train"]).is_file()]
    return found[0] if (repository / "training-job.json").is_file() and found else ""


def fill(text: str, language: str) -> str:
    """Put a language's words in the place of {program}, {shell} and {train}."""
    words = WORDS[language]
    shell = " ".join(re.findall(r'"(.*?)"', words["program"]))
    for name, word in {**words, "shell": shell}.items():
        text = text.replace(f"{{{name}}}", word)
    return text


def broken(repository: Path, mistake: Mistake) -> dict[Path, bytes]:
    """Return file → what is in it once the mistake is made.

    Raises ValueError with a sentence where a file is not as it was generated.
    """
    language = language_of(repository)
    contents: dict[Path, bytes] = {}
    for name, pattern, replacement in mistake.edits:
        path = repository / fill(name, language)
        text = contents.get(path) or (path.read_bytes() if path.is_file() else b"")
        new = fill(replacement, language).encode()
        edited, count = re.subn(pattern.encode(), lambda _, new=new: new, text, flags=re.M)
        if not count:
            raise ValueError(
                f"{path.relative_to(repository)} has other lines than when it was generated: "
                "this mistake can't be made in it."
            )
        contents[path] = edited
    return contents

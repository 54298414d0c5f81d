"""What to write in the place of an ENTRYPOINT that is wrong."""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Iterator

from check.repository import Repository
from check.stages import absolute
from check.start import PROGRAM, Start

INTERPRETERS = {".py": ["python"], ".R": ["Rscript"], ".r": ["Rscript"], ".jar": ["java", "-jar"]}


def advice(repository: Repository) -> str:
    """Return what to write in the place of ENTRYPOINT: the program, as far as it is known."""
    if repository.language:
        return repository.language.advice
    words = next(filter(None, candidates(repository)), None)
    if not words:
        return "name the training program in ENTRYPOINT"
    return f"write ENTRYPOINT {json.dumps(words)}"


def candidates(repository: Repository) -> Iterator[list[str]]:
    """Yield the words that may be the program: of ENTRYPOINT, of CMD, of a file called train."""
    image = repository.image
    for each in repository.starts:
        if each.own_program.script and " " not in each.words[0]:
            yield own_words(repository, each)
    for each in filter(None, (image.entrypoint, image.cmd)):
        words = re.sub(r"[\[\]\"',“”]", " ", " ".join(each.words)).split()
        found = [word for word in words if re.search(r"\.(py|R|r|jar)$", word)]
        if found and not {"&&", ";", "|"} & {*words}:
            yield interpreted(words[words.index(found[0]) :])
    named = [path for path in image.files if re.search(r"/train\.(py|R)$", path)]
    if named:
        yield interpreted([min(named, key=len)])


def interpreted(words: list[str]) -> list[str]:
    """Put the interpreter before a program's file, and a shell before a name without a path."""
    if words[0].endswith(".sh") and "/" not in words[0]:
        return ["bash", *words]
    return [*INTERPRETERS.get(posixpath.splitext(words[0])[1], []), *words]


def own_words(repository: Repository, start: Start) -> list[str]:
    """Return the words that start the program alone, in its environment and from any folder."""
    words, place = [*start.own_words], start.active
    if not words or place == "?" or " " in place or start.folder == "?":
        return []
    if place and "/" not in words[0]:
        words[0] = f"{repository.contents.bin_of(place)}/{words[0]}"
    for number, word in enumerate(words[1:], 1):
        if start.folder and PROGRAM.fullmatch(word):
            words[number] = absolute(posixpath.join(start.folder, word))
    if words[0] == "java" and words[1:] and words[1].endswith(".jar"):
        words.insert(1, "-jar")
    return interpreted(words)

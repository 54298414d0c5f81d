"""Rules about the files of the repository."""

from __future__ import annotations

import json
import re
import zlib
from collections import Counter
from collections.abc import Mapping

from check.repository import JOB, LANGUAGES, Repository
from check.rules import Found, line_at, rule
from repository import json_lead


@rule("error", "C3")
def crlf(repository: Repository) -> Found:
    """With line ends of Windows the first line of a script names an interpreter whose name ends
    in a carriage return; the container says `no such file or directory`, though the file is
    there. .gitattributes with `* text=auto eol=lf` keeps them out; `git add --renormalize .`
    mends."""
    ends = re.compile(r"\.(sh|py|[Rrc]|java|xml|json|txt|in|toml|ya?ml)$|^[^.]+$|^\.\w+$")
    for name, text in repository.sources():
        file = name.rpartition("/")[2]
        ours = text.startswith("#!") or (repository.is_own and ends.search(file))
        if ours and "\r\n" in text:
            what = "line ends are those of Windows (CRLF), which break scripts in a container"
            what += ": save it with LF, or run git add --renormalize ."
            sure = repository.is_own or name in started_files(repository)
            yield (name, line_at(text, text.index("\r\n"))), what, sure


def started_files(repository: Repository) -> set[str]:
    """Return the repository's files that ENTRYPOINT starts by themselves."""
    image = repository.image
    if not image:
        return set()
    words = [each.words[0] for each in repository.starts if each.words]
    words += (repository.entry.json or [])[:1]
    return {image.files.get(image.path(word), "") for word in words}


@rule("error", "C27")
def json_invalid(repository: Repository) -> Found:
    """What can't be read as JSON is not sent. JSON has no comments, no comma behind the last
    item, double quotes only, and a name once: of two equal names all but the last are dropped
    silently."""
    for name, text in repository.sources():
        if not name.endswith(".json") or not (repository.is_own or name == JOB):
            continue
        doubled: list[str] = []

        def unique(pairs: list[tuple[str, object]], doubled: list[str] = doubled) -> dict:
            counted = Counter(key for key, _ in pairs)
            doubled.extend(key for key, times in counted.items() if times > 1)
            return dict(pairs)

        try:
            json.loads(text, object_pairs_hook=unique)
        except json.JSONDecodeError as error:
            if is_json_lines(text):
                continue
            what = f"it is no valid JSON ({error.msg}, column {error.colno}): {json_lead(error)}"
            yield (name, error.lineno), what
        except (ValueError, RecursionError):
            yield (name, 1), "it is no JSON that can be read: mend it"
        for key in doubled:
            what = f'"{key}" stands there twice, and the last one wins: remove one'
            yield (name, line_at(text, text.rfind(json.dumps(key)))), what


def is_json_lines(text: str) -> bool:
    """Whether each line is an object of its own, as exports of data are written."""
    lines = [line for line in text.splitlines() if line.strip()]
    try:
        return len(lines) > 1 and all(isinstance(json.loads(line), dict) for line in lines)
    except (ValueError, RecursionError):
        return False


# Spelt so that no text of this file is such syntax.
TEMPLATE_SYNTAX = re.compile(
    r"[{]{\s*-?\s*cookie[c]utter|[{]=[#]"
    r"|[{][%]-?\s*(if|elif|for|set|include|macro)\b[^%]*"
    r"\b(cookie[c]utter|language|ci|license|aws_region|project_\w+)\b"
)


@rule("error")
def template_syntax(repository: Repository) -> Found:
    """This repository was made from a template; braces and the name of the template's tool in a
    file mean that something was copied over unrendered. Write what should stand there."""
    for name, text in repository.sources() if repository.is_own else ():
        found = TEMPLATE_SYNTAX.search(text)
        if found and not re.search(r"\.(html?|j2|jinja2?|tmpl|mustache|json|jsonl)$", name):
            what = f'"{found[0]}" is template syntax: write what should stand there'
            yield (name, line_at(text, found.start())), what
        if "cookie" + "cutter." in name:
            yield (name, 1), "the file's name is template syntax: rename it"


@rule("error")
def merge_marker(repository: Repository) -> Found:
    """A merge, or an update of the template, found two versions and left both. Choose one, and
    remove the lines of seven <, = and >. A file.rej holds what an update could
    not apply."""
    for name, text in repository.sources():
        found = re.search(r"^(<{7}|>{7}|\|{7})( .*)?$", text, re.MULTILINE)
        if found:
            what = f"a merge left its marker {found[1]}: choose a version, remove the rest"
            yield (name, line_at(text, found.start())), what
        if name.endswith((".rej", ".orig")):
            yield (name, 1), "a merge left this file: apply what it holds, then remove it"


# Files that a repository of another language has not.
OF_ONE_LANGUAGE = {
    "Python": r"training/(train|model)\.py|training/job/.*\.py",
    "R": r"training/(train|model)\.R|training/job/.*\.R|\.lintr",
    "Java": r"pom\.xml|checkstyle\.xml|src/main/java/.*",
    "another language": r"languages/.*",
}


@rule("error")
def other_language(repository: Repository) -> Found:
    """A repository is in one language. Files of another one are left over from a generation
    over an old folder, or from hooks that did not run; whoever reads them believes that they
    count."""
    language = repository.language
    if not repository.is_own:
        return
    if not language:
        markers = ", ".join(each.marker for each in LANGUAGES)
        what = f"this is no repository in Python, R or Java, since none of {markers} is there"
        yield (repository.dockerfile, 1), f"{what}: give the program that name"
        return
    others = {each: OF_ONE_LANGUAGE[each] for each in OF_ONE_LANGUAGE if each != language.name}
    for name in repository.names:
        for theirs in (each for each, pattern in others.items() if re.fullmatch(pattern, name)):
            what = f"the file is {theirs}'s, and this is a repository in {language.name}"
            yield (name, 1), f"{what}: remove it"


# What the hook of a generation writes, so that an update brings it too: checksum and path, a line
# for each file of tools/ and job/.
CHECKSUMS = "tools/checksums.txt"


def checksum(text: str) -> str:
    """Return eight digits of a text, the same whatever the line ends of a checkout are."""
    return f"{zlib.crc32(text.replace(chr(13), '').encode()):08x}"


def checksums(texts: Mapping[str, str | None]) -> str:
    """Return what CHECKSUMS holds for these texts, by their paths."""
    return "".join(
        f"{checksum(text)} {name}\n"
        for name, text in sorted(texts.items())
        if text is not None and name != CHECKSUMS
    )


@rule("warning")
def edited_file(repository: Repository) -> Found:
    """`tools/` and `job/` are the template's: an update of the template replaces them, so that an
    edit is lost there or stands in its way. tools/checksums.txt says how each was generated; line
    ends do not count, nor do files that were removed. `git log -p FILE` shows an edit, `git
    checkout COMMIT FILE` takes it back. Code of your own belongs beside job/, a verb into
    local.mk, other settings into contract.ini and training-job.json. What is wrong in the
    template is wrong in each repository: report it there. Where an edit has to stay, the first
    line of the file says why: `# check: allow edited-file REASON`."""
    listed = repository.texts.get(CHECKSUMS, "") if repository.is_own else ""
    for line in listed.splitlines():
        before, _, name = line.partition(" ")
        text = repository.texts.get(name)
        if text is not None and checksum(text) != before:
            what = "the file is the template's and was edited, and an update overwrites that or "
            what += "conflicts with it: take it back (git log -p shows it), put own code beside "
            what += "job/ and own verbs into local.mk, and report a fault to the template"
            yield (name, first_line(text)), what


def first_line(text: str) -> int:
    """Return the line behind the comments that a file begins with: one may allow the edit."""
    lines = text.splitlines() or [""]
    comments = (number for number, line in enumerate(lines) if not line.startswith(("#", "//")))
    return min(next(comments, 0), len(lines) - 1) + 1

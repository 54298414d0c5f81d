"""Rules about the files of the repository."""

from __future__ import annotations

import json
import re
from collections import Counter

from check.repository import JOB, LANGUAGES, Repository
from check.rules import WARNING, Found, rule


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
            line = text.count("\n", 0, text.index("\r\n")) + 1
            what = "line ends are those of Windows (CRLF), which break scripts in a container"
            what += ": save it with LF, or run git add --renormalize ."
            sure = repository.is_own or name in started_files(repository)
            yield name, line, what, *([] if sure else [WARNING])


def started_files(repository: Repository) -> set[str]:
    """Return the repository's files that ENTRYPOINT starts by themselves."""
    from check.process import starts  # Here, since no generation of a repository needs it.

    image = repository.image
    words = [each.words[0] for each in starts(repository) if each.words]
    words += (image.entrypoint.json or [])[:1] if image and image.entrypoint else []
    return {image.files.get(image.path(word), "") for word in words} if image else set()


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
            what = f"it is no valid JSON ({error.msg}, column {error.colno}): mend it"
            yield name, error.lineno, what
        except (ValueError, RecursionError):
            yield name, 1, "it is no JSON that can be read: mend it"
        for key in doubled:
            line = text.count("\n", 0, max(0, text.rfind(json.dumps(key)))) + 1
            yield name, line, f'"{key}" stands there twice, and the last one wins: remove one'


def is_json_lines(text: str) -> bool:
    """Whether each line is an object of its own, as exports of data are written."""
    lines = [line for line in text.splitlines() if line.strip()]
    try:
        return len(lines) > 1 and all(isinstance(json.loads(line), dict) for line in lines)
    except (ValueError, RecursionError):
        return False


@rule("error")
def template_syntax(repository: Repository) -> Found:
    """This repository was made from a template; braces and the name of the template's tool in a
    file mean that something was copied over unrendered. Write what should stand there."""
    if not repository.is_own:
        return
    blocks = "if|elif|for|set|include|macro"
    names = "cookie[c]utter|language|ci|license|aws_region|project_\\w+"
    pattern = re.compile(
        rf"[{{]{{\s*-?\s*cookie[c]utter|[{{][%]-?\s*({blocks})\b[^%]*\b({names})\b|[{{]=[#]"
    )
    for name, text in repository.sources():
        found = pattern.search(text)
        if found and not re.search(r"\.(html?|j2|jinja2?|tmpl|mustache|json|jsonl)$", name):
            line = text.count("\n", 0, found.start()) + 1
            yield name, line, f'"{found[0]}" is template syntax: write what should stand there'
        if "cookie" + "cutter." in name:
            yield name, 1, "the file's name is template syntax: rename it"


@rule("error")
def merge_marker(repository: Repository) -> Found:
    """A merge, or an update of the template, found two versions and left both. Choose one, and
    remove the lines of seven <, = and >. A file.rej holds what an update could
    not apply."""
    for name, text in repository.sources():
        found = re.search(r"^(<{7}|>{7}|\|{7})( .*)?$", text, re.MULTILINE)
        if found:
            line = text.count("\n", 0, found.start()) + 1
            what = f"a merge left its marker {found[1]}: choose a version, remove the rest"
            yield name, line, what
        if name.endswith((".rej", ".orig")):
            yield name, 1, "a merge left this file: apply what it holds, then remove it"


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
        yield repository.dockerfile, 1, f"{what}: give the program that name"
        return
    files = {"pom.xml": "Java", "checkstyle.xml": "Java", ".lintr": "R"}
    for stem in ("train", "model", "opt_ml"):
        files[f"training/{stem}.py"] = "Python"
        files[f"training/{stem}.R"] = "R"
    for name in repository.names:
        theirs = files.get(name, language.name)
        if name.startswith("src/main/java/"):
            theirs = "Java"
        if theirs != language.name or name.startswith("languages/"):
            theirs = "another language's" if name.startswith("languages/") else f"{theirs}'s"
            what = f"the file is {theirs}, and this is a repository in {language.name}"
            yield name, 1, f"{what}: remove it"


@rule("error")
def unreadable(repository: Repository) -> Found:
    """What can't be read can't be checked: an instruction that does not exist, a heredoc
    without its end, a Dockerfile that is missing. The build would stop at most of them too."""
    for name, line, what in repository.broken:
        yield name, line, f"{what}" + ("" if ": " in what else ": mend it")

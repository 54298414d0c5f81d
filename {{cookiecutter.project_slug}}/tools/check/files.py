"""Rules about the files of the repository."""

from __future__ import annotations

import json
import re
from collections import Counter

from check.dockerfile import is_within
from check.repository import DOCKERFILE, LANGUAGES, Repository
from check.rules import Found, rule


@rule("error", "C3")
def crlf(repository: Repository) -> Found:
    """With line ends of Windows the first line of a script names an interpreter whose name ends
    in a carriage return; the container says `no such file or directory`, though the file is
    there. .gitattributes with `* text=auto eol=lf` keeps them out; `git add --renormalize .`
    mends."""
    ends = re.compile(r"\.(sh|py|[Rrc]|java|xml|json|txt|in|toml|ya?ml)$|^[^.]+$|^\.\w+$")
    for name, text in repository.texts.items():
        top, _, file = name.rpartition("/")
        ours = ends.search(file) or text.startswith("#!")
        if ours and not is_within(top, "data") and "\r\n" in text:
            line = text.count("\n", 0, text.index("\r\n")) + 1
            what = "line ends are those of Windows (CRLF), which break scripts in a container"
            yield name, line, f"{what}: save it with LF, or run git add --renormalize ."


@rule("error", "C27")
def json_invalid(repository: Repository) -> Found:
    """What can't be read as JSON is not sent. JSON has no comments, no comma behind the last
    item, double quotes only, and a name once: of two equal names all but the last are dropped
    silently."""
    for name, text in repository.texts.items():
        if not name.endswith(".json"):
            continue
        doubled: list[str] = []

        def unique(pairs: list[tuple[str, object]], doubled: list[str] = doubled) -> dict:
            counted = Counter(key for key, _ in pairs)
            doubled.extend(key for key, times in counted.items() if times > 1)
            return dict(pairs)

        try:
            json.loads(text, object_pairs_hook=unique)
        except json.JSONDecodeError as error:
            what = f"it is no valid JSON ({error.msg}, column {error.colno}): mend it"
            yield name, error.lineno, what
        except (ValueError, RecursionError):
            yield name, 1, "it is no JSON that can be read: mend it"
        for key in doubled:
            line = text.count("\n", 0, max(0, text.rfind(json.dumps(key)))) + 1
            yield name, line, f'"{key}" stands there twice, and the last one wins: remove one'


@rule("error")
def template_syntax(repository: Repository) -> Found:
    """This repository was made from a template; braces and the name of the template's tool in a
    file mean that something was copied over unrendered. Write what should stand there."""
    blocks = "if|else|elif|endif|for|endfor|set|raw|endraw|block|include|macro"
    pattern = re.compile(rf"[{{]{{\s*-?\s*cookie[c]utter|[{{][%]-?\s*({blocks})\b|[{{]=[#]")
    for name, text in repository.texts.items():
        found = pattern.search(text)
        if found and not re.search(r"\.(html?|j2|jinja2?|tmpl|mustache)$", name):
            line = text.count("\n", 0, found.start()) + 1
            yield name, line, f'"{found[0]}" is template syntax: write what should stand there'
        if "cookie" + "cutter." in name:
            yield name, 1, "the file's name is template syntax: rename it"


@rule("error")
def merge_marker(repository: Repository) -> Found:
    """A merge, or an update of the template, found two versions and left both. Choose one, and
    remove the lines of seven <, = and >. A file.rej holds what an update could
    not apply."""
    for name, text in repository.texts.items():
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
    if not language:
        markers = ", ".join(each.marker for each in LANGUAGES)
        what = f"this is no repository in Python, R or Java, since none of {markers} is there"
        yield DOCKERFILE, 1, f"{what}: give the program that name"
        return
    files = {"packages.txt": "R", "pom.xml": "Java", "checkstyle.xml": "Java", ".lintr": "R"}
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

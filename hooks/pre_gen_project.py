"""Refuse wrong answers before a file is written: all at once, each with what would be right.

cookiecutter renders this file, then runs it in the new folder with its own interpreter. Unrendered
it can be imported, so the tests call `problems` directly. Standard library only, Python 3.9.
"""

import json
import os
import re
import sys
import unicodedata
from pathlib import Path, PurePath

CHOICES = {
    "language": ("python", "r", "java"),
    "license": ("mit", "apache-2.0", "bsd-3-clause", "proprietary"),
    "ci": ("github", "none"),
}

# The program, which only a repository of that language has.
PROGRAMS = {
    "python": "training/train.py",
    "r": "training/train.R",
    "java": "src/main/java/training/Train.java",
}

# What ECR, Docker, S3 and the names of a training job and of a CloudFormation stack all take.
SLUG = re.compile(r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*")
# ECR wants 2 characters. A training job's name has 63: 40 leave room for the time behind the slug.
SLUG_LENGTH = (2, 40)
# Folders that Windows can't make.
RESERVED = {"con", "prn", "aux", "nul"} | {f"{d}{n}" for d in ("com", "lpt") for n in range(10)}

# us-east-1, cn-north-1, us-gov-west-1, us-isob-east-1, eusc-de-east-1, ap-southeast-12
REGION = re.compile(
    r"[a-z]{2,4}(?:-[a-z]{2,4})?-(?:central|(?:north|south)(?:east|west)?|east|west)-[1-9][0-9]?"
)

# The answers that may be any text but none.
EXAMPLES = {
    "project_name": "Penguin training",
    "description": "Tells penguins apart.",
    "author": "Ada Lovelace",
}

# Unicode's categories of control characters, halves of characters, and line and paragraph ends.
NOT_TEXT = ("Cc", "Cs", "Zl", "Zp")

# This template's own syntax, which the repository's check takes for a file left unrendered.
TEMPLATE_SYNTAX = re.compile(r"[{]{-?\s*cookiecutter|[{]%|[{]=#")

OLDEST_COOKIECUTTER = (2, 7)

# What cookiecutter writes before post_gen_project.py adds the files of the language.
SHARED = (
    ".dockerignore",
    ".editorconfig",
    ".gitattributes",
    ".github/workflows/ci.yml",
    ".gitignore",
    "AGENTS.md",
    "LICENSE",
    "Makefile",
    "README.md",
    "build_and_push.sh",
    "data/README.md",
    "data/training/penguins.csv",
    "data/validation/penguins.csv",
    "examples/submit_with_sdk.py",
    "languages",
    "pyproject.toml",
    "tools",
    "training-job.json",
    "tuning-job.json",
)

# What this hook tells the other one, by a file in the new repository.
NOTE = ".before-generation.json"


def problems(answers: dict) -> list[str]:
    """Return a sentence for each wrong answer; an empty list if all are right."""
    found = []
    sound = {}
    for name, value in answers.items():
        if name.startswith("_"):
            continue
        if not isinstance(value, str):
            found.append(f"{name} is {value!a}: it must be text.")
        elif any(unicodedata.category(character) in NOT_TEXT for character in value):
            found.append(f"{name} is {value!a}: it must be one line without control characters.")
        elif TEMPLATE_SYNTAX.search(value):
            syntax = TEMPLATE_SYNTAX.search(value)[0]
            found.append(
                f"{name} is {value!a}: it must be text without template syntax ({syntax})."
            )
        else:
            sound[name] = value

    for name, example in EXAMPLES.items():
        if name in sound and not sound[name].strip():
            found.append(f'{name} is empty: it must be a text, such as "{example}".')

    if "project_slug" in sound:
        slug = sound["project_slug"]
        shortest, longest = SLUG_LENGTH
        if not SLUG.fullmatch(slug) or not shortest <= len(slug) <= longest:
            found.append(
                f'project_slug is "{slug}": it names a folder, an image and training jobs, so it '
                f"must be {shortest} to {longest} characters long: lower-case letters (a-z) and "
                "digits, with single hyphens between them, a letter first, such as "
                '"penguin-training".'
            )
        elif slug in RESERVED:
            found.append(
                f'project_slug is "{slug}": Windows reserves that name, so it must be another, '
                f'such as "{slug}-training".'
            )

    if "aws_region" in sound and not REGION.fullmatch(sound["aws_region"]):
        found.append(
            f'aws_region is "{sound["aws_region"]}": it must look like us-east-1, cn-north-1 or '
            "us-gov-west-1."
        )

    for name, choices in CHOICES.items():
        if name in sound and sound[name] not in choices:
            found.append(f'{name} is "{sound[name]}": it must be one of {", ".join(choices)}.')
    return found


def version_problems(version: str) -> list[str]:
    """Return a sentence if this version of cookiecutter is too old."""
    numbers = tuple(int(number) for number in re.findall(r"\d+", version)[:2])
    if numbers >= OLDEST_COOKIECUTTER:
        return []
    return [f"This is cookiecutter {version}: it must be 2.7 or newer (pipx upgrade cookiecutter)."]


def language_problems(language: str, project: Path) -> list[str]:
    """Return a sentence if the folder already holds a repository of another language."""
    return [
        f"{project.name} already holds a repository whose language is {other} ({program}): "
        f"the language must be {other}, or the folder another."
        for other, program in PROGRAMS.items()
        if other != language and (project / program).exists()
    ]


def cookiecutter_version() -> str:
    """Return the version installed; not `__version__`, which says 2.6.0 in 2.7.0."""
    # importlib.metadata says it too, and takes as long as all the rest of this hook.
    for folder in sys.path:
        for found in Path(folder).glob("cookiecutter-[0-9]*.dist-info"):
            return found.name.split("-")[1].removesuffix(".dist")
    # Bundled without its metadata: nothing is known against it.
    return "2.7"


def remove_folders(project: Path, slug: str) -> None:
    """Remove the folders made for a slug such as a/b: cookiecutter itself would leave a behind."""
    parts = PurePath(slug).parts
    if PurePath(slug).is_absolute():
        return
    # Those behind the last "..": what is before it was there.
    made = len(parts) - max((i + 1 for i, part in enumerate(parts) if part == ".."), default=0)
    if made < 2:
        return
    # Windows removes no folder that a program stands in.
    os.chdir(project.anchor)
    for folder in (project, *project.parents)[:made]:
        try:
            folder.rmdir()
        except OSError:
            # Something lies in it that was there before.
            return


def put_aside(project: Path, name: PurePath, aside: Path) -> list[PurePath]:
    """Move what is in the way of a file to the same path in the folder aside; return what moved."""
    import shutil  # Here, since no new repository needs it.

    for part in [*reversed(name.parents), name][1:]:
        there = project / part
        # A file where a folder must be is in the way too; links move as links.
        if os.path.lexists(there) and (part == name or not there.is_dir()):
            (aside / part).parent.mkdir(parents=True, exist_ok=True)
            shutil.move(there, aside / part)
            return [part]
    return []


def keep_what_is_there(project: Path) -> None:
    """Put aside what cookiecutter would overwrite with -f (and with -s: it copies all the same).

    It goes to a new folder beside the repository. Nothing is read, so sizes do not matter.
    post_gen_project.py does the same for the files of the language, and removes what is equal.
    """
    if {path.name for path in project.iterdir()} <= {".git"}:
        return
    aside = project.with_name(f"{project.name}.before")
    number = 2
    while os.path.lexists(aside):
        aside = project.with_name(f"{project.name}.before-{number}")
        number += 1
    moved = []
    try:
        for name in SHARED:
            moved += put_aside(project, PurePath(name), aside)
        note = {"aside": str(aside), "shared": SHARED}
        (project / NOTE).write_text(json.dumps(note), encoding="utf-8")
    except OSError:
        import shutil

        for part in moved:
            shutil.move(aside / part, project / part)
        shutil.rmtree(aside, ignore_errors=True)
        raise


def main(answers: dict) -> int:
    """Print what is wrong with the answers and return the exit code."""
    # A console that is not UTF-8 must not turn a sentence into a stack trace.
    sys.stderr.reconfigure(errors="backslashreplace")
    project = Path.cwd()
    # An older cookiecutter may have spoiled the answers: then nothing is said of them.
    found = version_problems(cookiecutter_version()) or [
        *problems(answers),
        *language_problems(answers["language"], project),
    ]
    for problem in found:
        print(f"ERROR: {problem}", file=sys.stderr)
    if found:
        remove_folders(project, answers["project_slug"])
        return 1
    try:
        keep_what_is_there(project)
    except OSError as error:
        print(
            f"ERROR: What is in {project.name} can't be kept beside it ({error}): nothing is "
            "overwritten. Another folder must be taken (--output-dir).",
            file=sys.stderr,
        )
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(
        main(
            json.loads(
                r"""
{{ cookiecutter | tojson }}
"""
            )
        )
    )

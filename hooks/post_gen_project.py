"""Keep the chosen language, check the result and say what to do next.

No network, no git, no clock, nothing random: cruft runs this hook twice for each comparison.
Unrendered it can be imported. Standard library only, Python 3.9.
"""

import json
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path, PurePath
from typing import Optional

# What pre_gen_project.py says of the files that were there before.
NOTE = ".before-generation.json"


def read_note(project: Path) -> tuple[Optional[Path], list[str]]:
    """Return the folder for what is replaced and what cookiecutter has written; remove the note.

    Where nothing was there before, there is no such folder.
    """
    note = project / NOTE
    if not note.exists():
        return None, []
    content = json.loads(note.read_text(encoding="utf-8"))
    note.unlink()
    return Path(content["aside"]), content["shared"]


def files_of(tree: Path) -> Iterator[PurePath]:
    """Yield the path of each file of a language within its tree."""
    # A template that is worked on may hold what running or building a tree in place left there.
    leftovers = ("__pycache__", ".pytest_cache", ".ruff_cache", "target", "*.o", "*.so")
    ignored = shutil.ignore_patterns(*leftovers)
    for folder, folders, files in os.walk(tree):
        folders[:] = set(folders) - ignored(folder, folders)
        for name in set(files) - ignored(folder, files):
            yield PurePath(folder, name).relative_to(tree)


def put_aside(project: Path, name: PurePath, aside: Path) -> None:
    """Move what is in the way of a file to the same path in the folder aside."""
    # As in pre_gen_project.py: a hook can't import the other one.
    for part in [*reversed(name.parents), name][1:]:
        there = project / part
        # A file where a folder must be is in the way too; links move as links.
        if os.path.lexists(there) and (part == name or not there.is_dir()):
            (aside / part).parent.mkdir(parents=True, exist_ok=True)
            shutil.move(there, aside / part)
            return


def keep_language(project: Path, language: str, aside: Optional[Path]) -> list[str]:
    """Lay the language's files over the shared ones and remove the others; return their names."""
    languages = project / "languages"
    names = sorted(files_of(languages / language))
    for name in names:
        if aside:
            put_aside(project, name, aside)
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (languages / language / name).replace(project / name)
    shutil.rmtree(languages)
    return [str(name) for name in names]


def keep_ci(project: Path, ci: str) -> None:
    """Remove what is GitHub's where no CI is wanted; other files of .github are the user's."""
    if ci == "github":
        return
    workflow = project / ".github" / "workflows" / "ci.yml"
    workflow.unlink()
    (project / ".github" / "renovate.json").unlink(missing_ok=True)
    for folder in workflow.parents[:2]:
        if not any(folder.iterdir()):
            folder.rmdir()


def set_modes(project: Path) -> None:
    """Make the scripts executable: a template that came as a zip has lost the modes."""
    for file in sorted(project.glob("*.sh")):
        # What starts with #! is a program.
        if not file.is_file() or not file.read_bytes().startswith(b"#!"):
            continue
        try:
            file.chmod(0o755)
        except OSError:
            # This file system has no modes: the Makefile names the interpreter, so nothing is lost.
            return


def kept(project: Path, aside: Path) -> list[str]:
    """Remove from the folder aside what is the same in the repository; return the other files."""
    import filecmp  # Here, since no new repository needs it.

    names = []
    # What lies in a folder comes before the folder.
    for old in sorted(aside.rglob("*"), reverse=True):
        name = old.relative_to(aside)
        new = project / name
        if old.is_dir() and not old.is_symlink():
            if not any(old.iterdir()):
                old.rmdir()
        elif old.is_symlink() or not new.is_file() or not filecmp.cmp(old, new, shallow=False):
            names.append(name.as_posix())
        else:
            old.unlink()
    if aside.exists() and not names:
        aside.rmdir()
    return sorted(names)


def put_back(project: Path, aside: Path, written: list[str]) -> None:
    """Remove what was written over an old folder, and move back what was put aside."""
    for name in written:
        new = project / name
        if new.is_dir():
            shutil.rmtree(new)
        elif new.exists():
            new.unlink()
        for folder in new.relative_to(project).parents[:-1]:
            if (project / folder).is_dir() and not any((project / folder).iterdir()):
                (project / folder).rmdir()
    for old in sorted(aside.rglob("*")):
        if old.is_symlink() or not old.is_dir():
            there = project / old.relative_to(aside)
            there.parent.mkdir(parents=True, exist_ok=True)
            shutil.move(old, there)
    shutil.rmtree(aside, ignore_errors=True)


# The Dockerfiles that the tests have checked (zlib.crc32, hexadecimal): for these the rules about
# images, most of the check, need not run at each generation. scripts/checked.py writes it.
CHECKED = {"python": "544fbc66", "r": "55c7af4c", "java": "abdee610"}


def check(project: Path, language: str) -> str:
    """Return the findings of the repository's own check; none is right for a new repository."""
    # A cache beside the tools would be generated too.
    sys.dont_write_bytecode = True
    sys.path.insert(0, str(project / "tools"))
    import zlib

    from check import files, request, rules
    from check.folder import modes_of, read_folder
    from check.repository import Repository

    # The tools are copied as they are, whatever the answers; reading them is most of the work.
    texts = read_folder(project, "tools")
    dockerfile = (project / "Dockerfile").read_bytes()
    if f"{zlib.crc32(dockerfile):08x}" == CHECKED.get(language):
        every = [*rules.rules_in(files), *rules.rules_in(request)]
        return "\n".join(rules.lines(rules.findings_of(every, Repository(texts))))
    from check.command import check

    return "\n".join(rules.lines(check(texts, modes_of(project, texts))))


def write_checksums(project: Path) -> None:
    """Write down how the template's files are, so that the check can tell of an edit."""
    from check import files
    from check.folder import read_folder

    texts = {
        f"{folder}/{name}": text
        for folder in ("tools", "training/job", "src/main/java/training/job")
        for name, text in read_folder(project / folder).items()
    }
    (project / files.CHECKSUMS).write_bytes(files.checksums(texts).encode())


def main(answers: dict) -> int:
    """Finish the repository in the current folder and return the exit code."""
    # A console that is not UTF-8 must not turn a good end into a stack trace.
    sys.stdout.reconfigure(errors="backslashreplace")
    sys.stderr.reconfigure(errors="backslashreplace")
    project = Path.cwd()
    aside, written = read_note(project)
    written += keep_language(project, answers["language"], aside)
    keep_ci(project, answers["ci"])
    set_modes(project)
    findings = check(project, answers["language"])
    if findings:
        print(f"ERROR: {project.name} is not as it should be:\n{findings}", file=sys.stderr)
        if aside:
            put_back(project, aside, written)
            print(f"ERROR: {project.name} is as it was before.", file=sys.stderr)
        return 1
    write_checksums(project)
    old = kept(project, aside) if aside else []
    if old:
        print(f"These were there and the new ones differ; the old ones are in {aside}:")
        print("".join(f"    {name}\n" for name in old), end="")
    if "_commit" in answers:
        # cruft: what is printed here would stand amid each `cruft diff`.
        return 0
    print(
        f"""
{answers["project_name"]} is ready in {project.name}: language {answers["language"]}, \
region {answers["aws_region"]}, license {answers["license"]}, CI {answers["ci"]}.

Next:
    cd {project.name}
    make train
    make help"""
    )
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

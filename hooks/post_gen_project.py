"""Keep the chosen language, check the result and say what to do next.

No network, no git, no clock, nothing random: cruft runs this hook twice for each comparison.
Unrendered it can be imported. Standard library only, Python 3.9.
"""

import hashlib
import json
import shutil
import subprocess
import sys
from pathlib import Path

# What pre_gen_project.py leaves of the files that were there before.
NOTE = ".before-generation.json"


def keep_language(project: Path, language: str) -> None:
    """Lay the language's files over the shared ones and remove the other languages."""
    languages = project / "languages"
    # A template that is worked on may hold what running or building a tree in place left there.
    leftovers = ("__pycache__", ".pytest_cache", ".ruff_cache", "target", "*.o", "*.so")
    ignored = shutil.ignore_patterns(*leftovers)
    shutil.copytree(languages / language, project, dirs_exist_ok=True, ignore=ignored)
    shutil.rmtree(languages)


def keep_ci(project: Path, ci: str) -> None:
    """Remove what is GitHub's where no CI is wanted; other files of .github are the user's."""
    if ci == "github":
        return
    workflow = project / ".github" / "workflows" / "ci.yml"
    workflow.unlink()
    (project / ".github" / "renovate.json").unlink()
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


def overwritten(project: Path) -> list[str]:
    """Return the files that were there before and are others or gone; take the note away."""
    note = project / NOTE
    if not note.exists():
        return []
    before = json.loads(note.read_text(encoding="utf-8"))
    note.unlink()
    return [
        name
        for name, digest in sorted(before.items())
        if not (project / name).is_file()
        or hashlib.sha256((project / name).read_bytes()).hexdigest() != digest
    ]


def check(project: Path) -> str:
    """Return the findings of the repository's own check; none is right for a new repository."""
    # -B: a cache beside the scripts would be generated too.
    command = [sys.executable, "-B", "tools", "check", "--strict"]
    done = subprocess.run(command, cwd=project, capture_output=True, encoding="utf-8")
    return "" if done.returncode == 0 else done.stdout + done.stderr


def main(answers: dict) -> int:
    """Finish the repository in the current folder and return the exit code."""
    # A console that is not UTF-8 must not turn a good end into a stack trace.
    sys.stdout.reconfigure(errors="backslashreplace")
    sys.stderr.reconfigure(errors="backslashreplace")
    project = Path.cwd()
    keep_language(project, answers["language"])
    keep_ci(project, answers["ci"])
    set_modes(project)
    changed = overwritten(project)
    findings = check(project)
    if findings:
        print(f"ERROR: {project.name} is not as it should be:\n{findings}", file=sys.stderr)
    if "_commit" in answers:
        # cruft: what is printed here would stand amid each `cruft diff`.
        return 1 if findings else 0
    if changed:
        print(f"Overwritten in {project.name}: {', '.join(changed)}.")
    if findings:
        return 1
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

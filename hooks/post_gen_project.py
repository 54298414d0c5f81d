"""Keep the chosen language and say what to do next.

No network, no git, no clock, nothing random: cruft runs this hook twice for each comparison.
Unrendered it can be imported. Standard library only, Python 3.9.
"""

import json
import shutil
import sys
from pathlib import Path


def keep_language(project: Path, language: str) -> None:
    """Lay the language's files over the shared ones and remove the other languages."""
    languages = project / "languages"
    # A template that is worked on may hold what running or building a tree in place left there.
    leftovers = ("__pycache__", ".pytest_cache", ".ruff_cache", "target", "*.o", "*.so")
    ignored = shutil.ignore_patterns(*leftovers)
    shutil.copytree(languages / language, project, dirs_exist_ok=True, ignore=ignored)
    shutil.rmtree(languages)


def keep_ci(project: Path, ci: str) -> None:
    """Remove the workflow where no CI is wanted; other files of .github are the user's."""
    if ci == "github":
        return
    workflow = project / ".github" / "workflows" / "ci.yml"
    workflow.unlink()
    for folder in workflow.parents[:2]:
        if not any(folder.iterdir()):
            folder.rmdir()


def set_modes(project: Path) -> None:
    """Make the scripts executable: a template that came as a zip has lost the modes."""
    for file in sorted((project / "scripts").glob("*")):
        # What starts with #! is a program.
        if not file.is_file() or not file.read_bytes().startswith(b"#!"):
            continue
        try:
            file.chmod(0o755)
        except OSError:
            # This file system has no modes: the Makefile names the interpreter, so nothing is lost.
            return


def main(answers: dict) -> int:
    """Finish the repository in the current folder and return the exit code."""
    # A console that is not UTF-8 must not turn a good end into a stack trace.
    sys.stdout.reconfigure(errors="backslashreplace")
    project = Path.cwd()
    keep_language(project, answers["language"])
    keep_ci(project, answers["ci"])
    set_modes(project)
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

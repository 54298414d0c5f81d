"""Scenes and their records, which record.py makes and weave.py shows.

A scene is a table in scenes/*.toml, called as it is in the pages:

    [shell-form]
    mistake = "shell-form"              # of mistakes.py; none by default
    dockerfile = 'CMD {program}'        # instead of the Dockerfile's ENTRYPOINT line, or, if it
                                        # begins with FROM, of the whole Dockerfile
    command = 'python3 tools check'     # a line is a command, in a freshly generated repository
    exit = 1                            # the exit code of the last command; 0 by default
    languages = ["python"]              # all three by default
    timed = true                        # how far the training comes is another each time
    ctrl_c = 15                         # seconds until Ctrl-C is pressed in a command

Each value may be a table: language → what it is there. {program} is the list of ENTRYPOINT,
{shell} the same as words, {train} the program's file, {run} what shows the mistake.
"""

import tomllib
from dataclasses import dataclass
from pathlib import Path

from mistakes import MISTAKES, WORDS, fill

WORKSHOP = Path(__file__).resolve().parent
TEMPLATE = WORKSHOP.parent
RECORDS = WORKSHOP / "records"
LANGUAGES = tuple(WORDS)


@dataclass(frozen=True)
class Scene:
    """One scene in one language."""

    name: str
    language: str
    command: str
    exit: int = 0
    mistake: str = ""
    dockerfile: str | None = None
    timed: bool = False
    ctrl_c: float | None = None

    @property
    def record(self) -> Path:
        """Return the file of its record."""
        return RECORDS / self.language / f"{self.name}.txt"

    def __str__(self) -> str:
        return f"{self.name} {self.language}"


def read_scenes(folder: Path = WORKSHOP / "scenes") -> dict[str, Scene]:
    """Return "NAME LANGUAGE" → scene. Raises ValueError for what is none."""
    scenes: dict[str, Scene] = {}
    for path in sorted(folder.glob("*.toml")):
        for name, table in tomllib.loads(path.read_text(encoding="utf-8")).items():
            for language in table.pop("languages", LANGUAGES):
                try:
                    scene = Scene(name, language, **own(table, language))
                except (TypeError, KeyError) as error:
                    raise ValueError(f"{path.name}, scene {name}: {error}") from error
                if scene.mistake and scene.mistake not in MISTAKES:
                    raise ValueError(f'{path.name}: there is no mistake "{scene.mistake}".')
                if str(scene) in scenes:
                    raise ValueError(f"{path.name}: there are two scenes {name}.")
                scenes[str(scene)] = scene
    return scenes


def own(table: dict, language: str) -> dict:
    """Return what a scene says for one language."""
    chosen = {
        key: each[language] if isinstance(each, dict) else each for key, each in table.items()
    }
    mistake = MISTAKES.get(chosen.get("mistake", ""))
    if mistake and "command" in chosen:
        chosen["command"] = chosen["command"].replace("{run}", mistake.run)
    for key in ("command", "dockerfile"):
        if key in chosen:
            chosen[key] = fill(chosen[key].strip(), language)
    return chosen

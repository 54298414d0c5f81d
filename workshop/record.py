#!/usr/bin/env python3
"""Play scenes in a container engine and keep what a person sees.

    .venv/bin/python workshop/record.py [--check] [SCENE or LANGUAGE ...]

Each scene of scenes/*.toml (scenes.py says what one is) is played in a freshly generated
repository in each language; its text goes to records/LANGUAGE/SCENE.txt, without dates, digests and
seconds. weave.py puts it into the pages. --check plays them and tells which record differs: on
another base image than that of the record only the exit codes are compared.
"""

import argparse
import difflib
import fcntl
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from mistakes import ENTRYPOINT, MISTAKES, broken
from scenes import LANGUAGES, RECORDS, TEMPLATE, WORKSHOP, Scene, read_scenes

sys.path.insert(0, str(TEMPLATE / "tests"))
from engines import is_stand_in, needed_build_args, provide_bases

BASES = RECORDS / "README.md"
# A command of a scene may take so many seconds.
LIMIT = 120
TOO_LONG = -2
MASKS = (
    # What the engine says of a build, which is another thing each time.
    (r"^#\d+\b.*\n\n?", ""),
    (r"-\d{8}-\d{6}\b", "-20261201-093000"),
    (r"\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d[.,\d]*(?:[+-]\d\d:\d\d|Z)?", "2026-12-01T09:30:00"),
    (r"\[\d\d:\d\d:\d\d\]", "[09:30:00]"),
    (r"\b[0-9a-f]{64}\b", "…"),
    # Between the engine's name and the cause stands what differs from version to version.
    (r"(?<=^docker: Error response from daemon: ).*?(exec: .*?)(?:: unknown)?\.?$", r"… \1"),
    (r"^time=.*context canceled\"?\n|^\n?Run 'docker run --help'.*\n", ""),
    (r"\b\d+\.\d+ s\b", "… s"),
    (r"(?<=needs some )\d+(?= MB)", "…"),
)
# A step's line, whichever host writes it.
STEP = r"^(?:(?:algo-\d+ \| )?step=.*\n)"
# What is another number each time in a scene that is cut off.
TIMED = (
    (r"(?<=step=)\d+", "…"),
    (r"(:\w+ ?= ?)[-+.\de]+", r"\1…"),
    (r"(?<=checkpoint-)\d+", "…"),
    (r"(?<=after step )\d+", "…"),
)


def mask(text: str, timed: bool, folder: Path) -> str:
    """Return a text without what is another each time; of many steps the first and the last."""
    text = text.replace(str(folder), "~").replace("\r\n", "\n")
    for pattern, word in MASKS + (TIMED if timed else ()):
        text = re.sub(pattern, word, text, flags=re.MULTILINE)
    if timed:
        return re.sub(f"({STEP}){STEP}+", r"\1…\n", text, flags=re.MULTILINE)
    return re.sub(f"({STEP}{{2}}){STEP}+({STEP})", r"\1…\n\2", text, flags=re.MULTILINE)


def play(scene: Scene, fresh: Path, environment: dict[str, str]) -> tuple[str, int]:
    """Play one scene in a copy of a fresh repository; return what was seen, and the exit code."""
    repository = fresh.parent / "played" / fresh.name
    shutil.rmtree(repository.parent, ignore_errors=True)
    shutil.copytree(fresh, repository)
    if scene.mistake:
        for path, content in broken(repository, MISTAKES[scene.mistake]).items():
            path.write_bytes(content)
    if scene.dockerfile is not None:
        path = repository / "Dockerfile"
        text, new = path.read_text(encoding="utf-8"), f"{scene.dockerfile}\n".lstrip("\n")
        whole = new.startswith("FROM ")
        text = new if whole else re.sub(ENTRYPOINT, lambda _: new, text, flags=re.MULTILINE)
        path.write_text(text, encoding="utf-8")

    def run(command: str) -> tuple[str, int]:
        process = subprocess.Popen(
            ["bash", "-c", command],
            cwd=repository,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
            start_new_session=True,
        )
        try:
            said, _ = process.communicate(timeout=scene.ctrl_c or LIMIT)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGINT)  # so that no container stays
            said, _ = process.communicate()
            return said, process.returncode if scene.ctrl_c else TOO_LONG
        return said, process.returncode

    said, code = run("python3 tools build")
    if code:
        return said, -1  # No command ends with this one.
    seen, code = "", 0
    # A backslash at the end of a line: the command goes on.
    for command in re.split(r"(?<!\\)\n", scene.command):
        said, code = run(command)
        said += "" if said.endswith("\n") or not said else "\n"
        seen += f"$ {command}\n{mask(said, scene.timed, repository)}"
    run("$CONTAINER_ENGINE rmi --force penguin-training:local")
    return seen, code


def generate(language: str, folder: Path) -> Path:
    """Generate a repository, with the answers that are there by default; return it."""
    # A folder whose name is Korean and has a blank, as a person may have one.
    folder = folder / "내 워크숍" / language
    command = [sys.executable, "-m", "cookiecutter", "--no-input", "--default-config"]
    command += ["--output-dir", str(folder), str(TEMPLATE), f"language={language}"]
    home = {"HOME": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
    subprocess.run(command, check=True, env=os.environ | home, stdout=subprocess.DEVNULL)
    return folder / "penguin-training"


def told_bases(engine: str, images: dict[str, str]) -> str:
    """Return what records/README.md says."""
    lines = [
        "# Records",
        "",
        "What a person sees who plays the scenes of `workshop/scenes/`: `workshop/record.py` makes",
        "these files, `workshop/weave.py` puts them into the pages. They were made on these bases:",
        "",
    ]
    for name in sorted(images.values()):
        kind = "a stand-in of Debian packages" if is_stand_in(engine, name) else "the real image"
        lines.append(f"- `{name}`: {kind}")
    return "\n".join(lines) + "\n"


def main(arguments: list[str]) -> int:
    """Record or check; return the exit code: 1 where a record differs."""
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("names", nargs="*", help="scenes and languages (default: all)")
    parser.add_argument("--check", action="store_true", help="compare, write nothing")
    options = parser.parse_args(arguments)
    scenes = list(read_scenes().values())
    known = {each.name for each in scenes} | set(LANGUAGES)
    unknown = set(options.names) - known
    if unknown:
        parser.error(f"there is no scene {sorted(unknown)[0]}")
    for choice in ({each.name for each in scenes}, set(LANGUAGES)):
        chosen = choice & set(options.names) or choice
        scenes = [each for each in scenes if {each.name, each.language} & chosen]

    engine = os.environ.get("CONTAINER_ENGINE", "docker")
    images, done = provide_bases(engine)
    if done.returncode:
        sys.exit(f"The base images can't be had:\n{done.stderr}")
    bases = told_bases(engine, images)
    same_base = BASES.is_file() and BASES.read_text(encoding="utf-8") == bases
    if options.check and not same_base:
        print("These bases are others than those of the records: comparing the exit codes alone.")
    environment = os.environ | {
        "PATH": f"{WORKSHOP}:{os.environ['PATH']}",
        "CONTAINER_ENGINE": engine,
        "BUILD_ARGS": needed_build_args(engine, images),
        "DOCKER_BUILDKIT": "1",
    }
    began, wrong = time.monotonic(), []
    lock = Path(tempfile.gettempdir(), "penguin-training.lock")
    with tempfile.TemporaryDirectory() as folder, lock.open("w") as file:
        # All scenes build an image of one name.
        fcntl.flock(file, fcntl.LOCK_EX)
        for language in LANGUAGES:
            own = [each for each in scenes if each.language == language]
            fresh = generate(language, Path(folder)) if own else Path()
            for scene in own:
                started = time.monotonic()
                seen, code = play(scene, fresh, environment)
                print(f"{scene}: {time.monotonic() - started:.1f} s", flush=True)
                if code != scene.exit:
                    wrong.append(f"{scene}: exit code {code}, not {scene.exit}:\n{seen}")
                elif not options.check:
                    scene.record.parent.mkdir(parents=True, exist_ok=True)
                    scene.record.write_text(seen, encoding="utf-8")
                elif same_base and (text := differs(scene, seen)):
                    wrong.append(text)
    if not options.check:
        BASES.write_text(bases, encoding="utf-8")
    print(*wrong, sep="\n")
    print(f"{len(scenes)} scenes in {time.monotonic() - began:.0f} s, {len(wrong)} wrong.")
    return 1 if wrong else 0


def differs(scene: Scene, seen: str) -> str:
    """Return how a record differs from what was seen; "" where it does not."""
    kept = scene.record.read_text(encoding="utf-8") if scene.record.is_file() else ""
    if scene.timed:
        # How many steps come before which other line is another each time.
        kept, seen = (re.sub(f"{STEP}|^…\n", "", text, flags=re.MULTILINE) for text in (kept, seen))
    lines = [
        sorted(text.splitlines()) if scene.timed else text.splitlines() for text in (kept, seen)
    ]
    return "\n".join(difflib.unified_diff(*lines, f"the record of {scene}", "seen", lineterm=""))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

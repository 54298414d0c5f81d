"""The verbs build, test, lint and lock, on stages of the Dockerfile; and clean."""

from __future__ import annotations

import argparse
import os
import shlex
import shutil
import subprocess
from collections.abc import Sequence

import image
from job import read_request
from local.engine import (
    build_arguments,
    build_command,
    build_options,
    call,
    find_engine,
    require_engine,
    stage_command,
)
from repository import REPOSITORY, RUNS, SUBMITTED_JOB, relative
from terminal import UserError, parser_of, say

STAGES = ("test", "check", "lock")


def build(arguments: Sequence[str]) -> int:
    """Build the image, tagged NAME:local.

    BUILD_ARGS, in the environment, is for what a company's network asks for, such as
    --build-arg BASE=... or --build-arg HTTPS_PROXY=...; --build-arg adds to it.
    """
    options = read_options("build", build, arguments)
    engine = find_engine()
    command = build_command(engine, options.image, options.platform, options.arguments)
    return run(command, options)


def test(arguments: Sequence[str]) -> int:
    """Run the unit tests, in a stage of the image."""
    return run_stage("test", read_options("test", test, arguments))


def lint(arguments: Sequence[str]) -> int:
    """Run the linter, in a stage of the image."""
    return run_stage("check", read_options("lint", lint, arguments))


def lock(arguments: Sequence[str]) -> int:
    """Write requirements.txt from requirements.in, in a stage of the image."""
    options = read_options("lock", lock, arguments)
    if not (REPOSITORY / "requirements.in").exists():
        raise UserError("There is no requirements.in, of which a lock could be made.")
    # An index has new packages, which the engine's cache of an earlier lock knows nothing of.
    options.arguments.append("--no-cache")
    aside = REPOSITORY / "requirements.new"
    try:
        with aside.open("wb") as file:
            code = run_stage("lock", options, stdout=None if options.print else file)
        if code == 0 and not options.print:
            aside.replace(REPOSITORY / "requirements.txt")
        return code
    finally:
        aside.unlink(missing_ok=True)


def run_stage(stage: str, options: argparse.Namespace, **more: object) -> int:
    """Build a stage and run it; return the exit code."""
    engine = find_engine()
    name, platform = options.image, options.platform
    code = run(stage_command(engine, name, platform, options.arguments, stage), options)
    return code or run([engine, "run", "--rm", f"{name}-{stage}"], options, **more)


def run(command: list[str], options: argparse.Namespace, **more: object) -> int:
    """Run a command of the engine in the repository, or print it; return the exit code."""
    if options.print:
        say(shlex.join(command))
        return 0
    code = subprocess.run(command, **build_options(), **more).returncode
    if code:
        # The engine has spoken; whether that was its own fault, it says again.
        require_engine(command[0])
    return code


def clean(arguments: Sequence[str]) -> int:
    """Remove the local runs and the local images.

    What `logs`, `stop` and `fetch` know of the submitted job stays: it may still run, and cost.
    """
    options = read_options("clean", clean, arguments)
    for path in sorted(RUNS.iterdir()) if RUNS.is_dir() else ():
        if path == SUBMITTED_JOB:
            continue
        if options.print:
            say(f"rm -r {shlex.quote(str(relative(path)))}")
        elif path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
    if RUNS.is_dir() and not options.print and not any(RUNS.iterdir()):
        RUNS.rmdir()
    try:
        engine = find_engine()
    except UserError:
        return 0  # no engine, no images
    names = [options.image, *(f"{options.image}-{stage}" for stage in STAGES)]
    command = [engine, "image", "rm", "--force", *names]
    if options.print:
        say(shlex.join(command))
    else:
        # Those that are there: an engine complains of the others.
        call(*command)
    return 0


def read_options(verb: str, function: object, arguments: Sequence[str]) -> argparse.Namespace:
    """Return the options of a verb that builds."""
    parser = parser_of(verb, function.__doc__)
    parser.add_argument("--image", help="the image's local name (default: IMAGE, else NAME:local)")
    parser.add_argument("--print", action="store_true", help="print the commands only")
    if verb != "clean":
        parser.add_argument(
            "--platform",
            default=os.environ.get("PLATFORM") or image.PLATFORM,
            help=f"default: PLATFORM, else {image.PLATFORM}, which the service runs",
        )
        parser.add_argument(
            "--build-arg",
            action="append",
            default=[],
            metavar="NAME=VALUE",
            help="an argument of the Dockerfile; may be given again",
        )
    options = parser.parse_args(arguments)
    if not options.image:
        options.image = image.local_image(read_request(REPOSITORY / "training-job.json"))
    if verb != "clean":
        given = [word for each in options.build_arg for word in ("--build-arg", each)]
        options.arguments = [*build_arguments(), *given]
    return options

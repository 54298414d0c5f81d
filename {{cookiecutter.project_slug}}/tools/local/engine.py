"""The container engine: which one, its builds, what it knows of an image."""

from __future__ import annotations

import argparse
import contextlib
import csv
import io
import json
import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

import image
from faults import explain
from passwords import find_password
from repository import REPOSITORY
from terminal import UserError

ENGINES = ("docker", "podman", "finch")
# Apps of SageMaker Studio in which containers may run, in the one network that it allows.
STUDIO_APPS = ("JupyterLab", "CodeEditor", "KernelGateway")
STUDIO_NETWORK = "sagemaker"
# What a container may take, as flags of a run and options of the engine.
LIMITS = ("gpus", "memory", "shm_size", "cpus")


def find_engine(otherwise: str = "") -> str:
    """Return the container engine's command: CONTAINER_ENGINE, or the first that is installed."""
    chosen = os.environ.get("CONTAINER_ENGINE")
    for name in (chosen,) if chosen else ENGINES:
        if shutil.which(name):
            return name
    if chosen:
        raise UserError(f'CONTAINER_ENGINE is "{chosen}", and there is no such command.')
    install = "There is no container engine: install docker, podman or finch"
    raise UserError(f"{install}, {otherwise}." if otherwise else f"{install}.")


def in_studio() -> bool:
    """Return whether this is SageMaker Studio, by its variable or its file."""
    app = os.environ.get("SAGEMAKER_APP_TYPE")
    with contextlib.suppress(OSError, ValueError, AttributeError):
        file = Path("/opt/ml/metadata/resource-metadata.json")
        app = app or json.loads(file.read_text(encoding="utf-8")).get("AppType")
    return app in STUDIO_APPS


def call(*command: str, patience: float | None = None) -> subprocess.CompletedProcess:
    """Run a short command, for so many seconds at most; return its exit code and output."""
    return subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        timeout=patience,
    )


def flags_of(engine: str, command: str) -> Callable[[], set[str]]:
    """Ask the engine for the flags that this command knows; what is returned waits for them."""
    asked = subprocess.Popen(
        [engine, command, "--help"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
    )
    return lambda: set(re.findall(r" (--[\w-]+)(?= )", asked.communicate()[0]))


def require_image(engine: str, name: str) -> None:
    """Raise UserError where the engine does not answer or does not have the image."""
    found = call(engine, "image", "inspect", "--format", "{{.Id}}", name)
    if found.returncode == 0:
        return
    if re.search(r"no such image|image not known|: not found$", found.stderr, re.I | re.M):
        raise UserError(f"There is no image {name}: run `make build` first.")
    raise no_answer(engine, found.stderr)


def no_answer(engine: str, said: str) -> UserError:
    """Return why an engine does not answer, by its own words."""
    reason = said.strip().splitlines()
    what = f"({reason[-1]}): mend that" if reason else "(it gave no reason): start it"
    return UserError(explain(said) or f"{engine} does not answer {what}, then try again.")


def require_engine(engine: str) -> None:
    """Raise UserError where the engine does not answer."""
    found = call(engine, "ps")
    if found.returncode != 0:
        raise no_answer(engine, found.stdout + found.stderr)


def inspect(engine: str, name: str) -> dict:
    """Return what the engine knows of an image."""
    return json.loads(call(engine, "image", "inspect", name).stdout)[0]


def bind(source: Path, target: str, *flags: str) -> list[str]:
    """Return the option that mounts a folder; a comma in a path needs the quotes of CSV."""
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow(
        ["type=bind", f"source={source}", f"target={target}", *flags]
    )
    return ["--mount", line.getvalue()]


def limits_of(options: argparse.Namespace, engine: str) -> list[str]:
    """Return the engine's options for what a container may take; Podman names GPUs by device."""
    found = []
    for name in LIMITS:
        value = getattr(options, name)
        if value is None:
            continue
        if name == "gpus" and "podman" in Path(engine).name:
            devices = value.removeprefix("device=").split(",")
            if value.isdecimal():
                devices = [str(each) for each in range(int(value))]
            found += [word for each in devices for word in ("--device", f"nvidia.com/gpu={each}")]
        else:
            found += [f"--{name.replace('_', '-')}", value]
    return found


def build_arguments() -> list[str]:
    """Return the words of BUILD_ARGS, such as --build-arg BASE=..."""
    try:
        return shlex.split(os.environ.get("BUILD_ARGS", ""))
    except ValueError as error:
        raise UserError(f"BUILD_ARGS has a quote that is not closed ({error}).") from error


def refuse_passwords(arguments: Sequence[str]) -> None:
    """Raise UserError for an argument with a password, which would stay in the image's history."""
    name = find_password(arguments, os.environ)
    if name:
        raise UserError(
            f"The build argument {name} holds a password, which all who have the image could read: "
            "give it as a secret (--secret; the manual, private package indexes)."
        )


def build_command(engine: str, name: str, platform: str, arguments: Sequence[str]) -> list[str]:
    """Return the command that builds the training image, of the kind that SageMaker takes.

    That is one manifest of Docker's, not an index of OCI (C82, C83).
    """
    command = build_start(engine, platform, arguments)
    asked = flags_of(engine, "build")  # Answers while the tag is found.
    for label in image.labels(image.tag()):
        command += ["--label", label]
    flags = asked()
    if "--provenance" in flags:
        # BuildKit: without these an OCI index, which SageMaker's endpoints refuse.
        command += ["--provenance=false", "--sbom=false"]
        command += ["--output", "type=docker,oci-mediatypes=false"]
    elif "--format" in flags:
        command += ["--format", "docker"]
    return [*command, "--tag", name, "."]


def stage_command(
    engine: str, name: str, platform: str, arguments: Sequence[str], stage: str
) -> list[str]:
    """Return the command that builds a stage of the Dockerfile, as NAME-STAGE."""
    command = build_start(engine, platform, arguments)
    return [*command, "--target", stage, "--tag", f"{name}-{stage}", "."]


def build_start(engine: str, platform: str, arguments: Sequence[str]) -> list[str]:
    """Return the words with which each build begins."""
    refuse_passwords(arguments)
    command = [engine, "build", "--platform", platform, "--build-arg", f"PLATFORM={platform}"]
    network = ["--network", STUDIO_NETWORK] if in_studio() else []
    return [*command, *network, *arguments]


def build_options() -> dict:
    """Return where and with which variables a build runs, as arguments of `subprocess`."""
    return {"cwd": REPOSITORY, "env": {**os.environ, "DOCKER_BUILDKIT": "1"}}

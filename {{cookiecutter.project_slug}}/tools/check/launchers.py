"""Launchers and inits: what stands before a program, and what becomes of it."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

INTERPRETER = re.compile(r"python[\d.]*|pypy[\d.]*|Rscript|R|r|java")
PROGRAM = re.compile(r".*\.(py|R|r|jar|whl|pyz)")
SHELLS = ("sh", "bash", "dash", "ash", "zsh", "ksh", "busybox")
TINI = ("tini", "tini-static", "docker-init")
INITS = ("dumb-init", "catatonit", "s6-svscan", "my_init", "runsvdir", "systemd", "init")
# Launcher → whether it replaces itself by the program ("execs"), passes SIGTERM on ("passes"),
# waits and does neither ("waits"), or that differs ("unsure"); options that take a value; how
# many words stand before the program.
LAUNCHERS: dict[str, tuple[str, str, int]] = {
    "env": ("execs", "-u -C --unset --chdir", 0),
    "exec": ("execs", "-a", 0),
    "command": ("execs", "", 0),
    "nohup": ("execs", "", 0),
    "nice": ("execs", "-n", 0),
    "ionice": ("execs", "-c -n", 0),
    "chrt": ("execs", "", 1),
    "taskset": ("execs", "-c", 1),
    "numactl": ("execs", "-C -N -m -i -p", 0),
    "stdbuf": ("execs", "-i -o -e", 0),
    "setpriv": ("execs", "--reuid --regid --groups --inh-caps --bounding-set", 0),
    "gosu": ("execs", "", 1),
    "su-exec": ("execs", "", 1),
    "chpst": ("execs", "-u -U -e -n", 0),
    "chroot": ("execs", "", 1),
    "prlimit": ("execs", "", 0),
    "catchsegv": ("execs", "", 0),
    "ddtrace-run": ("execs", "", 0),
    "opentelemetry-instrument": ("execs", "", 0),
    "newrelic-admin": ("execs", "", 1),
    "pipenv run": ("execs", "", 0),
    "poetry run": ("execs", "-C --directory -P --project", 0),
    "rye run": ("execs", "", 0),
    "pyenv exec": ("execs", "", 0),
    "micromamba run": ("unsure", "-n -p -r -a -e --name --prefix --attach --cwd --env", 0),
    "pixi run": ("unsure", "-e --environment --manifest-path", 0),
    "hatch run": ("unsure", "", 0),
    "tini": ("passes", "-p -e", 0),
    "dumb-init": ("passes", "-r", 0),
    "catatonit": ("passes", "", 0),
    "init": ("passes", "", 0),
    "timeout": ("passes", "-k -s --signal --kill-after", 1),
    "sudo": ("passes", "-u -g -H", 0),
    "uv run": ("passes", "--with -p --python --extra --group --project --directory --env-file "
               "--package --index-url --with-requirements --only-group", 0),
    "pdm run": ("passes", "-p", 0),
    "aws-vault": ("passes", "", 2),
    "chamber": ("execs", "", 2),
    "torchrun": ("passes", "*", 0),
    "accelerate launch": ("waits", "*", 0),
    "deepspeed": ("waits", "*", 0),
    "mpirun": ("unsure", "*", 0),
    "mpiexec": ("unsure", "*", 0),
    "horovodrun": ("unsure", "*", 0),
    "ray job": ("waits", "*", 0),
    "ray submit": ("waits", "*", 0),
    "conda run": ("waits", "-n -p --name --prefix --cwd", 0),
    "mamba run": ("waits", "-n -p --name --prefix --cwd", 0),
    "xvfb-run": ("waits", "-n -s -e -f -p -w --server-num --server-args --error-file", 0),
    "time": ("waits", "-f -o", 0),
    "setsid": ("waits", "", 0),
    "script": ("waits", "*", 0),
    "unbuffer": ("waits", "", 0),
    "watch": ("waits", "-n", 0),
    "strace": ("waits", "*", 0),
    "runuser": ("waits", "-u -g -G -l -s", 0),
    "parallel": ("waits", "*", 0),
    "nsys profile": ("unsure", "*", 0),
    "ncu": ("unsure", "*", 0),
    "py-spy": ("unsure", "*", 0),
    "doppler run": ("passes", "*", 0),
    "tox": ("waits", "*", 0),
    "nox": ("waits", "*", 0),
    "dvc": ("unsure", "*", 0),
    "mlflow": ("unsure", "*", 0),
    "kernprof": ("execs", "*", 0),
    "coverage run": ("execs", "*", 0),
    "spark-submit": ("execs", "*", 0),
}  # fmt: skip


# python -m NAME → the launcher that it is.
MODULES = {
    "torch.distributed.run": "torchrun",
    "torch.distributed.launch": "torchrun",
    "accelerate.commands.launch": "accelerate launch",
    "accelerate.commands.accelerate_cli": "accelerate",
    "deepspeed.launcher.runner": "deepspeed",
    "poetry": "poetry",
    "pipenv": "pipenv",
    "pdm": "pdm",
    "uv": "uv",
    "coverage": "coverage",
    "cProfile": "kernprof",
    "profile": "kernprof",
    "trace": "kernprof",
    "debugpy": "kernprof",
}
# Scripts of base images that end in exec "$@".
KNOWN_SCRIPTS = re.compile(
    r"(_entrypoint|nvidia_entrypoint|__cacert_entrypoint|mvn-entrypoint|start_with_right_hostname"
    r"|start|start-notebook|lambda-entrypoint|entrypoint-from-env|container-entrypoint)\.sh|_entrypoint"
    r"|container-entrypoint"
)


class Program(NamedTuple):
    """The words of a program taken apart."""

    launcher: str = ""  # the interpreter, or the program itself
    script: str = ""  # the program's file, module or class; "" where none is seen
    arguments: tuple[str, ...] = ()  # those behind the script
    kind: str = "file"  # or "module", "class", "inline" (-c, -e), "batch" (R CMD)

    @property
    def known(self) -> bool:
        """Whether the launcher is an interpreter."""
        return bool(INTERPRETER.fullmatch(self.launcher))


# Options of interpreters that take the next word.
WITH_VALUE = {
    *("-cp", "-classpath", "--class-path", "-W", "-X", "--encoding", "-p", "--module-path"),
    *("--add-modules", "-g", "--add-opens", "--add-exports"),
}


def program_of(words: Sequence[str]) -> Program:
    """Take the words of a command apart: interpreter, program, arguments."""
    if not words:
        return Program()
    launcher, rest = posixpath.basename(words[0]), list(words[1:])
    if not INTERPRETER.fullmatch(launcher):
        is_file = PROGRAM.fullmatch(words[0]) or words[0].endswith((".sh", ".bash"))
        return Program(launcher, words[0] if is_file else "", tuple(rest))
    is_r = launcher in ("R", "Rscript", "r")
    if launcher == "R" and rest[:1] == ["CMD"]:
        return Program(launcher, kind="batch")
    while rest:
        word = rest.pop(0)
        if is_r and word.startswith("--file="):
            return Program(launcher, word[7:], tuple(rest))
        if word == "-c" or (word.startswith("-e") if is_r else word == "-e"):
            return Program(launcher, "", tuple(rest[1:]), "inline")
        if word in ("-m", "--module") and rest:
            return Program(launcher, rest[0], tuple(rest[1:]), "module")
        if word in ("-jar", "-f") and rest:
            return Program(launcher, rest[0], tuple(rest[1:]))
        if is_r and word == "--args":
            break
        if word in WITH_VALUE:
            rest = rest[1:]
        elif not word.startswith(("-", "@")) and launcher != "R":  # R ignores plain words
            return Program(launcher, word, tuple(rest), "class" if launcher == "java" else "file")
    return Program(launcher)


@dataclass(frozen=True)
class Start:
    """What process 1 does in the end, on one way through the scripts before the program."""

    words: tuple[str, ...] = ()  # the program's, with the "train" where it arrives
    waits: str = ""  # what waits for the program and passes no SIGTERM on
    unsure: str = ""  # what can't be followed
    init: str = ""
    active: str = ""  # the environment that is activated for it; "?" one that can't be told
    folder: str = ""  # the folder it is started in, "" for WORKDIR, "?" for an unknown one
    stops: bool = False  # no program: the script ends
    refuses: bool = False  # and does so with an exit code that is not 0

    @property
    def is_train(self) -> bool:
        """Whether "train" itself is what is looked for as a program."""
        return self.words == ("train",)

    @property
    def own_words(self) -> tuple[str, ...]:
        """The words without the "train" that SageMaker adds."""
        return self.words[:-1] if self.words[-1:] == ("train",) else self.words

    @property
    def program(self) -> Program:
        return program_of(self.words)

    @property
    def own_program(self) -> Program:
        return program_of(self.own_words)

    def but(self, **changes) -> Start:
        """Return the start with something else; the first that waits or is unsure counts."""
        for name in ("waits", "unsure", "active", "init"):
            if getattr(self, name):
                changes.pop(name, None)
        return replace(self, **changes)

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
INITS = ("dumb-init", "catatonit", "s6-svscan", "my_init", "runsvdir", "systemd")


def launchers(kind: str, names: str, options: str = "", count: int = 0) -> dict[str, tuple]:
    return dict.fromkeys(names.split(", "), (kind, options.split(), count))


# Launcher → what becomes of SIGTERM: it reaches the program, which takes the launcher's place or
# gets it handed on ("passes"), or not, since it only waits ("waits"), or that differs ("unsure");
# the options that take a value, "*" where the program is looked for behind unknown ones; how many
# words stand before the program.
LAUNCHERS: dict[str, tuple[str, list[str], int]] = {
    **launchers("passes", "command, nohup, prlimit, catchsegv, ddtrace-run"),
    **launchers("passes", "opentelemetry-instrument, pipenv run, rye run, pyenv exec"),
    **launchers("passes", "gosu, su-exec, chroot, chrt, newrelic-admin", count=1),
    **launchers("passes", "aws-vault, chamber", count=2),
    **launchers("passes", "torchrun, doppler run, kernprof, coverage run, spark-submit", "*"),
    **launchers("passes", "tini", "-p -e -r"),
    **launchers("passes", "env", "-u -C --unset --chdir"),
    **launchers("passes", "exec", "-a"),
    **launchers("passes", "nice", "-n"),
    **launchers("passes", "ionice", "-c -n"),
    **launchers("passes", "taskset", "-c", count=1),
    **launchers("passes", "numactl", "-C -N -m -i -p"),
    **launchers("passes", "stdbuf", "-i -o -e"),
    **launchers("passes", "setpriv", "--reuid --regid --groups --inh-caps --bounding-set"),
    **launchers("passes", "chpst", "-u -U -e -n"),
    **launchers("passes", "sudo", "-u -g -H"),
    **launchers("passes", "timeout", "-k -s --signal --kill-after", count=1),
    **launchers("passes", "poetry run", "-C --directory -P --project"),
    **launchers("passes", "pdm run", "-p"),
    **launchers("passes", "uv run", "--with -p --python --extra --group --project --directory "
                "--env-file --package --index-url --with-requirements --only-group"),
    **launchers("waits", "time", "-f -o"),
    **launchers("waits", "setsid, unbuffer"),
    **launchers("waits", "watch", "-n"),
    **launchers("waits", "runuser", "-u -g -G -l -s"),
    **launchers("waits", "conda run, mamba run", "-n -p --name --prefix --cwd"),
    **launchers("waits", "xvfb-run", "-n -s -e -f -p -w --server-num --server-args --error-file"),
    **launchers("waits", "accelerate launch, deepspeed, ray job, ray submit, script", "*"),
    **launchers("waits", "strace, parallel, tox, nox", "*"),
    **launchers("unsure", "micromamba run", "-n -p -r -a -e --name --prefix --attach --cwd --env"),
    **launchers("unsure", "pixi run", "-e --environment --manifest-path"),
    **launchers("unsure", "hatch run"),
    **launchers("unsure", "mpirun, mpiexec, horovodrun, nsys profile, ncu, py-spy, dvc", "*"),
    **launchers("unsure", "mlflow", "*"),
}  # fmt: skip


def launcher_of(words: Sequence[str]) -> str:
    """Return the launcher that a command begins with, as LAUNCHERS names it; "" for none."""
    name = posixpath.basename(words[0])
    if name in (*TINI, *INITS) or words[0] == "/init":
        return "tini"
    return next((each for each in (" ".join([name, *words[1:2]]), name) if each in LAUNCHERS), "")


# Those that start the program in an environment of the project's.
OF_PROJECT = ("poetry run", "pipenv run", "uv run", "pdm run", "pixi run", "hatch run", "rye run")
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
        """Return the start with something else; of what waits and its like the first counts."""
        for name in ("waits", "unsure", "active", "init"):
            if getattr(self, name):
                changes.pop(name, None)
        return replace(self, **changes)

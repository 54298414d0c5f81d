"""Launchers and inits: what stands before a program, and what becomes of it."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Sequence

from check.shell import fields_of
from check.start import INTERPRETER, PROGRAM

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
    **launchers("waits", "setsid, unbuffer, xargs"),
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
    **dict.fromkeys(("torch.distributed.run", "torch.distributed.launch"), "torchrun"),
    **dict.fromkeys(("cProfile", "profile", "trace", "debugpy"), "kernprof"),
    **{each: each for each in ("poetry", "pipenv", "pdm", "uv", "coverage")},
    "accelerate.commands.launch": "accelerate launch",
    "accelerate.commands.accelerate_cli": "accelerate",
    "deepspeed.launcher.runner": "deepspeed",
}
# Scripts of base images that end in exec "$@".
KNOWN_SCRIPTS = re.compile(
    r"(_entrypoint|nvidia_entrypoint|__cacert_entrypoint|mvn-entrypoint|start_with_right_hostname"
    r"|start|start-notebook|lambda-entrypoint|entrypoint-from-env|container-entrypoint)\.sh|_entrypoint"
    r"|container-entrypoint"
)


def by_module(words: list[str]) -> list[str]:
    """Return the words of the launcher that `python -m` starts, else the same."""
    if INTERPRETER.fullmatch(posixpath.basename(words[0])) and "-m" in words[1:-1]:
        at = words.index("-m")
        if words[at + 1] in MODULES and all(each.startswith("-") for each in words[1:at]):
            return [*MODULES[words[at + 1]].split(), *words[at + 2 :]]
    return words


def behind(words: list[str], key: str) -> list[str]:
    """Return the words of the program behind a launcher and its options."""
    _, valued, count = LAUNCHERS[key]
    rest = words[len(key.split()) :]
    if valued == ["*"]:
        return behind_unknown(rest)
    while rest and (rest[0].startswith("-") or (key in TAKE_VALUES and "=" in rest[0])):
        word, *rest = rest
        if word == "--":
            break
        if key == "env" and word.startswith(("-S", "--split-string")):
            text = re.sub(r"^(-S|--split-string)=?", "", word)
            return [*fields_of(text), *rest] if text else [*fields_of("".join(rest[:1])), *rest[1:]]
        if word in ("-m", "--module") and key in ("uv run", "pdm run"):
            return ["python", "-m", *rest]
        if word in valued:
            rest = rest[1:]
    if key == "taskset" and rest and not re.fullmatch(r"[\da-fx,-]+", rest[0]):
        count = 0  # -c took it
    rest = rest[count:]
    rest = rest[1:] if rest[:1] == ["--"] else rest
    return ["python", *rest] if key == "uv run" and rest and rest[0].endswith(".py") else rest


# Launchers that take NAME=value before the program.
TAKE_VALUES = ("env", "exec", "sudo")


def behind_unknown(rest: list[str]) -> list[str]:
    """Return the words from the first one on that looks like a program."""
    for number, word in enumerate(rest):
        if INTERPRETER.fullmatch(posixpath.basename(word)):
            return rest[number:]
        if " " in word and PROGRAM.fullmatch(word.split()[-1]):
            return word.split()
        if PROGRAM.fullmatch(word) and not word.startswith("-"):
            return ["python", *rest[number:]] if word.endswith(".py") else rest[number:]
        if word in ("-m", "--module") and rest[number + 1 :]:
            return ["python", *rest[number:]]
    return []


def conda_target(words: Sequence[str]) -> str:
    """Return the environment that a command of conda names: -n NAME or -p PREFIX."""
    for option, value in zip(words, [*words[1:], ""]):
        if option in ("-n", "--name", "-p", "--prefix"):
            return value
        if option.startswith(("--name=", "--prefix=")):
            return option.partition("=")[2]
    return ""


def environment_of(words: Sequence[str], key: str) -> str:
    """Return the environment that a launcher starts the program in: a path, a name, or ""."""
    if key in ("conda run", "mamba run", "micromamba run"):
        return conda_target(words) or "base"
    return f"{key.split()[0]} environment" if key in OF_PROJECT else ""

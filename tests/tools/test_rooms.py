"""The rooms of tools/: who may import whom, and that every verb is reached."""

import ast
import graphlib
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from support import TEMPLATE, oldest_python, real_python, unavailable

TOOLS = TEMPLATE / "{{cookiecutter.project_slug}}" / "tools"
# Top floor first: a module imports from floors below its own alone.
FLOORS = """
    __main__
    doctor
    cloud.submit cloud.push cloud.ready
    cloud.follow cloud.deploy cloud.codebuild cloud.questions cloud.problems cloud.upload
    cloud.request cloud.logs cloud.account cloud.names cloud.prices cloud.ranges
    cloud.aws
    cloud.causes
    contract.run contract.start contract.inputs contract.checkpoints contract.outcome
        contract.image contract.conftest
    contract.trials contract.other_image
    local.run
    local.build local.report local.runs
    local.runners local.record local.page local.host_program
    local.engine local.environment
    check
    job settings
    image
    repository tuning
    api_model faults passwords terminal
"""
# What a room may import of others, beside the ground.
NEIGHBOURS = {
    "cloud": {"local.engine", "check.request"},
    "contract": {"local.engine", "local.environment", "local.report", "local.runners"},
    "local": set(),
    "check": set(),
}
GROUND = {
    "api_model",
    "faults",
    "image",
    "job",
    "passwords",
    "repository",
    "settings",
    "terminal",
    "tuning",
}
VERBS = re.findall(r'^    "(\w+)": \("', (TOOLS / "__main__.py").read_text(), re.MULTILINE)


def modules():
    """Name of a module → its file; those of packages without code are left out."""
    found = {}
    for path in TOOLS.rglob("*.py"):
        name = ".".join(path.relative_to(TOOLS).with_suffix("").parts).removesuffix(".__init__")
        if path.name != "__init__.py" or "import" in path.read_text(encoding="utf-8"):
            found[name] = path
    return found


def imports(path, known):
    """The modules of tools/ that a file imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = []
        if isinstance(node, ast.Import):
            names = [each.name for each in node.names]
        elif isinstance(node, ast.ImportFrom):
            whole = [f"{node.module}.{each.name}" for each in node.names]
            names = [each if each in known else node.module for each in whole]
        yield from (name for name in names if name in known)


def test_every_arrow_points_down():
    floors = [line.split() for line in re.sub(r"\n {8}", " ", FLOORS).split("\n")]
    rank = {name: number for number, names in enumerate(floors) for name in names}
    known = modules()
    # The rules and what they read change often: they are one floor, without a circle.
    floor = rank.pop("check")
    rank |= {name: floor for name in known if name.startswith("check.")}
    assert set(rank) == set(known)
    arrows = {name: set(imports(path, known)) for name, path in known.items()}
    graphlib.TopologicalSorter(arrows).prepare()
    pairs = [(name, other) for name, others in arrows.items() for other in others]
    assert len(pairs) > 100
    for name, other in pairs:
        room, another = name.partition(".")[0], other.partition(".")[0]
        assert rank[name] < rank[other] or room == another == "check", (name, other)
        if room in NEIGHBOURS and another != room:
            assert other in NEIGHBOURS[room] | GROUND, (name, other)


@pytest.mark.parametrize("verb", VERBS)
def test_each_verb_tells_its_flags_on_the_oldest_python(bake, verb, tmp_path):
    repository = bake("python")
    # From another folder, whose path has a blank.
    place = tmp_path / "else where"
    place.mkdir()
    done = subprocess.run(
        [oldest_python(), repository / "tools", verb, "--help"],
        cwd=place,
        capture_output=True,
        encoding="utf-8",
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"usage: python3 tools {verb} ")
    assert not list((repository / "tools").rglob("__pycache__"))


def test_a_training_starts_without_what_it_needs_later_or_never(bake):
    """`make train` comes after each edit: what is read before the build starts is waited for."""
    tools = bake("python") / "tools"
    # Without what the site of this machine imports.
    script = "import sys; sys.path.insert(0, '.'); import local.run; print(*sys.modules)"
    command = [sys.executable, "-I", "-S", "-B", "-c", script]
    done = subprocess.run(command, cwd=tools, capture_output=True, encoding="utf-8", check=True)
    read = set(done.stdout.split())
    assert {"local.build", "local.runners"} <= read
    later = {"local.report", "local.runs", "local.page", "local.host_program", "settings"}
    assert not read & (later | {"configparser", "dataclasses", "inspect", "secrets", "tarfile"})


def test_nothing_asks_for_a_newer_python_than_is_promised(bake):
    """Each module is read by Python 3.9, or by vermin, which knows what came when."""
    repository = bake("python")
    vermin, python = Path(sys.executable).with_name("vermin"), real_python("3.9")
    if not (vermin.exists() or python):
        unavailable("There is neither a Python 3.9 here nor vermin.")
    commands = []
    if vermin.exists():
        commands.append([vermin, "--target=3.9-", "--violations", "--no-tips", "tools"])
    if python:
        # pytest is not there: the contract tests are only compiled.
        names = [name for name in modules() if not re.match("__main__|contract.(?!run|sett)", name)]
        compile_all = "[compile(p.read_bytes(), p, 'exec') for p in Path('tools').rglob('*.py')]"
        script = f"from pathlib import Path; {compile_all}; import {', '.join(names)}"
        commands.append([python, "-B", "-c", script])
    for command in commands:
        done = subprocess.run(
            command,
            cwd=repository,
            env=os.environ | {"PYTHONPATH": "tools"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
        )
        assert done.returncode == 0, done.stdout


def test_there_are_verbs_and_a_word_that_is_none_is_a_usage_error(bake):
    assert len(VERBS) == 18
    done = subprocess.run(
        [oldest_python(), "tools", "trian"],
        cwd=bake("r"),
        capture_output=True,
        encoding="utf-8",
    )
    assert done.returncode == 2
    assert done.stderr.startswith('There is no verb "trian".\n\nusage: python3 tools VERB')
    # R has no lock.
    assert "\n  fetch " in done.stderr and "\n  lock " not in done.stderr


def test_the_repository_is_the_nearest_one_from_where_one_stands(bake, tmp_path):
    first, second = bake("r", project_slug="first"), bake("r", project_slug="second")

    def prints(folder):
        command = [oldest_python(), first / "tools", "build", "--print"]
        environment = {"PATH": "/usr/bin:/bin", "CONTAINER_ENGINE": "true"}
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
        return re.search(r"--tag (\S+)", done.stdout)[1]

    assert prints(tmp_path) == "first:local"
    assert prints(second / "training") == "second:local"


def test_no_file_is_longer_than_a_reader_bears():
    for path in modules().values():
        lines = path.read_text(encoding="utf-8").count("\n")
        assert lines <= 400, path

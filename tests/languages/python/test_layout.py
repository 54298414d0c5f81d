"""The rooms of the program: each subject of job/ knows only what lies below it."""

import ast
from pathlib import Path

import job

CODE = Path(job.__file__).parents[1]
# Top floor first. One of a floor imports nothing of the same floor, and nothing of one above.
FLOORS = [
    {"train"},
    {"cluster", "channels", "algorithm"},
    {"hyperparameters", "hosts", "stop", "checkpoints", "model_folder"},
    {"outcome"},
    {"cpus", "files", "log"},
    {"__init__"},
]


def imported(path):
    """Return the names of the modules of job/ that a file imports."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            top, _, name = node.module.partition(".")
            if top == "job":
                yield from [name] if name else [each.name for each in node.names]


def test_the_arrows_point_down():
    floor = {name: level for level, names in enumerate(FLOORS) for name in names}
    files = [CODE / "train.py", *(CODE / "job").glob("*.py")]
    assert {path.stem for path in files} == set(floor)
    for path in files:
        for name in imported(path):
            # An exception of the package itself is at the bottom.
            below = floor.get(name, floor["__init__"])
            assert below > floor[path.stem], f"{path.stem} imports {name}"


def test_no_file_is_long():
    lines = {path: len(path.read_text().splitlines()) for path in CODE.rglob("*.py")}
    assert max(lines.values()) <= 400
    ours = [number for path, number in lines.items() if path.parent == CODE / "job"]
    assert sum(ours) + lines[CODE / "train.py"] <= 1500

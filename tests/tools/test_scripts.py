"""What the check makes of wrapper scripts, against what bash does with them; and fuzzed."""

import os
import re
import subprocess

import pytest
from corpus import public
from corpus.load import command, repository, shell
from corpus.whole import ROWS
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

# What a wrapper may start; each says whether it took the place of the shell.
PROGRAMS = ("python", "Rscript", "torchrun", "conda", "accelerate", "gosu", "mpiexec", "dumb-init")
STUB = '#!/bin/sh\nif [ "$$" = "$PROCESS_1" ]; then echo execs; else echo waits; fi > "$SAID"\n'


def wrappers():
    """Each row that starts a script of its own and nothing behind it, once: name → its texts."""
    rows = [*public.RIGHT, *public.WRONG, *public.WARNED, *((r[0], r[2]) for r in ROWS)]
    for name, texts, *_ in rows:
        entry = re.findall(
            r'^ENTRYPOINT \["(?:bash", ")?(?:\./)?([\w.-]+\.sh)"\]$',
            str(texts.get("Dockerfile")),
            re.MULTILINE,
        )
        # Not what hangs on a file of the container: bash goes the one way here, the check both.
        if entry and "-f /opt/ml" not in texts.get(entry[-1], "-f /opt/ml"):
            yield name, entry[-1], texts


@pytest.mark.parametrize("row", list(wrappers()), ids=[each[0] for each in wrappers()])
def test_a_script_waits_where_bash_does(row, tmp_path):
    _, name, texts = row
    starts = repository.Repository(texts).starts
    programs = tmp_path / "programs"
    programs.mkdir()
    for each in PROGRAMS:
        (programs / each).write_text(STUB)
        (programs / each).chmod(0o755)
    for each, text in texts.items():
        (tmp_path / each).write_text(text)
        (tmp_path / each).chmod(0o755)
    said = tmp_path / "said"
    run = 'export PROCESS_1=$$; cd() { :; }; export -f cd; exec bash "$0" train'
    path = f"{programs}:{os.environ['PATH']}"
    environment = {"PATH": path, "SAID": str(said), "MODE": "train"}
    subprocess.run(
        ["bash", "-c", run, name], cwd=tmp_path, env=environment, capture_output=True, timeout=60
    )
    if not said.exists():
        assert not any(each.program.launcher in PROGRAMS and not each.waits for each in starts), (
            starts
        )
        return
    waits = said.read_text().strip() == "waits"
    if waits and "trap" not in texts[name]:
        assert any(each.waits for each in starts), starts
    if not any(each.waits for each in starts):
        assert not waits or "trap" in texts[name]


def test_there_are_wrappers_enough():
    assert len(list(wrappers())) >= 25


WORDS = [
    *("if", "then", "else", "fi", "case", "in", "esac", ";;", "while", "do", "done", "for", "x"),
    *("{", "}", "(", ")", "f()", "f", "exec", "python", "train.py", '"$@"', "$1", '"${1:-train}"'),
    *("[", "]", "[[", "]]", "=", "!=", "&&", "||", "|", "&", ";", "\n", "\n", "<<E", "\nE\n", ">"),
    *("$(", "`", "'", '"', "\\", "shift", "set --", "trap", "kill", "wait", "!", "A=b", "cd /a"),
    *(". run.sh", "eval", "exit 1", "return", "conda activate e", "env -S", "su -c", "${", "$((1+"),
]
scripts = st.lists(st.sampled_from(WORDS) | st.text(max_size=3), max_size=30).map(" ".join)
quick = settings(
    max_examples=300, deadline=None, database=None, suppress_health_check=list(HealthCheck)
)
ENTRY = 'FROM python:3.12\nWORKDIR /app\nCOPY . .\nENTRYPOINT ["bash", "run.sh"]\n'


@quick
@given(scripts)
# A digit, and no number.
@example("exec python train.py $²")
@example("shift ²")
@example("[ ² -gt 1 ] && exec python train.py")
def test_no_script_crashes_the_check(text):
    for each in command.check({"Dockerfile": ENTRY, "run.sh": text, "train.py": ""}):
        assert each.line >= 1 and each.message


@quick
@given(scripts)
def test_a_script_is_read_or_refused(text):
    nodes = shell.read_nodes(text)
    assert nodes is None or isinstance(nodes, list)


def test_a_script_that_sources_itself_ends():
    texts = {"Dockerfile": ENTRY, "run.sh": ". ./run.sh && f() { f; } && f && eval f"}
    assert command.check(texts)

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import job

CODE = Path(job.__file__).parents[1]

# Ways in which a model and its libraries start a process: each sets `pid` and `code`.
CHILDREN = {
    "fork": """
pid = os.fork()
if pid == 0:
    time.sleep(60)
""",
    "fork from a thread": """
def fork():
    global pid
    pid = os.fork()
    if pid == 0:
        time.sleep(60)
thread = threading.Thread(target=fork)
thread.start()
thread.join()
""",
    "subprocess": "pid = subprocess.Popen(['sleep', '60']).pid",
    "posix_spawn": "pid = os.posix_spawnp('sleep', ['sleep', '60'], os.environ)",
    "multiprocessing fork": """
pid = subprocess_of("fork")
""",
    "multiprocessing spawn": """
pid = subprocess_of("spawn")
""",
    "multiprocessing forkserver": """
pid = subprocess_of("forkserver")
""",
}
PARENT = """
import multiprocessing, os, signal, subprocess, sys, threading, time
from job.stop import StopRequest

def subprocess_of(way):
    global process
    process = multiprocessing.get_context(way).Process(target=time.sleep, args=(60,))
    process.start()
    return process.pid

def ended(pid):
    if "process" in globals():
        process.join()
        return process.exitcode
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

if __name__ == "__main__":
    stop = StopRequest()
    {child}
    time.sleep(0.5)
    os.kill(pid, signal.SIGTERM)
    print(ended(pid), stop.received)
"""


@pytest.mark.parametrize("child", CHILDREN.values(), ids=CHILDREN)
def test_a_child_dies_of_sigterm_and_does_not_stop_the_training(tmp_path, child):
    program = tmp_path / "parent.py"
    program.write_text(PARENT.replace("{child}", child.strip().replace("\n", "\n    ")))
    run = subprocess.run(
        [sys.executable, program],
        cwd=CODE,
        env=os.environ | {"PYTHONPATH": str(CODE)},
        capture_output=True,
        encoding="utf-8",
    )
    assert run.stdout == f"{-signal.SIGTERM} False\n", run.stderr


def test_sigterm_is_logged_at_once_during_a_long_call_c5(root):
    program = """
import time
from job.log import log
from job.stop import StopRequest
stop = StopRequest()
log("ready")
time.sleep(60)
"""
    process = subprocess.Popen(
        [sys.executable, "-c", program], cwd=CODE, stdout=subprocess.PIPE, encoding="utf-8"
    )
    assert process.stdout.readline() == "ready\n"
    process.terminate()
    assert process.stdout.readline().startswith("SIGTERM received: finishing this step")
    assert process.poll() is None, "the call must go on"
    process.kill()
    process.communicate()


def test_sigterm_counts_from_the_first_line_of_the_program_c6(root, tmp_path):
    code = shutil.copytree(CODE, tmp_path / "code")
    # Of what is ours, the first that is imported sends it.
    first = code / "job/__init__.py"
    sends = "import os, signal\nos.kill(os.getpid(), signal.SIGTERM)\n"
    first.write_text(sends + first.read_text(encoding="utf-8"), encoding="utf-8")
    (code / "model.py").write_text("from conftest import ToyModel as Model\n")
    run = subprocess.run(
        [sys.executable, "train.py"],
        cwd=code,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parent)},
        capture_output=True,
        encoding="utf-8",
    )
    assert run.stdout.startswith("SIGTERM received: "), run.stderr
    assert run.returncode == 1
    assert run.stderr.startswith("Stopped by SIGTERM before the first step was done")

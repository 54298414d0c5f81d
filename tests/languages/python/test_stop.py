import signal
import subprocess
import sys
from pathlib import Path

import job

CODE = Path(job.__file__).parents[1]


def test_a_helper_process_dies_of_sigterm_and_does_not_stop_the_training():
    program = """
import os, signal
from job.stop import StopRequest
stop = StopRequest()
child = os.fork()
if child == 0:
    signal.pause()
os.kill(child, signal.SIGTERM)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), stop.received)
"""
    run = subprocess.run(
        [sys.executable, "-c", program], cwd=CODE, capture_output=True, encoding="utf-8"
    )
    assert run.stdout == f"{-signal.SIGTERM} False\n"


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

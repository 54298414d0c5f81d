"""workshop/lab, on the oldest Python: it loses nothing, always mends, and names one next step."""

import itertools
import json
import subprocess
import sys
from datetime import datetime

import labs
import mistakes
import pytest
from support import LANGUAGES, TEMPLATE, oldest_python

PATCHES = [name for name, each in mistakes.MISTAKES.items() if each.edits]
SOLVABLE = (3, 5)


def files(folder):
    """Return each file's bytes, but for git's."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and ".git" not in path.relative_to(folder).parts
    }


class Pupil:
    """A repository in a folder with a Korean name, and what its pupil types."""

    def __init__(self, repository, home):
        self.folder = repository
        self.home = home

    def run(self, *command):
        # No name and address for git, as on a fresh laptop.
        environment = {"HOME": str(self.home), "PATH": "/usr/bin:/bin", "GIT_CONFIG_NOSYSTEM": "1"}
        return subprocess.run(
            command, cwd=self.folder, env=environment, capture_output=True, encoding="utf-8"
        )

    def lab(self, *words, code=0):
        done = self.run(oldest_python(), str(TEMPLATE / "workshop/lab"), *words)
        assert done.returncode == code, done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        return done.stdout + done.stderr

    def git(self, *words):
        done = self.run("git", "-c", "core.quotepath=false", *words)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def ran(self, **report):
        """Leave the report of a run that starts now."""
        job = json.loads((self.folder / "training-job.json").read_text(encoding="utf-8"))
        number = len(list(self.folder.glob("runs/*")))
        started = datetime.now().astimezone()
        whole = {
            "name": f"run-{number}",
            "status": "Completed",
            "reason": "",
            "exit_code": 0,
            "command": "python3 tools train",
            "started": started.isoformat(timespec="seconds"),
            "hyperparameters": job["HyperParameters"],
            "events": [],
            "metrics": {
                each["Name"]: [[1, 0.5, 0.1]]
                for each in job["AlgorithmSpecification"]["MetricDefinitions"]
            },
            **report,
        }
        folder = self.folder / "runs" / whole["name"]
        folder.mkdir(parents=True)
        (folder / "report.json").write_text(json.dumps(whole), encoding="utf-8")


@pytest.fixture
def pupil(bake, tmp_path, request):
    language = getattr(request, "param", "python")
    folder = tmp_path / "내 워크숍" / "펭귄"
    folder.parent.mkdir()
    bake(language).rename(folder)
    (tmp_path / "home").mkdir()
    return Pupil(folder, tmp_path / "home")


each_language = pytest.mark.parametrize("pupil", LANGUAGES, indirect=True)


@each_language
def test_every_mistake_breaks_and_mends_and_leaves_each_byte(pupil):
    pupil.lab("start", "2")
    before = files(pupil.folder)
    for name in PATCHES:
        assert pupil.lab("break", name).startswith(f"{name}: {mistakes.MISTAKES[name].what}")
        assert files(pupil.folder) != before, name
        assert pupil.lab("mend") == f"{name} is mended.\n"
        assert files(pupil.folder) == before, name
    assert pupil.git("status", "--porcelain", "--ignored") == ""


def test_a_mistake_that_is_a_flag_changes_nothing_and_says_what_to_run(pupil):
    before = files(pupil.folder)
    assert "--kill-host" in pupil.lab("break", "lost-worker")
    assert files(pupil.folder) == before
    assert pupil.lab("mend") == "Nothing is broken.\n"


def test_a_broken_file_that_was_edited_is_kept_before_it_is_mended(pupil):
    pupil.lab("start", "2")
    before = files(pupil.folder)
    pupil.lab("break", "cmd")
    file = pupil.folder / "Dockerfile"
    edited = file.read_text() + "# mine\n"
    file.write_text(edited)
    assert "To see it: git switch my-lab-2-1\n" in pupil.lab("mend")
    assert files(pupil.folder) == before
    assert pupil.git("show", "my-lab-2-1:Dockerfile") == edited


def test_unsaved_changes_are_not_broken(pupil):
    pupil.lab("start", "2")
    (pupil.folder / "메모.txt").write_text("mine")
    before = files(pupil.folder)
    assert "(메모.txt)" in pupil.lab("break", "cmd", code=1)
    assert files(pupil.folder) == before
    (pupil.folder / "메모.txt").unlink()
    pupil.lab("break", "cmd")
    assert "cmd is not mended yet" in pupil.lab("break", "server", code=1)


def test_a_file_with_other_lines_is_not_broken(pupil):
    file = pupil.folder / "Dockerfile"
    file.write_text(file.read_text().replace('ENTRYPOINT ["python"', 'ENTRYPOINT ["python3"'))
    pupil.lab("start", "2")
    before = files(pupil.folder)
    assert "Dockerfile has other lines" in pupil.lab("break", "cmd", code=1)
    assert files(pupil.folder) == before


def test_work_is_kept_on_a_branch_whenever_a_lab_begins(pupil):
    pupil.lab("start", "3")
    before = files(pupil.folder)
    (pupil.folder / "training/model.py").write_text("mine\n")
    (pupil.folder / "training/내_모델.py").write_text("mine too\n")
    (pupil.folder / "runs").mkdir()
    (pupil.folder / "runs/log.txt").write_text("a run\n")
    assert "git switch my-lab-3-1\n" in pupil.lab("reset")
    assert files(pupil.folder) == before | {"runs/log.txt": b"a run\n"}
    assert pupil.git("show", "my-lab-3-1:training/내_모델.py") == "mine too\n"
    # What was committed is kept too.
    (pupil.folder / "training/model.py").write_text("again\n")
    pupil.git("-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qam", "mine")
    assert "git switch my-lab-3-2\n" in pupil.lab("start", "4")
    assert pupil.git("show", "my-lab-3-2:training/model.py") == "again\n"
    assert "my-lab" not in pupil.lab("start", "5")


def test_a_repository_of_ones_own_begins_with_its_last_commit(pupil):
    pupil.git("init", "-q")
    pupil.git("add", ".")
    pupil.git("-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "mine")
    (pupil.folder / "README.md").write_text("changed\n")
    assert "git switch my-lab-0-1\n" in pupil.lab("start", "1")
    assert "lab-1" in pupil.git("branch", "--show-current")
    assert (pupil.folder / "README.md").read_text() != "changed\n"


def test_nothing_is_done_in_the_middle_of_a_merge(pupil):
    pupil.lab("start", "1")
    (pupil.folder / ".git/MERGE_HEAD").write_text(pupil.git("rev-parse", "HEAD"))
    assert "end it first" in pupil.lab("reset", code=1)


@pytest.mark.parametrize(
    "words, told",
    [
        (["check"], "No lab is begun: lab start 1"),
        (["reset"], "No lab is begun: lab start 1"),
        (["start"], "Which lab?"),
        (["start", "8"], 'There is no lab "8"'),
        (["break", "typo"], 'There is no mistake "typo"'),
        (["check", "2"], "Lab 2 is not begun: lab start 2"),
    ],
)
def test_a_wrong_word_is_told_and_changes_nothing(pupil, words, told):
    before = files(pupil.folder)
    assert told in pupil.lab(*words, code=1)
    assert files(pupil.folder) == before
    assert not (pupil.folder / ".git").exists()


def test_outside_of_a_repository_it_says_so(tmp_path):
    command = [sys.executable, "-B", TEMPLATE / "workshop/lab", "status"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, encoding="utf-8")
    assert (done.returncode, done.stdout) == (1, "")
    assert "is in no generated repository" in done.stderr


# ---- The next step of each lab


def test_lab_1_asks_for_two_runs_and_a_look(pupil):
    pupil.lab("start", "1")
    assert pupil.lab("check", code=1).startswith("Next: `make train")
    pupil.ran(status="Failed", exit_code=1, reason="no such column")
    assert "(The last run failed: no such column)" in pupil.lab("check", code=1)
    pupil.ran()
    assert "--hyperparameter max_depth=2" in pupil.lab("check", code=1)
    pupil.ran(hyperparameters={"max_depth": "2"})
    assert "tar -xzf runs/run-2/model.tar.gz" in pupil.lab("check", code=1)
    (pupil.folder / "runs/look").mkdir()
    (pupil.folder / "runs/look/metadata.json").write_text("{}")
    assert pupil.lab("check") == "Lab 1 is done. Next: lab start 2\n"


def test_lab_2_asks_for_three_mistakes(pupil):
    pupil.lab("start", "2")
    for name in ("server", "cmd", "shell-form"):
        assert pupil.lab("check", code=1).startswith(f"Next: `lab break {name}`:")
        pupil.lab("break", name)
        assert pupil.lab("check", code=1).startswith("Next: `make train")
        pupil.ran(status="Failed", exit_code=127)
        assert "lab mend`" in pupil.lab("check", code=1)
        pupil.lab("mend")
    assert pupil.lab("check", code=1).startswith("Next: `make train`: see that")
    pupil.ran()
    assert pupil.lab("check").startswith("Lab 2 is done.")


@each_language
def test_lab_3_is_solved(pupil):
    pupil.lab("start", "3")
    assert "still the sample" in pupil.lab("check", code=1)
    pupil.lab("solve", "3")
    page = (TEMPLATE / "docs/en/labs/3-algorithm.md").read_text(encoding="utf-8")
    for name in itertools.chain(*labs.LEFT_OVER.values()):
        assert f"`{name}`" in page and not (pupil.folder / name).exists()
    assert pupil.lab("check", code=1).startswith("Next: `make train`: train with")
    pupil.ran(metrics={"training:rmse": []})
    assert "Regex of training:rmse" in pupil.lab("check", code=1)
    pupil.ran()
    assert pupil.lab("check").startswith("Lab 3 is done.")


def test_lab_4_asks_for_a_stop_a_kill_and_a_program_that_does_not_hear(pupil):
    pupil.lab("start", "4")
    assert "--stop-after 5" in pupil.lab("check", code=1)
    pupil.ran(status="Stopped", exit_code=1)
    assert "--stop-after 30" in pupil.lab("check", code=1)
    pupil.ran(status="Stopped")
    assert "--interrupt-after 5" in pupil.lab("check", code=1)
    pupil.ran(status="Stopped", events=[{"at": 5, "what": "resume", "text": ""}])
    assert pupil.lab("check", code=1).startswith("Next: `lab break deaf`")
    pupil.lab("break", "deaf")
    assert "--grace 5" in pupil.lab("check", code=1)
    pupil.ran(status="Stopped", exit_code=137)
    assert "lab mend`" in pupil.lab("check", code=1)
    pupil.lab("mend")
    assert pupil.lab("check").startswith("Lab 4 is done.")


def test_lab_5_limits_the_job_and_reads_the_request(pupil):
    pupil.lab("start", "5")
    assert '"MaxRuntimeInSeconds": 900' in pupil.lab("check", code=1)
    pupil.lab("solve")
    assert "--dry-run > runs/request.json" in pupil.lab("check", code=1)
    (pupil.folder / "runs").mkdir()
    job = (pupil.folder / "training-job.json").read_text(encoding="utf-8")
    (pupil.folder / "runs/request.json").write_text(job, encoding="utf-8")
    assert pupil.lab("check").startswith("Lab 5 is done.")


@each_language
def test_lab_6_asks_for_each_wrong_file(pupil):
    pupil.lab("start", "6")
    for name in mistakes.DATA:
        assert pupil.lab("check", code=1).startswith(f"Next: `lab break {name}`:")
        pupil.lab("break", name)
        assert pupil.lab("check", code=1).startswith("Next: `make train`")
        if name == "na":  # R reads it: there is no failure to look at.
            pupil.ran()
            assert pupil.lab("check", code=1).startswith("Next: `lab mend`")
        else:
            pupil.ran(status="Failed", exit_code=1)
            assert "/output/failure; lab mend`" in pupil.lab("check", code=1)
        pupil.lab("mend")
    pupil.ran()
    assert pupil.lab("check").startswith("Lab 6 is done.")


def test_a_wrong_file_that_was_mended_by_hand_is_mended(pupil):
    pupil.lab("start", "6")
    file = pupil.folder / "data/training/penguins.csv"
    before = file.read_bytes()
    pupil.lab("break", "two-headers")
    assert file.read_bytes().count(b"is_male") == 2 and file.read_bytes().startswith(b"is_male")
    file.write_bytes(before)
    assert pupil.lab("mend") == "two-headers is mended.\n"
    assert file.read_bytes() == before


def test_lab_7_asks_for_two_hosts_a_death_and_what_goes_on(pupil):
    two = {"hosts": {"algo-1": [], "algo-2": []}}
    kill = {"status": "Failed", "events": [{"at": 5, "what": "kill", "text": ""}]}
    pupil.lab("start", "7")
    assert '--hosts 2"`' in pupil.lab("check", code=1)
    pupil.ran(hosts={"algo-1": []})
    assert '--hosts 2"`' in pupil.lab("check", code=1)
    pupil.ran(**two)
    assert "more.csv; make train" in pupil.lab("check", code=1)
    (pupil.folder / "data/training/more.csv").write_text("x")
    pupil.ran(**two)
    assert "--kill-host algo-2:10" in pupil.lab("check", code=1)
    pupil.ran(**two, **kill)
    assert "--kill-host algo-2:30" in pupil.lab("check", code=1)
    pupil.ran(**two, **kill)
    (pupil.folder / "runs/run-4/checkpoints/checkpoint-1").mkdir(parents=True)
    assert "--resume runs/run-4 --stop-after 5" in pupil.lab("check", code=1)
    pupil.ran(**two, status="Stopped", command="python3 tools train --resume runs/run-4")
    assert pupil.lab("check") == "Lab 7 is done.\n"


def test_a_json_that_is_none_is_the_next_step(pupil):
    pupil.lab("start", "5")
    (pupil.folder / "training-job.json").write_text("{,}")
    assert "training-job.json is no JSON" in pupil.lab("check", code=1)


def test_where_one_is_is_told(pupil):
    assert pupil.lab("status") == "No lab is begun: lab start 1\n"
    pupil.lab("start", "2")
    pupil.lab("break", "cmd")
    pupil.ran(status="Failed")
    assert pupil.lab("status").splitlines() == [
        "Lab 2: break the ENTRYPOINT.",
        "Broken on purpose: cmd. To take it back: lab mend",
        "Runs since it began: 1, the last one Failed.",
    ]

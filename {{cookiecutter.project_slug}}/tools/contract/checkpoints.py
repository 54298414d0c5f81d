"""Checkpoints: what a job that is interrupted starts from, and several hosts share."""

import shutil
import time

import pytest

from contract.trials import LIMIT, SETTINGS, Trial, hyperparameters
from local.engine import find_engine
from local.runners import network_of

MARKERS = (".sagemaker-ignore", ".sagemaker-uploading", ".sagemaker-uploaded")
WANTED = SETTINGS.getint("checkpoints", "before_kill")


def whole_files(folder):
    """Return path within the folder → its state, for what the service would upload (C65)."""
    found = {}
    for path in folder.rglob("*"):
        name = path.relative_to(folder).as_posix()
        # Folders that are put aside have the mark in their names too.
        if not any(marker in name for marker in MARKERS):
            try:
                state = path.stat()
            except FileNotFoundError:  # renamed or deleted meanwhile
                continue
            if path.is_file():
                found[name] = (state.st_ino, state.st_size, state.st_mtime_ns)
    return found


class Killed:
    """A long run that was killed once it had some checkpoints."""

    def __init__(self, trial):
        trial.configure("hyperparameters", hyperparameters("long"))
        self.seen = {}
        self.rewritten = set()
        run = trial.start()
        while run.code is None and len(self.seen) < WANTED:
            for name, state in whole_files(trial.checkpoints).items():
                before = self.seen.setdefault(name, state)
                if before != state and before[0] == state[0]:
                    self.rewritten.add(name)
                self.seen[name] = state
            time.sleep(0.005)
        self.run = run.end(kill=True)

    def copy_checkpoints(self, trial):
        """Give another job the checkpoints, as the service restores them; return their paths."""
        if not self.seen:
            pytest.skip("There are no checkpoints: see test_c64_checkpoints_are_kept.")
        shutil.copytree(self.run.trial.checkpoints, trial.checkpoints, dirs_exist_ok=True)
        trial.configure("hyperparameters", hyperparameters("long"))
        return sorted(trial.checkpoints / name for name in whole_files(trial.checkpoints))


@pytest.fixture(scope="module")
def killed(image, tmp_path_factory):
    """A run that was killed after its first checkpoints, without notice."""
    if WANTED == 0:
        pytest.skip("contract.ini says that no checkpoints are kept while it trains.")
    trial = Trial(image, tmp_path_factory.mktemp("killed"))
    yield Killed(trial)
    trial.close()


def test_c64_checkpoints_are_kept(killed):
    """C64: what is in /opt/ml/checkpoints is copied to S3 while the job runs."""
    killed.run.must(
        len(killed.seen) >= WANTED,
        f"The [long] run left {len(killed.seen)} files in /opt/ml/checkpoints within {LIMIT} s: "
        "after an interruption a spot job starts from the beginning, and you pay twice. (Or mend "
        "[long] and [checkpoints] of contract.ini.)",
    )


def test_c64_without_the_folder_it_trains_too(trial):
    """C64: the folder exists only with a CheckpointConfig."""
    trial.job.request.pop("CheckpointConfig", None)
    trial.run().must_complete(
        "Without /opt/ml/checkpoints it fails: so does each job that has no CheckpointConfig."
    )


def test_c64_c65_a_damaged_checkpoint_is_passed_over(killed, trial):
    """C64, C65: the newest may be cut off, and files of others may lie beside it."""
    newest = max(killed.copy_checkpoints(trial), key=lambda path: path.stat().st_mtime_ns)
    newest.write_bytes(newest.read_bytes()[:7])
    (trial.checkpoints / "notes.txt").write_text("not a checkpoint\n")
    run = trial.start()
    run.must(
        run.trains(),
        "One damaged or foreign file in /opt/ml/checkpoints ends the training: the job can never "
        "be resumed, and its older checkpoints are of no use.",
    )


def test_c65_checkpoints_are_written_aside(killed):
    """C65: the service uploads a file as soon as it has its name, .sagemaker-ignore left out."""
    killed.run.must(
        not killed.rewritten,
        f"{', '.join(sorted(killed.rewritten))} grew under its final name: SageMaker uploads it "
        "half-written, and the restarted job reads a damaged checkpoint. Write it aside, as "
        "NAME.sagemaker-ignore, then rename it.",
    )


def test_c65_the_uploaders_marks_are_no_checkpoints(killed, trial):
    """C65: the service puts NAME.sagemaker-uploading and NAME.sagemaker-uploaded beside a file."""
    for path in killed.copy_checkpoints(trial):
        for marker in MARKERS:
            path.with_name(path.name + marker).write_bytes(path.read_bytes()[:7])
    run = trial.start()
    run.must(
        run.resumes(),
        "A mark of SageMaker's uploader is taken for a checkpoint: the restarted job fails, or "
        "starts from the beginning.",
    )


def test_c67_c68_a_fresh_container_resumes(killed, trial):
    """C67, C68: a spot interruption comes without notice, and leaves nothing but checkpoints."""
    killed.copy_checkpoints(trial)
    run = trial.start()
    run.must(
        run.resumes(),
        "The restarted container does not resume from the checkpoints: no line of its log matches "
        "`resuming` of contract.ini. A spot job starts from the beginning after each interruption.",
    )


@pytest.fixture(scope="module")
def hosts(image, tmp_path_factory):
    """The runs of both hosts of a job; each has folders of its own, to see who writes what."""
    trial = Trial(image, tmp_path_factory.mktemp("hosts"), size=2)
    folders = [trial.job.folder / f"checkpoints-{rank}" for rank in range(2)]
    with network_of(trial.job, find_engine(), isolated=False) as network:
        for rank in range(2):
            folders[rank].mkdir()
            if trial.job.checkpoint_path:
                trial.mount(folders[rank], trial.job.checkpoint_path)
            trial.start(network=network, rank=rank)
        runs = [run.end() for run in trial.runs]
    yield runs, [whole_files(folder) for folder in folders]
    trial.close()


def test_c61_hosts_do_not_overwrite_each_others_model(hosts):
    """C61: the service packs what all hosts leave in /opt/ml/model into one archive."""
    first, second = hosts[0]
    models = [{path.name for path in run.model_files()} for run in hosts[0]]
    first.must(
        not models[0] & models[1],
        f"Two hosts both leave {', '.join(sorted(models[0] & models[1]))} in /opt/ml/model: only "
        "one of them is in model.tar.gz. One host alone should save the model.",
    )
    first.must(
        first.completed or second.completed or first.explained or second.explained,
        "On two hosts it neither trains nor says that it can't: the job fails without a reason.",
    )


def test_c66_hosts_do_not_overwrite_each_others_checkpoints(hosts):
    """C66: all hosts of a job share one place in S3 for checkpoints."""
    runs, files = hosts
    both = sorted(set(files[0]) & set(files[1]))
    runs[0].must(
        not both,
        f"Two hosts both write {', '.join(both)} to /opt/ml/checkpoints, which is one place in S3: "
        "they overwrite each other's. One host alone should write.",
    )

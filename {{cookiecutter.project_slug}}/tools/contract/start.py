"""How the service starts a container, and how it ends one."""

import pytest

from contract.trials import GRACE, SETTINGS, Trial, hyperparameters, must, section
from settings import settings_file

SHELLS = {"sh", "bash", "dash", "ash"}
INITS = {"tini", "tini-static", "docker-init"}


def name_of(word):
    """Return the program that a word of ENTRYPOINT names, without its folder."""
    return word.rpartition("/")[2]


def as_arguments(kind):
    """Return the hyperparameters of a section of contract.ini as words."""
    return [word for name, value in section(kind).items() for word in (f"--{name}", value)]


def test_c1_the_word_train_starts_a_training(ordinary):
    """C1: the service runs `docker run IMAGE train`, and exit code 0 is a completed job."""
    for name in SETTINGS["short"]:
        ordinary.must(
            f'"{name}"' not in ordinary.reason,
            f"The image refuses {name}, which is in [short] of {settings_file().name}: name there "
            "what makes a run of your model short.",
        )
    ordinary.must(
        ordinary.code == 0,
        'Started as SageMaker starts it, with the word "train", the image fails: every job will.',
    )


def test_c2_nothing_is_left_to_cmd(config):
    """C2: the word "train" takes the place of CMD."""
    must(
        config.get("Cmd") in (None, [], ["train"]),
        f'SageMaker puts the word "train" in the place of CMD {config.get("Cmd")}: it never runs, '
        "and its words never arrive. What the program needs belongs into ENTRYPOINT.",
    )


def test_c4_entrypoint_is_in_exec_form(config):
    """C4: in shell form /bin/sh is the process that is started, and swallows "train"."""
    entrypoint = config.get("Entrypoint") or []
    must(
        not (len(entrypoint) == 3 and name_of(entrypoint[0]) in SHELLS and entrypoint[1] == "-c"),
        f"ENTRYPOINT {entrypoint} is a shell: it takes the words and the signals of SageMaker "
        'instead of your program. Write it as a list: ["program", "argument"].',
    )


@pytest.fixture(scope="module")
def stopped(image, tmp_path_factory):
    """A long run that was stopped as StopTrainingJob does while it trained."""
    trial = Trial(image, tmp_path_factory.mktemp("stopped"))
    trial.configure("hyperparameters", hyperparameters("long"))
    run = trial.start()
    run.must(
        run.trains(),
        "The [long] run of contract.ini ended before it could be stopped, or its log has no line "
        "that matches `training`: mend contract.ini.",
    )
    run.stop()
    yield run.end()
    trial.close()


def test_c5_c6_sigterm_ends_the_training_in_time(stopped):
    """C5, C6: a job is stopped by SIGTERM to the first process, and after 120 s by SIGKILL."""
    stopped.must(
        stopped.code != 137,
        f"SIGTERM did not end the training within {GRACE} s: when a job is stopped or "
        "hits its time limit, SageMaker kills it after 120 s, and the model is lost. "
        "The program must be the first process (no shell before it, or `exec`) and handle SIGTERM.",
    )


def test_c5_a_stopped_training_leaves_what_it_learned(stopped):
    """C5: what is in /opt/ml/model when the container ends is uploaded, of a stopped job too."""
    stopped.must(
        stopped.model_files() or any(stopped.trial.checkpoints.iterdir()),
        "After SIGTERM there is neither a model nor a checkpoint: whoever stops a job, or hits its "
        "time limit, has paid for nothing. Save the model before the program ends.",
    )


def test_c7_no_init_stands_before_the_program(config):
    """C7: AWS's guide forbids tini as entry point."""
    entrypoint = config.get("Entrypoint") or [""]
    must(
        name_of(entrypoint[0]) not in INITS,
        f"ENTRYPOINT begins with {entrypoint[0]}: AWS's guide rules it out for SageMaker, since it "
        '"gets confused by the `train` and `serve` arguments". Name the program itself.',
    )


def test_c8_without_any_word_it_trains_too(trial, config):
    """C8: with ContainerEntrypoint alone no "train" comes; nor in the SDK's local mode (C112)."""
    program, *words = config.get("Entrypoint") or ["train"]
    trial.run(words, ["--entrypoint", program]).must_complete(
        "Without a word the image does not train: a job with ContainerEntrypoint, and the local "
        "mode of AWS's SDK, fail."
    )


def test_c9_arguments_take_the_place_of_train(trial):
    """C9: with ContainerArguments the program gets those words alone."""
    run = trial.run(as_arguments("wrong"))
    run.must(
        run.code not in (0, 137) and any(name in "".join(run.log) for name in SETTINGS["wrong"]),
        f"{' '.join(as_arguments('wrong'))} is not refused: ContainerArguments do not reach the "
        "program, and a job trains with other settings than those that were asked for.",
    )


def test_c10_entrypoint_and_arguments_together_train(trial, config):
    """C10: with both the service runs `docker run --entrypoint E IMAGE ARGUMENTS`."""
    program, *words = config.get("Entrypoint") or ["train"]
    words += as_arguments("short")
    trial.run(words, ["--entrypoint", program]).must_complete(
        "With the words `--name value` in place of `train` the image does not train: a job with "
        "ContainerEntrypoint and ContainerArguments fails."
    )


def test_c14_it_needs_no_terminal(ordinary):
    """C14: there is no terminal, and nothing comes from stdin."""
    ordinary.must(
        ordinary.code == 0 and not ordinary.find(r"(?i)not a (tty|terminal)|inappropriate ioctl"),
        "The program asks for a terminal: on SageMaker there is none, and the job fails.",
    )


def test_c22_serve_is_refused(trial):
    """C22: an endpoint starts the image with "serve"."""
    run = trial.run(["serve"])
    run.must(
        run.code not in (0, 137) and run.find("serve") and not run.model_files(),
        'Started with "serve" the image does not refuse: an endpoint that is made of it by mistake '
        "would train, or hang until its health check gives up. (If it serves, name this "
        "test in [skip] of contract.ini.)",
    )

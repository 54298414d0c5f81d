"""What the service makes of a run: its status, its reason, its model, its metrics."""

import math
import re
import stat

import pytest

from contract.trials import LIMIT, REQUEST, Trial, hyperparameters

METRICS = REQUEST.get("AlgorithmSpecification", {}).get("MetricDefinitions", [])


@pytest.fixture(scope="module")
def failed(image, tmp_path_factory):
    """A run with the wrong hyperparameter of contract.ini."""
    trial = Trial(image, tmp_path_factory.mktemp("failed"))
    trial.configure("hyperparameters", hyperparameters("wrong"))
    yield trial.run()
    trial.close()


def test_c56_broken_configuration_is_a_failure(trial):
    """C56: any exit code but 0 is Failed, and nothing else is."""
    trial.configure("hyperparameters", "{")
    run = trial.run()
    run.must(run.code != 0, "A file that can't be read ends with exit code 0: Completed.")


def test_c56_garbage_instead_of_data_is_a_failure(trial):
    """C56: a program that can't read its data must not end with exit code 0."""
    for channel in trial.job.channels:
        for file in [path for path in trial.copy_data(channel).rglob("*") if path.is_file()]:
            file.write_bytes(bytes(range(256)) * 4)
    run = trial.run()
    run.must(
        run.code != 0,
        "With data that is no data the job is Completed: the fault shows when the model is used.",
    )


def test_c56_a_model_that_cant_be_saved_is_a_failure(trial):
    """C56, C59: a disk that is full or read-only loses the model."""
    trial.mount(trial.job.folder / "model", "/opt/ml/model", "readonly")
    run = trial.run()
    run.must(
        run.code != 0,
        "The model could not be saved and the job is Completed: the loss shows weeks later.",
    )


def test_c57_the_exit_code_is_the_programs_own(failed):
    """C57: the FailureReason shows the code; from 125 on it means that nothing was started."""
    failed.must(
        0 < failed.code < 125,
        f"A mistake of the user ends with exit code {failed.code}, which SageMaker shows: its "
        "reader looks for a missing program (127) or a full memory (137). Exit with 1.",
    )


def test_c58_a_failure_says_why(failed):
    """C58: the first 1,024 characters of /opt/ml/output/failure are the FailureReason."""
    failed.must(
        failed.explained,
        'The FailureReason will be "AlgorithmError: , exit code: 1", or a stack trace that is cut '
        "off before its cause. Write one sentence into /opt/ml/output/failure, cause first.",
    )
    failed.must(
        len(failed.reason) <= 1024 and not re.search(r"[\x00-\x08\x1b]", failed.reason),
        "The first line of /opt/ml/output/failure is longer than 1,024 characters, or has control "
        "characters: the FailureReason is cut off or garbled.",
    )


def test_c58_success_leaves_no_failure_file(ordinary):
    """C58: the file is for jobs that failed."""
    ordinary.must(
        not ordinary.host.failure.exists(),
        "A completed job leaves /opt/ml/output/failure: who looks there takes it for failed.",
    )


def test_c59_the_model_is_made_of_ordinary_files(ordinary):
    """C59: all of /opt/ml/model is packed into model.tar.gz."""
    odd = [path.name for path in ordinary.model_files() if not stat.S_ISREG(path.lstat().st_mode)]
    ordinary.must(
        not odd,
        f"/opt/ml/model holds links or pipes ({', '.join(odd)}): what model.tar.gz makes of them "
        "is not documented, and the model may not load.",
    )


def test_c60_there_is_a_model(ordinary):
    """C60: an empty /opt/ml/model is no error for the service."""
    ordinary.must(
        any(path.stat().st_size for path in ordinary.model_files()),
        "The program ends with exit code 0 and leaves no model: SageMaker calls the job Completed, "
        "makes no model.tar.gz, and the loss shows when the model is deployed.",
    )


def test_c93_lines_come_while_it_trains(trial):
    """C93: what is written to stdout and stderr goes to CloudWatch as it comes."""
    trial.configure("hyperparameters", hyperparameters("long"))
    run = trial.start()
    run.must(
        run.trains(),
        f"No line that matches `training` of contract.ini came while it trained, in {LIMIT} s: "
        "CloudWatch shows nothing until the end, and nothing at all where the job is killed.",
    )


def test_c93_the_log_is_plain_lines(ordinary):
    """C93: a carriage return shows as #015 and an escape sequence as #033."""
    ordinary.must(
        not ordinary.find(r"[\r\x1b�]"),
        "The log has progress bars, colours or bytes that are no UTF-8: CloudWatch shows garbage, "
        "and no metric is found in it.",
    )


@pytest.mark.parametrize("metric", METRICS, ids=[metric["Name"] for metric in METRICS])
def test_c94_each_metric_is_found_in_the_log(ordinary, metric):
    """C94: metrics are what the regexes of the request find, one number each."""
    found = [match[1] for match in map(re.compile(metric["Regex"]).search, ordinary.log) if match]
    ordinary.must(
        found and all(is_finite(text) for text in found),
        f"No line of the log matches the Regex of {metric['Name']}, or what it finds is no number: "
        "the metric stays empty, and a tuning job on it fails.",
    )


def is_finite(text):
    """Return whether the text is a number that CloudWatch takes."""
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False

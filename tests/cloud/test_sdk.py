"""examples/submit_with_sdk.py sends the request of `make submit`: the SDK itself, against moto."""

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pytest
from support import unavailable

REQUIREMENTS = Path(__file__).with_name("sdk.txt")
IMAGE = "{}.dkr.ecr.us-east-1.amazonaws.com/penguins-{}@sha256:" + 64 * "0"


@pytest.fixture
def sdk(request):
    """Python with the SDK, in pytest's cache: 285 MB, which no other test shall pay for."""
    digest = hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()[:16]
    folder = request.config.cache.mkdir("sdk") / digest
    python, done = folder / "bin" / "python", folder / "done"
    if not done.exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
        install = [python, "-m", "pip", "install", "--quiet", "--no-deps", "-r", REQUIREMENTS]
        installed = subprocess.run(install, capture_output=True, text=True)
        if installed.returncode != 0:
            unavailable(f"The SDK can't be installed: {installed.stderr}")
        done.touch()
    return python


def test_the_sdk_sends_the_job_of_the_file(bake, cloud, sdk, language):
    repository = bake(language)
    image = IMAGE.format(cloud.account, language)
    (repository / "pushed-image.json").write_text(
        json.dumps({"image": image, "tag": "1"}), encoding="utf-8"
    )
    role = f"arn:aws:iam::{cloud.account}:role/jobs"
    done = cloud.run(
        repository,
        sdk,
        "examples/submit_with_sdk.py",
        f"--role={role}",
        "--bucket=our-bucket",
        PYTHONDONTWRITEBYTECODE="1",
        PYTHONWARNINGS="default",
    )
    (repository / "pushed-image.json").unlink()
    assert done.returncode == 0, done.stdout
    # Nothing that the SDK is about to take away.
    assert "submit_with_sdk.py:" not in done.stdout, done.stdout
    (sent,) = cloud.asked("CreateTrainingJob")
    text = (repository / "training-job.json").read_text(encoding="utf-8")
    job = json.loads(text.replace(f"{repository.name}-111122223333", "our-bucket"))
    # The job's own: name, role, image, place of checkpoints.
    name, place = sent.pop("TrainingJobName"), sent["CheckpointConfig"]["S3Uri"]
    # As the rights of `make deploy` ask.
    assert name.startswith(f"{job.pop('TrainingJobName')}--")
    assert place.startswith(f"{job['CheckpointConfig']['S3Uri']}{repository.name}-")
    job["CheckpointConfig"]["S3Uri"] = place
    job["AlgorithmSpecification"]["TrainingImage"] = image
    job["RoleArn"] = role
    # The API's own defaults, which the SDK writes out.
    job["OutputDataConfig"]["CompressionType"] = "GZIP"
    for channel in job["InputDataConfig"]:
        channel["InputMode"] = "File"
    assert sent == job

"""Submit the job of training-job.json by SageMaker's Python SDK v3 instead of `make submit`.

    pip install sagemaker-train==1.27.0
    python examples/submit_with_sdk.py --role ARN --bucket NAME

The image is that of pushed-image.json, by digest. No `source_code` is given: with it the SDK would
run a shell script of its own instead of the image's program (C18).

To try a job without AWS, `make train` is nearer to the service than the SDK's local mode
(ModelTrainer(training_mode=Mode.LOCAL_CONTAINER, ...)), which

- starts the image without the word `train`, so that another CMD would run (C112);
- writes thinner config files: a channel has no S3DistributionType, no RecordWrapperType (C111);
- has no checkpoints, no metrics, no time limits, no stop by SIGTERM, and does not look at the
  failure file; all hosts share one /opt/ml/model (C112, C113);
- gives your AWS keys to the container where data comes from S3, so that code may work there which
  fails with EnableNetworkIsolation, and sets TRAINING_JOB_NAME alone, not TRAINING_JOB_ARN (C114).

Clause numbers (C1, ...) are those of docs/contract.md of the template that made this repository.
"""

import argparse
import json
import os
import re
import time
from pathlib import Path

import boto3
from sagemaker.core.helper.session_helper import Session
from sagemaker.core.training import configs
from sagemaker.train import ModelTrainer

REPOSITORY = Path(__file__).resolve().parent.parent
# It refuses a role that lacks what this job does not need, such as to look at each VPC.
os.environ.setdefault("SAGEMAKER_VALIDATE_ROLE", "false")


def make_trainer(role: str, bucket: str) -> ModelTrainer:
    """Return what submits the job of training-job.json.

    What that file may hold besides has its own arguments too: networking, tags, environment.
    """
    text = (REPOSITORY / "training-job.json").read_text(encoding="utf-8")
    # The account of the placeholder.
    job = json.loads(re.sub(r"s3://[a-z0-9.-]+-111122223333/", f"s3://{bucket}/", text))
    image = json.loads((REPOSITORY / "pushed-image.json").read_text(encoding="utf-8"))["image"]
    algorithm, resources = job["AlgorithmSpecification"], job["ResourceConfig"]
    checkpoints = job["CheckpointConfig"]
    trainer = ModelTrainer(
        training_image=image,
        role=role,
        # With the SDK's own hyphen two, as the rights of `make deploy` ask.
        base_job_name=f"{job['TrainingJobName']}-",
        # The job runs where the image lies (C84).
        sagemaker_session=Session(boto3.Session(region_name=image.split(".")[3])),
        training_input_mode=algorithm["TrainingInputMode"],
        hyperparameters=job["HyperParameters"],
        input_data_config=[
            configs.InputData(
                channel_name=channel["ChannelName"],
                data_source=channel["DataSource"]["S3DataSource"]["S3Uri"],
                content_type=channel["ContentType"],
            )
            for channel in job["InputDataConfig"]
        ],
        output_data_config=configs.OutputDataConfig(
            s3_output_path=job["OutputDataConfig"]["S3OutputPath"]
        ),
        # A place of its own, or the job would resume from another one's checkpoint (C64).
        checkpoint_config=configs.CheckpointConfig(
            s3_uri=f"{checkpoints['S3Uri']}{job['TrainingJobName']}-{time.time_ns()}/",
            local_path=checkpoints["LocalPath"],
        ),
        compute=configs.Compute(
            instance_type=resources["InstanceType"],
            instance_count=resources["InstanceCount"],
            volume_size_in_gb=resources["VolumeSizeInGB"],
        ),
        stopping_condition=configs.StoppingCondition(
            max_runtime_in_seconds=job["StoppingCondition"]["MaxRuntimeInSeconds"]
        ),
    )
    return trainer.with_metric_definitions(
        [
            configs.MetricDefinition(name=metric["Name"], regex=metric["Regex"])
            for metric in algorithm["MetricDefinitions"]
        ]
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Submit the job of training-job.json by the SDK.")
    parser.add_argument("--role", required=True, help="ARN of the job's execution role")
    parser.add_argument("--bucket", required=True, help="for the placeholder's")
    options = parser.parse_args()
    make_trainer(options.role, options.bucket).train(wait=False)

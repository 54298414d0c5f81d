"""What is in the image, for which machine it is, and what it can do without."""

import re

import pytest

from contract.trials import must
from local.engine import call, find_engine

SECRET = re.compile(
    r"AWS_(ACCESS_KEY_ID|SECRET_ACCESS_KEY|SESSION_TOKEN)\s*=\s*\S|\bAKIA[0-9A-Z]{16}\b"
)


@pytest.fixture(scope="module")
def found(image):
    """Paths in the image that tests look at: one look through all of its files."""
    names = [r"libcuda.so*", "libnvidia-ml.so*", "credentials"]
    by_name = [word for name in names for word in ("-o", "-name", name)]
    command = ["run", "--rm", "--network", "none", "--user", "0", "--entrypoint", "find", image]
    command += ["/", "-xdev", "!", "-type", "d", "(", "-path", "/opt/ml/*", *by_name, ")"]
    done = call(find_engine(), *command)
    must(
        done.stdout or done.returncode == 0, f"The image has no `find` to look with: {done.stderr}"
    )
    return done.stdout.splitlines()


def test_c24_opt_ml_is_left_to_the_service(found):
    """C24: /opt/ml is reserved; code alone may lie in /opt/ml/code."""
    files = [path for path in found if re.match(r"/opt/ml/(?!code/)", path)]
    must(
        not files,
        f"The image holds {', '.join(files[:5])}: SageMaker mounts its folders into /opt/ml, "
        "and what lies there may not be visible in a job. Put it elsewhere.",
    )


def test_c78_there_are_no_credentials_in_the_image(image, config, found):
    """C78: the service gives the program its role's credentials, by a local address."""
    history = call(find_engine(), "history", "--no-trunc", "--format", "{{.CreatedBy}}", image)
    text = "\n".join([*(config.get("Env") or []), history.stdout])
    files = [path for path in found if path.endswith(".aws/credentials")]
    must(
        not SECRET.search(text) and not files,
        "AWS keys are in the image, in ENV, in its history or in .aws/credentials: whoever can "
        "pull it has them, and they hide the credentials of the job's role.",
    )


def test_c80_the_user_is_root(config):
    """C80: SageMaker expects that containers run as root."""
    user = config.get("User", "").partition(":")[0]
    must(
        user in ("", "0", "root"),
        f"USER is {user}: SageMaker's folders belong to root, so it can write neither the model "
        "nor the failure file, and the job fails at its end.",
    )


def test_c81_it_can_write_to_folders_of_root(trial):
    """C81: /opt/ml/model, output and checkpoints belong to root, with mode 0755."""
    trial.give_to_root()
    trial.run().must_complete(
        "The program can't write to folders of root: on SageMaker all that it writes to are such. "
        "Remove USER from the Dockerfile."
    )


def test_c82_it_is_for_linux_on_x86(about):
    """C82: but for one type, the service's training machines are x86-64."""
    platform = f"{about['Os']}/{about['Architecture']}"
    must(
        platform == "linux/amd64",
        f'The image is for {platform}: on SageMaker it ends with "exec format error". Build it '
        "with PLATFORM=linux/amd64.",
    )


def test_c88_no_driver_is_in_the_image(found):
    """C88: the driver of a GPU comes from the machine, the CUDA toolkit from the image."""
    drivers = [
        path
        for path in found
        if re.search(r"lib(cuda|nvidia-ml)\.so", path) and not re.search("/(compat|stubs)/", path)
    ]
    must(
        not drivers,
        f"The image brings {', '.join(drivers[:3])}, a part of NVIDIA's driver, which comes from "
        "the machine: AWS's guide rules it out, since two of them do not fit.",
    )


def test_c72_it_writes_to_opt_ml_and_tmp_alone(trial):
    """C72: the system's own disk is small; /tmp is for scratch."""
    trial.run(options=["--read-only", "--tmpfs", "/tmp:exec"]).must_complete(
        "It writes outside /opt/ml and /tmp: on SageMaker that may be a small disk, which "
        "runs full in a long job. Send caches to /tmp."
    )


def test_c100_it_needs_no_network(trial):
    """C100: with EnableNetworkIsolation nothing can be reached."""
    trial.run(network="none").must_complete(
        "Without network it fails: so does a job with EnableNetworkIsolation, or in a VPC without "
        "a way out. Whatever it downloads at the start belongs into the image."
    )

"""The verbs of this repository: python3 tools VERB [FLAG ...]."""

import sys

if sys.version_info < (3, 9):  # noqa: UP036 - who has an older one reads a sentence
    sys.exit("The verbs need Python 3.9 or newer, and this is {}.{}.".format(*sys.version_info))
# Nothing is left beside the code: a cache would save 0.01 s of train, 0.03 s of check.
sys.dont_write_bytecode = True

from importlib import import_module  # noqa: E402

from repository import REPOSITORY  # noqa: E402
from terminal import UserError, prepare  # noqa: E402

# Verb → the room and the function that does it, and what that is. A room is imported when its verb
# is asked for.
HERE = {
    "build": ("local.build", "build", "build the image"),
    "train": ("local.run", "train", "train as SageMaker would, on data/"),
    "shell": ("local.run", "shell", "open a shell in the image, with /opt/ml as a job has it"),
    "test": ("local.build", "test", "run the unit tests, in a stage of the image"),
    "check": ("check.command", "main", "say what is known to fail on SageMaker, without building"),
    "lint": ("local.build", "lint", "run the linter, in a stage of the image"),
    "contract": ("contract.run", "contract", "test the image against what SageMaker asks of it"),
    "lock": ("local.build", "lock", "write requirements.txt from requirements.in"),
    "runs": ("local.runs", "runs", "list the local runs, and make the page that compares them"),
    "doctor": ("doctor", "doctor", "say whether this machine can do all this, and what to mend"),
    "clean": ("local.build", "clean", "remove the local runs and the local images"),
}
THERE = {
    "deploy": ("cloud.deploy", "deploy", "create or update bucket, ECR repository and roles"),
    "push": ("cloud.push", "push", "build, then push the image to Amazon ECR"),
    "submit": ("cloud.submit", "submit", "submit the training job, with the image pushed last"),
    "tune": ("cloud.submit", "tune", "submit the tuning job of tuning-job.json"),
    "logs": ("cloud.follow", "logs", "follow status and log of the submitted job"),
    "stop": ("cloud.follow", "stop", "stop the submitted job"),
    "fetch": ("cloud.follow", "fetch", "download and unpack the submitted job's model"),
}
if not (REPOSITORY / "requirements.in").exists():
    del HERE["lock"]


def main(words):
    """Do what the first word says and return the exit code."""
    prepare()
    verb = words[0] if words else "--help"
    if verb in ("-h", "--help", "help"):
        print(usage())
        return 0
    found = {**HERE, **THERE}.get(verb)
    if not found:
        print(f'There is no verb "{verb}".\n\n{usage()}', file=sys.stderr)
        return 2
    module, function, _ = found
    try:
        return getattr(import_module(module), function)(words[1:])
    except UserError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def usage():
    """Return the verbs, in two groups."""
    lines = ["usage: python3 tools VERB [FLAG ...], or make VERB"]
    for title, verbs in (("Here, without AWS:", HERE), ("In AWS:", THERE)):
        lines += ["", title, *(f"  {verb:9} {what}" for verb, (_, _, what) in verbs.items())]
    return "\n".join([*lines, "", "python3 tools VERB --help shows the flags of a verb."])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

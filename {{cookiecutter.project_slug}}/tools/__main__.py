"""The verbs of this repository: python3 tools VERB [FLAG ...]."""

import sys
from importlib import import_module

# Start-up costs 0.1 s without a cache, and nothing is left beside the code.
sys.dont_write_bytecode = True

# Verb → the module, the words that come first, what it does.
VERBS = {
    "train": ("local.run", [], "train as SageMaker would, on data/"),
    "shell": ("local.run", ["--shell"], "open a shell in the image, with /opt/ml as a job has it"),
    "check": ("check.command", [], "say what in this repository is known to break a job"),
    "contract": ("contract.run", [], "test the image against what SageMaker asks of a container"),
    "deploy": ("cloud.deploy", [], "create or update bucket, ECR repository and roles in AWS"),
    "submit": ("cloud.submit", [], "submit the training job to SageMaker"),
    "tune": ("cloud.submit", ["--tune"], "submit the tuning job of tuning-job.json"),
    "logs": ("cloud.follow", ["logs"], "follow status and log of the submitted job"),
    "stop": ("cloud.follow", ["stop"], "stop the submitted job"),
    "fetch": ("cloud.follow", ["fetch"], "download and unpack the submitted job's model"),
}


def main(words: list) -> int:
    """Do what the first word says and return the exit code."""
    if not words or words[0] not in VERBS:
        print("usage: python3 tools VERB [FLAG ...]\n")
        for verb, (_, _, what) in VERBS.items():
            print(f"  {verb:9} {what}")
        return 0 if words[:1] in ([], ["-h"], ["--help"]) else 2
    module, first, _ = VERBS[words[0]]
    sys.argv[0] = f"python3 tools {words[0]}"
    return import_module(module).main([*first, *words[1:]])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

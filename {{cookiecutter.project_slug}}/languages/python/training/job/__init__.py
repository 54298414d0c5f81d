"""What SageMaker asks of a training container, one file a subject; knows nothing of the algorithm.

Clause numbers (C27, …) are those of docs/contract.md of the template; each names its source in
AWS's documentation.
"""


class TrainingFailure(Exception):
    """What the user can mend, in one sentence. It ends the job without a stack trace."""

    exit_code = 1


class Unusable(Exception):
    """What a model gave that is no use, in one sentence. The model is saved without it."""


class UsageError(TrainingFailure):
    """Words on the command line that mean nothing here."""

    exit_code = 2

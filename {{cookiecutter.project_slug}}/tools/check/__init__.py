"""What in a repository is known to break a training job, found without building anything.

check.check({"Dockerfile": text, ...}) -> list of findings
"""

from check.command import check
from check.rules import Finding

__all__ = ["Finding", "check"]

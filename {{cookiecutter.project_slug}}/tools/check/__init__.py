"""What in a repository is known to break a training job, found without building anything."""

from __future__ import annotations

from collections.abc import Mapping

from check.rules import Finding


def check(
    texts: Mapping[str, str | None],
    modes: Mapping[str, bool] | None = None,
    dockerfile: str = "",
) -> list[Finding]:
    """Return all findings of a repository, by file and line.

    `texts` is path → text, None for a file that holds none; `modes` is path → its x bit;
    `dockerfile` is the path of the Dockerfile where it is not to be looked for.
    """
    from check import command  # Here, since no generation of a repository needs all rules.

    return command.check(texts, modes, dockerfile)

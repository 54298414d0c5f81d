"""Whether files that are the template's were edited since they were generated or updated."""

from __future__ import annotations

import zlib
from collections.abc import Mapping

from check.repository import Repository
from check.rules import Found, rule

# What the hook of a generation writes, so that an update brings it too: checksum and path, a line
# for each file of tools/ and job/.
CHECKSUMS = "tools/checksums.txt"


def checksum(text: str) -> str:
    """Return eight digits of a text, the same whatever the line ends of a checkout are."""
    return f"{zlib.crc32(text.replace(chr(13), '').encode()):08x}"


def checksums(texts: Mapping[str, str | None]) -> str:
    """Return what CHECKSUMS holds for these texts, by their paths."""
    return "".join(
        f"{checksum(text)} {name}\n"
        for name, text in sorted(texts.items())
        if text is not None and name != CHECKSUMS
    )


@rule("warning")
def edited_file(repository: Repository) -> Found:
    """`tools/` and `job/` are the template's: an update of the template replaces them, so that an
    edit is lost there or stands in its way. tools/checksums.txt says how each was generated; line
    ends do not count, nor do files that were removed. `git log -p FILE` shows an edit, `git
    checkout COMMIT FILE` takes it back. Code of your own belongs beside job/, a verb into
    local.mk, other settings into contract.ini and training-job.json. What is wrong in the
    template is wrong in each repository: report it there. Where an edit has to stay, the first
    line of the file says why: `# check: allow edited-file REASON`."""
    if not repository.is_own:
        return
    for line in repository.texts.get(CHECKSUMS, "").splitlines():
        before, _, name = line.partition(" ")
        text = repository.texts.get(name)
        if text is not None and checksum(text) != before:
            what = "the file is the template's and was edited, and an update overwrites that or "
            what += "conflicts with it: take it back (git log -p shows it), put own code beside "
            what += "job/ and own verbs into local.mk, and report a fault to the template"
            yield name, first_line(text), what


def first_line(text: str) -> int:
    """The line behind the comments that a file begins with: one of them may allow the edit."""
    lines = text.splitlines() or [""]
    comments = (number for number, line in enumerate(lines) if not line.startswith(("#", "//")))
    return min(next(comments, 0), len(lines) - 1) + 1

"""What all benchmarks share: a quiet machine, what it is, and their tables in README.md."""

import datetime
import os
import platform
import re
import statistics
import sys
import time
from collections.abc import Sequence
from pathlib import Path

README = Path(__file__).with_name("README.md")
# More than this share of the CPUs used by others is a busy machine.
BUSY = 0.05
HEADER = (
    "| language | measure | template | bare | ratio | its range | aim |",
    "|---|---|--:|--:|--:|--:|---|",
)


class Machine:
    """The machine, looked at now and then while nothing of ours runs."""

    def __init__(self) -> None:
        self.busiest = 0.0

    def look(self, seconds: float = 2) -> None:
        """Sleep, and take down what share of the CPUs others use meanwhile."""
        busy, total = _cpu_times()
        time.sleep(seconds)
        busy_now, total_now = _cpu_times()
        self.busiest = max(self.busiest, (busy_now - busy) / (total_now - total))

    @property
    def quiet(self) -> bool:
        """Say whether it never was busy."""
        return self.busiest <= BUSY

    def settle(self, seconds: int = 60) -> None:
        """Wait for it to become quiet, so long at most: what has just ended may still tidy up."""
        for _ in range(seconds // 2):
            self.busiest = 0.0
            self.look()
            if self.quiet:
                return


def _cpu_times() -> tuple[int, int]:
    """Return how long all CPUs have worked, and how long they have been there, in ticks."""
    line = Path("/proc/stat").read_text(encoding="utf-8").partition("\n")[0]
    # user nice system idle iowait irq softirq steal; guests are in user and nice already.
    times = [int(each) for each in line.split()[1:9]]
    return sum(times) - times[3] - times[4], sum(times)


def facts(versions: dict[str, str], bases: str, runs: str) -> str:
    """Return a sentence with machine, versions and date: what figures mean nothing without."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    known = ", ".join(f"{name} {version}" for name, version in versions.items())
    return (
        f"{datetime.date.today():%Y-%m-%d}, {os.cpu_count()} CPUs ({platform.machine()}), "
        f"{memory:.0f} GiB of memory, {known}, {bases} base images, {runs}."
    )


def row(
    language: str,
    measure: str,
    ours: Sequence[float],
    bare: Sequence[float],
    aim: float | None,
    unit: str = "s",
) -> str:
    """Return a line of the table under HEADER; None is no aim."""
    medians = statistics.median(ours), statistics.median(bare)
    # Of pairs that ran one after the other, so that what slows the machine slows both.
    ratios = [a / b for a, b in zip(ours, bare, strict=True)]
    ratio = medians[0] / medians[1]
    digits = 2 if unit == "s" else 0
    goal = "" if aim is None else f"{aim:.2f}{'' if round(ratio, 2) <= aim else ' missed'}"
    return (
        f"| {language} | {measure} | {medians[0]:.{digits}f} {unit} "
        f"| {medians[1]:.{digits}f} {unit} | {ratio:.2f} | {_middle_half(ratios)} | {goal} |"
    )


def _middle_half(values: Sequence[float]) -> str:
    """Return the range of all values but the outer quarters, of few that of all."""
    lower, upper = min(values), max(values)
    if len(values) >= 4:
        lower, _, upper = statistics.quantiles(values, n=4)
    return f"{lower:.2f} to {upper:.2f}"


def write(section: str, lines: Sequence[str], machine: Machine, path: Path = README) -> None:
    """Put lines between a document's two comments of this section; exit if a figure can't count.

    Nothing is written when the machine was busy meanwhile.
    """
    if not machine.quiet:
        sys.exit(
            f"Nothing is written: other programs used {machine.busiest:.0%} of the CPUs. "
            "Measure again when the machine is quiet."
        )
    text = path.read_text(encoding="utf-8")
    begin, end = f"<!-- {section}: begin -->\n", f"<!-- {section}: end -->"
    pattern = re.escape(begin) + ".*?" + re.escape(end)
    content = begin + "\n".join(lines) + "\n" + end
    text, count = re.subn(pattern, lambda _: content, text, flags=re.DOTALL)
    if count != 1:
        sys.exit(f"{path} has no place for {section}.")
    path.write_text(text, encoding="utf-8")

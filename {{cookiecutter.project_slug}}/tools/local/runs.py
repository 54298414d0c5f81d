"""The verb runs: the local runs, what they were told and what came out, as a list and as pages."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from local.page import page_of_all, page_of_run
from local.record import TEXT, write_whole
from repository import RUNS, relative
from terminal import UserError, parser_of, say

# From low to high; the second is for a console that lacks the first.
CURVES = ("▁▂▃▄▅▆▇█", "_.:-=+*#")
WIDTH = 16
DAMAGED = {"status": "Unreadable", "reason": "Its report.json is damaged.", "seconds": 0}
DAMAGED |= {"command": "", "image": "", "started": "", "exit_code": None}
DAMAGED |= {"hyperparameters": {}, "hosts": {}, "events": [], "metrics": {}}


def runs(arguments: Sequence[str]) -> int:
    """List the local runs, the last one at the end.

    Each has its status, its seconds, the hyperparameters that were not the same in all of them,
    and the last value of each metric with its curve. runs/index.html compares them, and each has a
    page of its own, runs/JOB/report.html. None of these needs a network.
    """
    parser_of("runs", runs.__doc__).parse_args(arguments)
    reports = write_pages()
    if not reports:
        say("There is no run yet: `make train` makes one.")
        return 0
    differing, width = differences(reports), max(len(each["name"]) for each in reports)
    for report in reports:
        for line in lines_of(report, differing, width):
            say(line)
    say(f"\nCompare them: {relative(RUNS / 'index.html')}")
    return 0


def write_pages() -> list[dict]:
    """Write the page of each run, and the one that compares them; return their reports."""
    reports = []
    try:
        for folder in sorted(path.parent for path in RUNS.glob("*/report.json")):
            report, page = read_report(folder)
            reports.append(report)
            path = folder / "report.html"
            # Most are as they were, and each renaming waits for the disk.
            if not path.exists() or path.read_text(**TEXT) != page:
                write_whole(path, page)
        reports.sort(key=lambda each: each["started"])
        if reports:
            write_whole(RUNS / "index.html", page_of_all(reports, differences(reports)))
    except OSError as error:
        raise UserError(f"The pages of the runs can't be written: {error}.") from error
    return reports


def read_report(folder: Path) -> tuple[dict, str]:
    """Return a run's report and its page, whatever its file holds."""
    try:
        report = {**json.loads((folder / "report.json").read_bytes()), "name": folder.name}
        if report["status"] == "InProgress" and not alive(report["process"]):
            report |= {"status": "Unfinished", "reason": "It was killed midway."}
        # A report is whole when it can be shown.
        lines_of(report, report["hyperparameters"])
        return report, page_of_run(report)
    except (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RecursionError):
        report = {**DAMAGED, "name": folder.name}
        return report, page_of_run(report)


def alive(process: int) -> bool:
    """Return whether a process runs; True where this system has no harmless way to ask."""
    try:
        os.kill(process, 0) if os.name == "posix" else None
    except PermissionError:
        return True
    except OSError:
        return False
    return True


def differences(reports: Sequence[dict]) -> list[str]:
    """Return the names of the hyperparameters that are not the same in all runs."""
    told = [report["hyperparameters"] for report in reports if report["command"]]
    names = dict.fromkeys(name for each in told for name in each)
    return [name for name in names if len({str(each.get(name)) for each in told}) > 1]


def lines_of(report: dict, differing: Sequence[str], width: int = 0) -> list[str]:
    """Return what the console shows of a run."""
    told = report["hyperparameters"]
    settings = " ".join(f"{name}={told[name]}" for name in differing if name in told)
    first = f"{report['name'].ljust(width)}  {report['status']:10} {report['seconds']:7.1f} s"
    lines = [f"{first}  {settings}".rstrip()]
    if report["reason"]:
        lines.append(f"    {report['reason'].splitlines()[0]}")
    width = max(map(len, report["metrics"]), default=0)
    for name, points in report["metrics"].items():
        if points:
            lines.append(f"    {name:{width}}  {points[-1][1]:<10.6g} {curve(points)}")
    return lines


def curve(points: Sequence[list]) -> str:
    """Return the values of a metric as a small curve of text, from the lowest to the highest."""
    levels = CURVES[0]
    try:
        levels.encode(sys.stdout.encoding)
    except UnicodeError:
        levels = CURVES[1]
    values = [value for _, value, _ in points]
    count, low, high = min(len(values), WIDTH), min(values), max(values)
    taken = [values[index * (len(values) - 1) // max(count - 1, 1)] for index in range(count)]
    scale = (len(levels) - 1) / ((high - low) or 1)
    return "".join(levels[round((value - low) * scale)] for value in taken)

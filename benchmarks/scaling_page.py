"""Fit a model of what a step costs to scaling.json, and write docs/scaling.md from it.

.venv/bin/python benchmarks/scaling_page.py
"""

import json
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

POINTS = Path(__file__).with_name("scaling.json")
PAGE = Path(__file__).resolve().parents[1] / "docs" / "scaling.md"

NAMES = {"python": "Python", "r": "R", "java": "Java"}
DEPTH, BINS = 6, 256  # of the measured jobs; the bins are XGBoost's default
# What R does with a number once costs as much as so many of its products with another: what the
# steps of 20 and of 60 columns tell.
PRODUCTS = 64

# What the prediction takes of a real type, ml.m5.xlarge. Its 4 vCPUs are 2 cores; the network is
# the baseline that it can always have. AWS publishes no latency: this is a guess on the safe side.
INSTANCE = "ml.m5.xlarge"
CORES = 2
BYTES_PER_SECOND = 1.25e9 / 8
LATENCY = 0.0002

JOBS = [(1_000_000, 20, 100), (50_000_000, 50, 500)]  # rows, columns, steps
HOSTS = (1, 2, 4, 8, 16, 32, 64)
PAYS = 1.5  # twice the hosts pay while they are so much faster: the bill grows by a third


@dataclass(frozen=True)
class Model:
    """The seconds of a step: overhead, so much for each unit of work, and what hosts exchange."""

    language: str
    overhead: float
    per_work: float
    exchange: float  # of two hosts on one machine, whatever the bytes
    per_byte: float

    def measured_step(self, rows: int, columns: int, hosts: int) -> float:
        """Return the seconds of a step where it was measured: one core a host, one machine."""
        seconds = self.overhead + self.per_work * work(self.language, rows, columns) / hosts
        if hosts > 1:
            seconds += self.exchange + self.per_byte * traffic(self.language, columns, hosts)
        return seconds

    def step(self, rows: int, columns: int, hosts: int) -> tuple[float, float]:
        """Return the seconds of a step on real instances, and those of exchanging."""
        share = self.per_work * work(self.language, rows, columns) / hosts / CORES
        exchange = 0.0
        if hosts > 1:
            exchange = self.exchange + messages(self.language, hosts) * LATENCY
            a_byte = self.per_byte + 1 / BYTES_PER_SECOND
            exchange += a_byte * traffic(self.language, columns, hosts)
        return self.overhead + share + exchange, exchange


def work(language: str, rows: int, columns: int) -> float:
    """Return what a step's time grows with: numbers, and in R products of two columns."""
    return rows * columns * (columns + PRODUCTS if language == "r" else 1)


def traffic(language: str, columns: int, hosts: int) -> float:
    """Return the bytes that the busiest host sends and receives in a step."""
    if language == "r":  # A triangle of the columns from each worker to the leader.
        return (hosts - 1) * 8 * (columns + 1) ** 2
    # A histogram of gradients for each node that is built, summed around a ring.
    return (2 - 1 / hosts) * 2 ** (DEPTH - 1) * BINS * columns * 16


def messages(language: str, hosts: int) -> int:
    """Return how many messages of a step wait for each other."""
    if language == "r":
        return 2 * (hosts - 1)
    return (DEPTH + 2) * 2 * (hosts - 1)


def fit(language: str, points: list[dict]) -> Model:
    """Return the model of a language: of one host first, the rest from what a second one adds."""
    one = [
        (work(language, each["rows"], each["columns"]), each["step"], each["step"])
        for each in points
        if each["hosts"] == 1
    ]
    overhead, per_work = line(one)
    two = []
    for each in points:
        if each["hosts"] == 2:
            rows, columns, step = each["rows"], each["columns"], each["step"]
            alone = overhead + per_work * work(language, rows, columns) / 2
            two.append((traffic(language, columns, 2), step - alone, step))
    exchange, per_byte = line(two)
    return Model(language, overhead, per_work, exchange, per_byte)


def line(points: list[tuple[float, float, float]]) -> tuple[float, float]:
    """Return intercept and slope, neither below 0, of points (x, y, scale).

    An error counts by its share of the scale: else the longest steps alone would make the model.
    """
    weights = [1 / scale**2 for _, _, scale in points]
    mean_x = fmean((x for x, _, _ in points), weights)
    mean_y = fmean((y for _, y, _ in points), weights)
    along = sum(w * (x - mean_x) ** 2 for w, (x, _, _) in zip(weights, points, strict=True))
    both = sum(
        w * (x - mean_x) * (y - mean_y) for w, (x, y, _) in zip(weights, points, strict=True)
    )
    slope = max(both / along, 0.0)
    intercept = mean_y - slope * mean_x
    if intercept < 0:
        xy = sum(w * x * y for w, (x, y, _) in zip(weights, points, strict=True))
        return 0.0, xy / sum(w * x**2 for w, (x, _, _) in zip(weights, points, strict=True))
    return intercept, slope


def where_it_ends(model: Model, rows: int, columns: int) -> int:
    """Return the number of hosts from which on twice as many no longer pay."""
    hosts = 1
    while model.step(rows, columns, hosts)[0] >= PAYS * model.step(rows, columns, 2 * hosts)[0]:
        hosts *= 2
    return hosts


def page(where: str, points: list[dict]) -> str:
    """Return the page."""
    points = [each for each in points if not each["bare"]]
    of = {name: [each for each in points if each["language"] == name] for name in NAMES}
    # More hosts than the machine has CPUs tell of start and joining alone.
    fitted = {name: [each for each in of[name] if each["hosts"] <= 2] for name in NAMES}
    models = {name: fit(name, fitted[name]) for name in NAMES}
    lines = [
        "# What another host brings",
        "",
        "Computed by `benchmarks/scaling_page.py` from `benchmarks/scaling.json`, which "
        "`make benchmark-hosts` measures.",
        "",
        "**In short.** More hosts make a step faster while each still has much to do. Each host "
        "costs as much as the first, so the bill never falls: you buy time, or memory. Take a "
        "larger instance first. Take a second host when a step lasts longer than a second.",
        "",
        "## What was measured",
        "",
        f"{where} Each host was a container with one CPU of its own and one thread; a network "
        "inside one machine. The last column is how far the model below is from the measurement.",
        "",
        "| | rows | columns | hosts | a step | model | error |",
        "|---|--:|--:|--:|--:|--:|--:|",
    ]
    for name, found in fitted.items():
        for each in sorted(found, key=lambda e: (e["rows"], e["columns"], e["hosts"])):
            rows, columns, hosts = each["rows"], each["columns"], each["hosts"]
            guess = models[name].measured_step(rows, columns, hosts)
            lines.append(
                f"| {NAMES[name]} | {rows:,} | {columns} | {hosts} | {each['step'] * 1e3:.1f} ms "
                f"| {guess * 1e3:.1f} ms | {guess / each['step'] - 1:+.0%} |"
            )
    lines += [
        "",
        "Start and joining, in seconds; a host joins when all are there. Here 4 and 8 hosts share "
        "the CPUs of one machine, which makes their start slower than on instances of their own.",
        "",
        "| hosts | " + " | ".join(f"{name}: start | join" for name in NAMES.values()) + " |",
        "|--:|" + 2 * len(NAMES) * "--:|",
    ]
    smallest = min(each["rows"] for each in points)
    for hosts in sorted({each["hosts"] for each in points if each["rows"] == smallest}):
        cells = [
            f"{each['start']:.2f} | {each['join']:.2f}"
            for name in NAMES
            for each in of[name]
            if each["rows"] == smallest and each["hosts"] == hosts
        ]
        lines.append(f"| {hosts} | {' | '.join(cells)} |")
    lines += [
        "",
        "## The model",
        "",
        "A step takes *overhead + work / hosts + exchange*. Work is rows x columns for the trees "
        f"(depth {DEPTH}, {BINS} bins), rows x columns x (columns + {PRODUCTS}) for R's GLM. The "
        f"trees of N hosts exchange (2 - 1/N) x 2^{DEPTH - 1} x {BINS} x columns x 16 bytes a host "
        "and step; of R's hosts each sends the leader a triangle of 8 x (columns + 1)² bytes.",
        "",
        "| | overhead | a million of work | exchange, two hosts | a MB exchanged |",
        "|---|--:|--:|--:|--:|",
    ]
    for name, model in models.items():
        lines.append(
            f"| {NAMES[name]} | {model.overhead * 1e3:.1f} ms | {model.per_work * 1e9:.2f} ms "
            f"| {model.exchange * 1e3:.1f} ms | {model.per_byte * 1e9:.2f} ms |"
        )
    lines += [
        "",
        f"## A prediction for {INSTANCE}",
        "",
        "Nothing here was run on SageMaker. The prediction takes the overhead, the work and the "
        f"exchange from above, {CORES} cores that share the work evenly, "
        f"{BYTES_PER_SECOND / 1e6:.0f} MB/s (the type's baseline network) and {LATENCY * 1e3:.1f} "
        "ms a message, which is a guess. Start of the instances, download and reading come on top: "
        "they don't shrink with more hosts, but for reading.",
    ]
    for rows, columns, steps in JOBS:
        lines += [
            "",
            f"### {rows:,} rows, {columns} columns, {steps} steps",
            "",
            "| hosts | " + " | ".join(f"{name} | instance-hours" for name in NAMES.values()) + " |",
            "|--:|" + 2 * len(NAMES) * "--:|",
        ]
        for hosts in HOSTS:
            cells = []
            for model in models.values():
                seconds = steps * model.step(rows, columns, hosts)[0]
                cells.append(f"{readable(seconds)} | {hosts * seconds / 3600:.3g}")
            lines.append(f"| {hosts} | {' | '.join(cells)} |")
        ends = [
            f"{NAMES[name]} {where_it_ends(model, rows, columns)}" for name, model in models.items()
        ]
        lines += [
            "",
            f"Twice the hosts no longer pay from: {', '.join(ends)}. To pay means here: at least "
            f"{PAYS} times as fast, so that the bill grows by a third at most.",
        ]
    return "\n".join(lines) + "\n"


def readable(seconds: float) -> str:
    """Return seconds as a person says them."""
    for limit, unit, size in ((90, "s", 1), (5400, "min", 60)):
        if seconds < limit:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds / 3600:.1f} h"


def write_page() -> None:
    """Write the page from what was measured."""
    measured = json.loads(POINTS.read_text(encoding="utf-8"))
    PAGE.write_text(page(measured["where"], measured["points"]), encoding="utf-8")


if __name__ == "__main__":
    write_page()

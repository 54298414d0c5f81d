"""The lines that CloudWatch shows."""

from collections.abc import Mapping


def log(line: str) -> None:
    """Print a line to stdout at once: the service shows it in CloudWatch (C93)."""
    # With its end in one piece: unbuffered, print would write it apart, and another line between.
    print(f"{line}\n", end="", flush=True)


def log_step(step: int, metrics: Mapping[str, float]) -> None:
    """Print the metrics of a step as the regexes of training-job.json find them (C94)."""
    log(" ".join([f"step={step}", *(f"{name}={value:.6g}" for name, value in metrics.items())]))

"""A tuning job: its ranges, how many jobs it runs, and what SageMaker would refuse of it."""

from __future__ import annotations

import math
from collections.abc import Iterator

from api_model import SHAPES, member, walk

# What a tuning job's request has of its training jobs; tuning-job.json has none.
DEFINITIONS = ("TrainingJobDefinition", "TrainingJobDefinitions")


def ranges(tuning: dict) -> Iterator[tuple[str, dict]]:
    """Yield the kind and the content of each range of a tuning job that has a name."""
    kinds = SHAPES["ParameterRanges"]["members"].values()
    for _, shape, value in walk("CreateHyperParameterTuningJob", tuning):
        for each in value if shape in kinds and isinstance(value, list) else ():
            if isinstance(each, dict) and isinstance(each.get("Name"), str):
                yield shape, each


def jobs_of(tuning: dict) -> int | None:
    """Return how many training jobs a tuning job runs at most; None where nothing bounds them."""
    config = tuning["HyperParameterTuningJobConfig"]
    jobs = config["ResourceLimits"].get("MaxNumberOfTrainingJobs")
    if jobs is None and config["Strategy"] == "Grid":
        return math.prod(len(each.get("Values", [])) for _, each in ranges(tuning))
    return jobs


def tuning_problems(tuning: dict, request: dict) -> Iterator[str]:
    """Yield what is wrong with ranges, objective and limits of a tuning job (C95).

    The request is that of the training job. What AWS's own model says of both is right already.
    """
    config = tuning["HyperParameterTuningJobConfig"]
    found = list(ranges(tuning))
    for kind, each in found:
        yield from range_problems(kind, each)
    names = [each["Name"] for _, each in found]
    least = 0 if member(tuning, "Autotune.Mode") == "Enabled" else 1
    if not least <= len(names) <= 30 or len(set(names)) < len(names):
        yield "ParameterRanges must be 1 to 30, each hyperparameter once."
    # _tuning_objective_metric comes to it.
    if len({*request.get("HyperParameters", {}), *names}) > 99:
        yield "A tuning job may have 99 hyperparameters at most (C29, C95)."
    metrics = member(request, "AlgorithmSpecification.MetricDefinitions") or []
    metrics = [each["Name"] for each in metrics]
    objective = member(config, "HyperParameterTuningJobObjective.MetricName")
    if objective not in metrics:
        said = f'The objective is "{objective}"' if objective else "There is no objective"
        yield (
            f"{said}: HyperParameterTuningJobObjective must name one of the "
            f"metrics of training-job.json, {', '.join(metrics)} (C95)."
        )
    yield from strategy_problems(config, {kind for kind, _ in found})
    yield from limit_problems(tuning, config["ResourceLimits"])


def range_problems(kind: str, each: dict) -> Iterator[str]:
    """Yield what is wrong with one range."""
    number = {"IntegerParameterRanges": int, "ContinuousParameterRanges": float}.get(kind)
    if not number:
        return
    begin = f'The range of "{each["Name"]}" must'
    try:
        least, most = number(each["MinValue"]), number(each["MaxValue"])
    except ValueError:
        yield f"{begin} be two numbers, as text{', whole ones' if number is int else ''}."
        return
    scale = each.get("ScalingType")
    if not least < most:
        yield f"{begin} have a MinValue below its MaxValue."
    if scale == "Logarithmic" and least <= 0:
        yield f"{begin} be above 0 to be Logarithmic."
    if scale == "ReverseLogarithmic" and not (number is float and least >= 0 and most < 1):
        yield f"{begin} be continuous, from 0 to below 1, to be ReverseLogarithmic."


def strategy_problems(config: dict, kinds: set[str]) -> Iterator[str]:
    """Yield what does not go with the Strategy, as AWS's documentation has it."""
    strategy = config["Strategy"]
    if strategy == "Grid" and kinds - {"CategoricalParameterRanges"}:
        yield "The Strategy Grid takes CategoricalParameterRanges alone: write out the values."
    if strategy == "Hyperband" and config.get("TrainingJobEarlyStoppingType") == "Auto":
        yield "The Strategy Hyperband stops jobs by itself: take TrainingJobEarlyStoppingType out."
    if strategy != "Hyperband" and "StrategyConfig" in config:
        yield f"StrategyConfig is for Hyperband, and the Strategy is {strategy}: take one out."


def limit_problems(tuning: dict, limits: dict) -> Iterator[str]:
    """Yield what is wrong with the number of jobs."""
    jobs, most = jobs_of(tuning), combinations(tuning)
    name = "MaxNumberOfTrainingJobs"
    if jobs is None:
        yield f"{name} is missing in ResourceLimits: it bounds what the tuning job may cost."
    elif jobs > most:
        yield f"{name} is {jobs}, and the ranges hold {most} combinations: more AWS refuses."
    elif jobs < most < math.inf and tuning["HyperParameterTuningJobConfig"]["Strategy"] == "Grid":
        yield f"{name} is {jobs}, and Grid trains all {most} combinations: leave it out."
    elif limits["MaxParallelTrainingJobs"] > jobs:
        most = limits["MaxParallelTrainingJobs"]
        yield f"MaxParallelTrainingJobs is {most}: it must be {name}, {jobs}, or less."


def combinations(tuning: dict) -> float:
    """Return how many combinations of values the ranges have, of which each is tried once."""
    found = math.inf if member(tuning, "Autotune.Mode") == "Enabled" else 1
    for kind, each in ranges(tuning):
        if kind == "CategoricalParameterRanges":
            found *= len(each["Values"])
        elif kind == "IntegerParameterRanges" and not list(range_problems(kind, each)):
            found *= int(each["MaxValue"]) - int(each["MinValue"]) + 1
        else:
            found = math.inf
    return found

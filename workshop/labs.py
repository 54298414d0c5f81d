"""What each lab asks for: its steps, in order, and the files that solve it. Python 3.9.

A step reads files and the reports of runs, and raises Undone with the one thing to do next.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from mistakes import DATA, MISTAKES

# Language → the file of the algorithm, a hyperparameter that is cheap to change.
MODELS = {
    "python": "training/model.py",
    "r": "training/model.R",
    "java": "src/main/java/training/Model.java",
}
OTHER = {"python": "max_depth=2", "r": "max_iterations=3", "java": "max_depth=2"}
# What is left of the replaced algorithm, and no longer fits.
LEFT_OVER = {
    "python": [],
    "r": ["training/glm.R", "training/tables.R", "training/csv.R"],
    "java": [],
}


class Undone(Exception):
    """The next step, in words."""


class Lab(NamedTuple):
    """A lab: its title and page, its steps, what puts in the files that it asks for."""

    number: int
    title: str
    page: str
    steps: tuple[Callable[[Runs], None], ...]
    solve: Callable[[Path, str], None]


class Runs:
    """The runs of a repository since its lab began, oldest first, and what a step asks of them."""

    def __init__(self, folder: Path, language: str, notes: dict) -> None:
        self.folder = folder
        self.language = language
        self.broken: str = notes["broken"]
        # How many runs there were, what happened, which mistake.
        self.events: list[tuple[int, str, str]] = notes["events"]
        reports = []
        for path in folder.glob("runs/*/report.json"):
            try:
                report = json.loads(path.read_text(encoding="utf-8"))
            except ValueError:
                continue  # it is being written
            if report["started"] >= notes["began"]:
                reports.append(report)
        self.all = sorted(reports, key=lambda report: (report["started"], report["name"]))

    def job(self) -> dict:
        """Return training-job.json."""
        try:
            return json.loads((self.folder / "training-job.json").read_text(encoding="utf-8"))
        except ValueError as error:
            raise Undone(f"training-job.json is no JSON ({error}): mend it.") from error

    def require(self, condition: Callable[[dict], bool], what: str) -> dict:
        """Return the last run of a kind, or raise Undone."""
        found = [report for report in self.all if condition(report)]
        if found:
            return found[-1]
        last = self.all[-1] if self.all else {}
        if last.get("status") == "Failed" and not self.broken:
            what += f" (The last run failed: {last['reason']})"
        raise Undone(what)


def completed(report: dict) -> bool:
    """Return whether a run was Completed."""
    return report["status"] == "Completed"


# ---- 1 Generate, train, look inside


def trained(runs: Runs) -> None:
    """A run is Completed."""
    runs.require(completed, "`make train`: it builds the image and trains in it.")


def trained_otherwise(runs: Runs) -> None:
    """A run had another hyperparameter than training-job.json."""
    usual = runs.job()["HyperParameters"]
    runs.require(
        lambda report: completed(report) and report["hyperparameters"] != usual,
        f'`make train ARGS="--hyperparameter {OTHER[runs.language]}"`: another hyperparameter.',
    )


def unpacked(runs: Runs) -> None:
    """The model of a run was unpacked."""
    if not (runs.folder / "runs/look/metadata.json").is_file():
        name = [each for each in runs.all if completed(each)][-1]["name"]
        raise Undone(
            f"`mkdir -p runs/look && tar -xzf runs/{name}/model.tar.gz -C runs/look`: unpack the "
            "model, and read runs/look/metadata.json."
        )


# ---- 2 Break the ENTRYPOINT


def broken_and_mended(name: str) -> Callable[[Runs], None]:
    """Return a step: a mistake was made, seen in a run, taken back."""

    def step(runs: Runs) -> None:
        before = {what: count for count, what, which in runs.events if which == name}
        if "break" not in before:
            if runs.broken:
                raise Undone(f"`lab mend`: {runs.broken} is still broken.")
            raise Undone(f"`lab break {name}`: predict what happens before you run it.")
        if runs.broken == name and not runs.all[before["break"] :]:
            command = MISTAKES[name].run
            raise Undone(f"`{command}`: see what {name} does, and whether you were right.")
        if runs.broken == name and name in DATA:
            last = runs.all[-1]
            failure = f"runs/{last['name']}/output/failure"
            look = f"cat {failure}; " if last["status"] == "Failed" else ""
            raise Undone(f"`{look}lab mend`: what the run said is what SageMaker would show.")
        if runs.broken == name:
            raise Undone(
                f"`python3 tools check; lab mend`: what the check says of {name}, without a build."
            )

    return step


def trained_again(runs: Runs) -> None:
    """A run is Completed after all was mended."""
    mended = runs.all[max(count for count, what, _ in runs.events if what == "mend") :]
    runs.require(
        lambda report: completed(report) and report in mended,
        "`make train`: see that all is well again.",
    )


# ---- 3 Your algorithm


def replaced(runs: Runs) -> None:
    """The model is another one than the sample, and the job and the contract tests know of it."""
    readme = (runs.folder / "README.md").read_text(encoding="utf-8")
    model = MODELS[runs.language]
    text = (runs.folder / model).read_text(encoding="utf-8")
    if re.search(r"xgboost|glm", text, re.IGNORECASE):
        raise Undone(
            f'{model} is still the sample: put in the model of README.md, "A model to start from", '
            "or your own."
        )
    job = runs.job()
    if {"rounds", "max_iterations"} & set(job["HyperParameters"]):
        wanted = json.dumps(hyperparameters_of(readme))
        raise Undone(
            f'training-job.json names hyperparameters of the sample: write "HyperParameters": '
            f"{wanted}, or those of your model."
        )
    names = [each["Name"] for each in job["AlgorithmSpecification"]["MetricDefinitions"]]
    if "training:log_loss" in names:
        raise Undone(
            "training-job.json names metrics of the sample: let MetricDefinitions match the lines "
            "that your model prints, such as training:rmse."
        )
    runs.require(
        lambda report: completed(report) and set(report["metrics"]) == set(names),
        "`make train`: train with your model.",
    )
    run = runs.require(completed, "")
    for name, values in run["metrics"].items():
        if not values:
            raise Undone(f"No line of the last run matches the Regex of {name}: compare the two.")
    settings = (runs.folder / "contract.ini").read_text(encoding="utf-8")
    if re.search(r"^(rounds|max_iterations) = many", settings, re.MULTILINE):
        raise Undone(
            "contract.ini speaks of the sample's hyperparameters: edit [short], [long] and [wrong]."
        )


def hyperparameters_of(readme: str) -> dict:
    """Return the hyperparameters of the model to start from, as README.md has it."""
    target = re.search(r'"(\w+)"[^"\n]*(?:"string", )?"body_mass_g"', readme)
    return {target[1] if target else "target": "body_mass_g"}


def solve_3(folder: Path, language: str) -> None:
    """Put in the model of README.md, and what the job and the contract tests must know of it."""
    readme = (folder / "README.md").read_text(encoding="utf-8")
    part = readme.partition("\n### A model to start from\n")[2]
    code = re.search(r"^```\w+\n(.*?)^```$", part, re.MULTILINE | re.DOTALL)
    (folder / MODELS[language]).write_bytes(code[1].encode())
    for name in LEFT_OVER[language]:
        (folder / name).unlink(missing_ok=True)
    file = folder / "training-job.json"
    job = json.loads(file.read_text(encoding="utf-8"))
    job["HyperParameters"] = hyperparameters_of(part)
    job["AlgorithmSpecification"]["MetricDefinitions"] = [
        {"Name": "training:rmse", "Regex": "training:rmse=([-+.0-9e]+)"}
    ]
    write_json(file, job)
    file = folder / "contract.ini"
    text = file.read_text(encoding="utf-8")
    wrong = "ridge = many\n" if language == "python" else ""
    for section, line in {"short": "", "long": "", "wrong": wrong}.items():
        text = re.sub(
            rf"^\[{section}\]\n(?:\w+ = .*\n)+", f"[{section}]\n{line}", text, flags=re.MULTILINE
        )
    text = re.sub(r"^before_kill = .*", "before_kill = 0", text, flags=re.MULTILINE)
    file.write_bytes(text.encode())


# ---- 4 Stop, kill, resume


def stopped(runs: Runs) -> None:
    """A run was stopped and left its model."""
    early = runs.all and runs.all[-1]["status"] == "Stopped" and runs.all[-1]["exit_code"] == 1
    after, why = (30, "the last stop came before the first step") if early else (5, "")
    runs.require(
        lambda report: report["status"] == "Stopped" and report["exit_code"] == 0,
        f'`make train ARGS="--long --stop-after {after}"`: '
        f"{why or 'stop it, as StopTrainingJob does'}.",
    )


def resumed(runs: Runs) -> None:
    """A run was killed, started again and resumed."""
    runs.require(
        lambda report: any(event["what"] == "resume" for event in report["events"]),
        '`make train ARGS="--long --interrupt-after 5"`, and Ctrl-C some seconds after it resumed.',
    )


def killed(runs: Runs) -> None:
    """A run did not end at SIGTERM, and was killed."""
    deaf = "a program that does not hear SIGTERM."
    first = f"`{MISTAKES['deaf'].run}`" if runs.broken == "deaf" else "`lab break deaf`"
    runs.require(
        lambda report: report["status"] == "Stopped" and report["exit_code"] == 137,
        f"{first}: {deaf}",
    )
    if runs.broken:
        raise Undone("`lab mend`: compare the models in runs/.")


# ---- 5 Push and submit


def limited(runs: Runs) -> None:
    """The job ends by itself, soon, and runs on spot instances."""
    job = runs.job()
    condition = job.get("StoppingCondition", {})
    if condition.get("MaxRuntimeInSeconds", 86400) > 900:
        raise Undone('training-job.json: write "MaxRuntimeInSeconds": 900, which caps the cost.')
    if not job.get("EnableManagedSpotTraining"):
        raise Undone('training-job.json: write "EnableManagedSpotTraining": true, to pay less.')
    if condition.get("MaxWaitTimeInSeconds", 0) < condition["MaxRuntimeInSeconds"]:
        raise Undone(
            'training-job.json: a spot job says how long it may wait: "MaxWaitTimeInSeconds": 1800 '
            "in StoppingCondition."
        )


def dry_run(runs: Runs) -> None:
    """The request was printed, with those limits."""
    command = "mkdir -p runs && python3 tools submit --dry-run > runs/request.json"
    try:
        request = json.loads((runs.folder / "runs/request.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        request = {}
    if request.get("StoppingCondition") != runs.job()["StoppingCondition"]:
        raise Undone(f"`{command}`: the request, with nothing sent. Read it.")


def solve_5(folder: Path, language: str) -> None:
    """Limit the job."""
    file = folder / "training-job.json"
    job = json.loads(file.read_text(encoding="utf-8"))
    job["EnableManagedSpotTraining"] = True
    job["StoppingCondition"] = {"MaxRuntimeInSeconds": 900, "MaxWaitTimeInSeconds": 1800}
    write_json(file, job)


# ---- 7 Two hosts and the death of one


def trained_on_two(runs: Runs) -> None:
    """A run on two hosts is Completed."""
    runs.require(
        lambda report: completed(report) and on_two_hosts(report),
        '`make train ARGS="--hosts 2"`: see which host leads, and what each has read.',
    )


def shared(runs: Runs) -> None:
    """Two hosts had a file each."""
    more, first = runs.folder / "data/training", "data/training/penguins.csv"
    done = [each for each in runs.all if completed(each) and on_two_hosts(each)]
    if len(list(more.iterdir())) < 2 or len(done) < 2:
        raise Undone(
            f'`cp {first} data/training/more.csv; make train ARGS="--hosts 2"`: now each host has '
            "a file."
        )


def lost_a_host(runs: Runs) -> None:
    """A host was killed, and there is a checkpoint."""
    early = runs.all[-1]["events"] and not lost(runs)
    after, why = (30, "the last one died before a checkpoint") if early else (10, "")
    if not lost(runs):
        raise Undone(
            f'`make train ARGS="--long --hosts 2 --kill-host algo-2:{after}"`: '
            f"{why or 'read what each host says'}."
        )


def resumed_after(runs: Runs) -> None:
    """A later run resumed from a checkpoint of one that lost a host."""
    runs.require(
        lambda report: "--resume" in report["command"] and report["status"] == "Stopped",
        f'`make train ARGS="--long --hosts 2 --resume runs/{lost(runs)[-1]} '
        '--stop-after 5"`: go on where the dead job was.',
    )


def on_two_hosts(report: dict) -> bool:
    """Return whether a run had two hosts."""
    return len(report["hosts"]) == 2


def lost(runs: Runs) -> list[str]:
    """Return the names of the runs that lost a host and left a checkpoint."""
    return [
        report["name"]
        for report in runs.all
        if any(event["what"] == "kill" for event in report["events"])
        and any((runs.folder / "runs" / report["name"] / "checkpoints").glob("*"))
    ]


def write_json(file: Path, content: dict) -> None:
    """Write a request."""
    file.write_bytes((json.dumps(content, indent=2) + "\n").encode())


def nothing(folder: Path, language: str) -> None:
    """Put in no file: such a lab asks for none."""


LABS = {
    each.number: each
    for each in (
        Lab(
            1,
            "generate, train, look inside",
            "1-look-inside.md",
            (trained, trained_otherwise, unpacked),
            nothing,
        ),
        Lab(
            2,
            "break the ENTRYPOINT",
            "2-entrypoint.md",
            (*map(broken_and_mended, ("server", "cmd", "shell-form")), trained_again),
            nothing,
        ),
        Lab(3, "your algorithm", "3-algorithm.md", (replaced,), solve_3),
        Lab(4, "stop, kill, resume", "4-stop.md", (stopped, resumed, killed), nothing),
        Lab(5, "push and submit", "5-submit.md", (limited, dry_run), solve_5),
        Lab(6, "wrong data", "6-data.md", (*map(broken_and_mended, DATA), trained_again), nothing),
        Lab(
            7,
            "two hosts and the death of one",
            "7-hosts.md",
            (trained_on_two, shared, lost_a_host, resumed_after),
            nothing,
        ),
    )
}

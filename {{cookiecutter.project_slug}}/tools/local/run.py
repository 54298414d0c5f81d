"""The verbs train and shell: the job of training-job.json on this machine, as SageMaker runs it."""

from __future__ import annotations

import argparse
import re
import shlex
import threading
from collections.abc import Callable, Sequence
from importlib import import_module

from image import local_image
from job import (
    GRACE,
    Job,
    checkpoints_of,
    empty_outputs,
    host_names,
    new_job,
    not_imitated,
    read_request,
)
from local.build import build
from local.engine import LIMITS, find_engine, limits_of, require_image
from local.record import Record
from local.runners import (
    Container,
    HostProcess,
    Runner,
    kill,
    network_command,
    network_of,
    own_network,
    require_names,
    stop,
)
from repository import REPOSITORY, relative
from terminal import (
    UserError,
    add_hyperparameter,
    at_interrupts,
    note,
    parser_of,
    say,
    uninterrupted,
)

ENDS = ("stop_after", "interrupt_after", "kill_host")
TRAIN = """
Run the training job of training-job.json as SageMaker would.

Its tree of /opt/ml is made under runs/JOB. The image is started with the word "train", its log
is shown, and then what the service would show: status, FailureReason, metrics, model.tar.gz,
output.tar.gz. Exit code: 0 for a job that completed or was stopped on purpose, 1 for a failed one.
"""
SHELL = """
Open a shell in the image, with /opt/ml as a job has it.
"""


def train(arguments: Sequence[str]) -> int:
    """Build the trees, start the program, follow it, report."""
    options = read_options(arguments)
    if options.grace != GRACE:
        say(f"A stop gives the program {options.grace:g} s, by --grace; SageMaker gives {GRACE} s.")
    typed = shlex.join(["python3", "tools", "train", *arguments])
    request = read_request(REPOSITORY / "training-job.json")
    hyperparameters = request.setdefault("HyperParameters", {})
    if options.long:
        from settings import read_settings, settings_file

        hyperparameters.update(read_settings(settings_file())["long"])
    hyperparameters.update(options.hyperparameter)
    checkpoints = None
    if options.resume is not None:
        checkpoints = checkpoints_of(request, options.resume)
    # What is wrong with the words is told without waiting for it.
    if options.build and build([]) != 0:
        return 1
    if not_imitated(request):
        note(f"Not imitated here, so not tried: {', '.join(not_imitated(request))}.")
    if options.no_container:
        from local.host_program import host_program

        say("On this machine itself: the Dockerfile is not used, and nothing in it is tested.")
        command, directory = host_program()
        job = new_job(request, grace=options.grace, checkpoints=checkpoints)
        record = Record(job, typed, "")
        return run_job(job, [HostProcess(job, command, directory)], options, record)
    image = options.image or local_image(request)
    engine = find_engine("or train without one by --no-container")
    if options.hosts > 1:
        require_names(engine)
    if options.print:
        job = new_job(request, options.hosts, checkpoints=checkpoints)
        print_commands(job, engine, image, options)
        return 0
    if not options.build:
        require_image(engine, image)
    asked = request.get("ResourceConfig", {}).get("InstanceCount", 1)
    if options.hosts == 1 and asked != 1:
        # A laptop is no cluster: it takes the hosts that it is told to.
        say(f"InstanceCount is {asked}, and this run has one host: --hosts {asked} starts as many.")
    job = new_job(request, options.hosts, options.grace, checkpoints)
    limits = limits_of(options, engine)
    with network_of(job, engine, options.no_network) as network:
        containers = [
            Container(job, host, engine, image, network, limits=limits) for host in job.hosts
        ]
        return run_job(job, containers, options, Record(job, typed, image))


def shell(arguments: Sequence[str]) -> int:
    """Open a shell where the program would start."""
    parser = parser_of("shell", SHELL)
    add_options(parser)
    options = parser.parse_args(arguments)
    request = read_request(REPOSITORY / "training-job.json")
    request.setdefault("HyperParameters", {}).update(options.hyperparameter)
    image = options.image or local_image(request)
    engine = find_engine()
    require_image(engine, image)
    job = new_job(request)
    network = own_network(options.no_network)
    return Container(job, job.hosts[0], engine, image, network).shell()


def print_commands(job: Job, engine: str, image: str, options: argparse.Namespace) -> None:
    """Print the engine's commands, one a line, as one can run them; their folders are there."""
    network, behind = own_network(options.no_network), ""
    limits = limits_of(options, engine)
    if job.size > 1:
        command = network_command(job, engine, options.no_network)
        say(shlex.join(command))
        # All hosts at once: they wait for each other.
        network, behind = command[-1], " &"
    for host in job.hosts:
        container = Container(job, host, engine, image, network, limits=limits)
        say(shlex.join(container.run_command("train", options=["--rm"])) + behind)
    if job.size > 1:
        say("wait")
        say(shlex.join([engine, "network", "rm", network]))


def run_job(job: Job, runners: list[Runner], options: argparse.Namespace, record: Record) -> int:
    """Run the job as the options say, clean up, report; return the command's exit code."""
    events = []
    if options.stop_after is not None:
        reason = f"stopped after {options.stop_after:g} s"
        events.append((options.stop_after, lambda: stop(job, runners, reason)))
    if options.kill_host:
        name, after = options.kill_host
        events.append((after, lambda: kill_host(job, runners, name)))
    try:
        run_to_report(job, runners, options, events)
        flag = next((f"--{name.replace('_', '-')}" for name in ENDS if getattr(options, name)), "")
        if flag and not record.report["events"]:
            say(f"The training ended before the time of {flag} was over.")
        return 0 if show(job, record) else 1
    finally:
        with uninterrupted():
            for runner in runners:
                runner.end_removal()


def run_to_report(
    job: Job, runners: list[Runner], options: argparse.Namespace, events: list
) -> None:
    """Run the job, then clean up what its report needs; the containers' removal has begun."""
    try:
        if options.interrupt_after is None or interrupt(job, runners, options.interrupt_after):
            follow(job, runners, *events)
    finally:
        with uninterrupted():
            for runner in runners:
                runner.begin_removal()
            runners[0].own_folders()


def show(job: Job, record: Record) -> bool:
    """Report the run, on its page too; return whether all is well."""
    from local.report import report
    from local.runs import write_pages

    well = report(job, record)
    try:
        write_pages()
        say(f"Page: {relative(job.folder / 'report.html')}")
    except UserError as error:
        note(str(error))
    return well


# ---- Following a run -----------------------------------------------------------------------


def follow(job: Job, runners: list[Runner], *events: tuple[float, Callable[[], None]]) -> None:
    """Run all hosts to their ends, showing their log as it comes.

    Each event is a number of seconds and what happens then. At the request's MaxRuntimeInSeconds
    and at Ctrl-C the job is stopped as the service does it; at the second Ctrl-C it is killed.
    """
    # Counted only: an exception may come where it is lost, or break off what the first began.
    presses: list[int] = []
    with at_interrupts(lambda *_: presses.append(1)):
        run_to_the_ends(job, runners, presses, events)


def run_to_the_ends(job: Job, runners: list[Runner], presses: list[int], events: Sequence) -> None:
    """Start all hosts and wait until each has ended; see `follow`."""
    for runner in runners:
        runner.start()
    limit = job.request.get("StoppingCondition", {}).get("MaxRuntimeInSeconds", 86400)
    events = (*events, (limit, lambda: stop(job, runners, f"MaxRuntimeExceeded: {limit} s")))
    timers = [threading.Timer(after, event) for after, event in events]
    for timer in timers:
        timer.daemon = True
        timer.start()
    # While the hosts start: reading these takes as long as starting Python, and at the end of a
    # long run an update of tools/ may have changed them.
    for name in ("local.report", "local.runs"):
        import_module(name)
    while not all(runner.ended.wait(0.1) for runner in runners):
        if presses:
            presses.pop()
            stop_or_kill(job, runners)
    for timer in timers:
        timer.cancel()


def stop_or_kill(job: Job, runners: list[Runner]) -> None:
    """Stop all hosts at the first Ctrl-C, kill them at the second."""
    if job.stopped:
        job.stopped = "killed by Ctrl-C"
        job.tell("kill", text=job.stopped)
        kill(runners)
    stop(job, runners, "stopped by Ctrl-C")


def kill_host(job: Job, runners: list[Runner], name: str) -> None:
    """End one host without notice, as a fault of its machine does."""
    (runner,) = (each for each in runners if each.host.name == name)
    if runner.host.code is None and not job.stopped:
        runner.host.killed_by = "killed by --kill-host"
        job.tell("kill", text=f"{name} killed by --kill-host")
        runner.kill()


def interrupt(job: Job, runners: list[Runner], after: float) -> bool:
    """Run, kill all hosts after so many seconds, and empty what a spot interruption loses (C67).

    Returns whether it came to that: the training may have ended earlier.
    """
    killed = threading.Event()

    def kill_all() -> None:
        if not job.stopped:
            killed.set()
            job.tell("interruption", text=f"killed after {after:g} s")
            kill(runners)

    follow(job, runners, (after, kill_all))
    if job.stopped or not killed.is_set():
        return False
    for runner in runners:
        runner.remove()
    runners[0].own_folders()
    empty_outputs(job)
    say(f"Interrupted after {after:g} s; starting again with the checkpoints alone.")
    job.tell("resume", text="started again with the checkpoints alone")
    return True


# ---- The flags -----------------------------------------------------------------------------


def read_options(arguments: Sequence[str]) -> argparse.Namespace:
    """Return the options of `train`."""
    parser = parser_of("train", TRAIN)
    add_options(parser)
    add = parser.add_argument
    add("--build", action="store_true", help="build the image first, as `build` does")
    add(
        "--hosts",
        type=positive,
        default=1,
        metavar="N",
        help="run on N hosts, algo-1 to algo-N, each a container (default: 1)",
    )
    add("--long", action="store_true", help="take the hyperparameters [long] of contract.ini")
    add(
        "--resume",
        metavar="RUN",
        help="begin with the checkpoints of an earlier run, as a job with the same S3Uri does",
    )
    add(
        "--grace",
        type=seconds,
        default=GRACE,
        metavar="S",
        help=f"how long a stop waits for the program (default: {GRACE}, as SageMaker does)",
    )
    add("--gpus", type=gpus, metavar="N", help="give the container N GPUs, all, or device=0,1")
    add("--memory", type=size, metavar="SIZE", help="limit each container's memory, as 2g")
    add("--shm-size", type=size, metavar="SIZE", help="the size of /dev/shm, as 512m")
    add("--cpus", type=number, metavar="N", help="limit each container's CPUs, as 1.5")
    ends = parser.add_mutually_exclusive_group().add_argument
    ends("--stop-after", type=seconds, metavar="S", help="stop the job after S seconds")
    ends(
        "--interrupt-after",
        type=seconds,
        metavar="S",
        help="kill it after S seconds and start again, as a spot interruption does",
    )
    ends(
        "--kill-host",
        type=name_and_seconds,
        metavar="NAME:S",
        help="kill one host after S seconds, as a fault of its machine does",
    )
    kinds = parser.add_mutually_exclusive_group().add_argument
    kinds(
        "--print", action="store_true", help="make the folders and print the engine's commands only"
    )
    kinds("--no-container", action="store_true", help="run the program on this machine itself")
    options = parser.parse_args(arguments)
    if options.hosts > 1 and options.no_container:
        parser.error("--hosts is for a run in containers: leave out --no-container")
    given = [name for name in LIMITS if getattr(options, name) is not None]
    if given and options.no_container:
        flag = given[0].replace("_", "-")
        parser.error(f"--{flag} is for a run in containers: leave out --no-container")
    if options.kill_host and options.kill_host[0] not in host_names(options.hosts):
        known = ", ".join(host_names(options.hosts))
        parser.error(f'--kill-host: there is no host "{options.kill_host[0]}", only {known}')
    # The image of --image is there, and who only prints starts nothing.
    options.build &= not (options.image or options.print or options.no_container)
    return options


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the flags of both verbs."""
    add = parser.add_argument
    add("--image", help="the image (default: IMAGE, else the one that `make build` made)")
    add_hyperparameter(parser, "run")
    add("--no-network", action="store_true", help="as EnableNetworkIsolation does")


def gpus(text: str) -> str:
    """Return which GPUs: a number, all, or device=…"""
    if not re.fullmatch(r"all|[1-9][0-9]?|device=[\w:,-]+", text):
        raise argparse.ArgumentTypeError(f'"{text}" must be a number, all, or device=0,1')
    return text


def size(text: str) -> str:
    """Return an amount of memory, with its unit."""
    if not re.fullmatch(r"[1-9][0-9]*[bkmg]", text, re.IGNORECASE):
        raise argparse.ArgumentTypeError(f'"{text}" must be a number and a unit, as 512m or 2g')
    return text.lower()


def number(text: str) -> str:
    """Return a number above zero."""
    if not re.fullmatch(r"[0-9]{1,3}(\.[0-9]+)?", text) or float(text) == 0:
        raise argparse.ArgumentTypeError(f'"{text}" must be a number above zero, as 1.5')
    return text


def name_and_seconds(text: str) -> tuple[str, float]:
    """Split NAME:S."""
    name, _, after = text.rpartition(":")
    return name, seconds(after)


def positive(text: str) -> int:
    """Return a whole number, one or more."""
    if not re.fullmatch(r"[1-9][0-9]{0,2}", text):
        raise argparse.ArgumentTypeError(f'"{text}" must be a whole number from 1')
    return int(text)


def seconds(text: str) -> float:
    """Return a number of seconds, zero or more."""
    try:
        value = float(text)
    except ValueError:
        value = -1
    if not 0 <= value < 1e6:
        raise argparse.ArgumentTypeError(f'"{text}" must be a number of seconds')
    return value

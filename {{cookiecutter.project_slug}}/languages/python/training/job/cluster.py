"""Several hosts as one, by XGBoost's collective: knows the engine, not the algorithm (C96 to C98).

On one host every call answers at once, and there is no socket. On several, the leader has a link to
each worker: a connection that is silent until the end. One that closes before tells at once, also
in the midst of a long step, which host is gone. XGBoost's own connections come about by a tracker
on the leader.
"""

import contextlib
import os
import select
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any, TextIO

from job import TrainingFailure
from job.hosts import ONE_HOST, Hosts
from job.log import log
from job.outcome import explain, fail_at_once
from job.stop import TOO_EARLY, StopRequest

# Seconds that a host may be silent; the environment's HOST_TIMEOUT shortens them for a rehearsal.
HOST_TIMEOUT = 900
PORT = 9099  # of the leader, for the links; the others are any that are free
RETRY = 0.5  # seconds
INTRODUCTION = 2  # seconds that one who connects has to say its name
LONGEST = 300  # characters of a name; whoever says more is no host
WAITING_IS_LOGGED_EVERY = 30  # seconds
GRACE = 2  # seconds in which a host whose peer is gone may still say what is wrong with itself
GONE = "Host {} is gone: the job can't go on without it."

_hosts = ONE_HOST
_links: dict[str, socket.socket] = {}
_trackers: list[Any] = []  # Kept, since one that is freed before its end shows a stack trace.


@contextlib.contextmanager
def join(hosts: Hosts, stop: StopRequest) -> Iterator[None]:
    """Be one with the other hosts while the block runs, and wait for them at its end.

    Raises TrainingFailure where another host does not come, or is silent, for HOST_TIMEOUT
    seconds, and where a stop is requested before all have come. Ends the process with a sentence
    where a host is gone. After any failure the process must end by `os._exit`: the orderly end of
    XGBoost would wait for those who are gone.
    """
    global _hosts
    _hosts = hosts
    if not hosts.several:
        yield
        return
    # Imported here, since a model for one host may do without the package.
    from xgboost import collective
    from xgboost.core import XGBoostError
    from xgboost.tracker import RabitTracker

    leader, *workers = hosts.names
    log(f"Hosts: {leader} (leader), {', '.join(workers)}; this is {hosts.current}.")
    timeout = _timeout()
    try:
        if hosts.leads:
            address = _accept_workers(workers, stop, timeout)
            tracker = RabitTracker(len(hosts.names), address, sortby="task", timeout=timeout)
            _trackers.append(tracker)
            tracker.start()
            port = tracker.worker_args()["dmlc_tracker_port"]
            _tell(f"start {port}")
        else:
            address, port = _connect_to_leader(leader, stop, timeout)
        collective.init(
            dmlc_tracker_uri=address,
            dmlc_tracker_port=port,
            dmlc_task_id=f"{hosts.rank:06d}",
            dmlc_timeout=timeout,
            dmlc_retry=1,
        )
        yield
        barrier()
        _tell("end")
        collective.finalize()
        if hosts.leads:
            tracker.wait_for(timeout)
    except BaseException as error:
        if isinstance(error, XGBoostError) and "/collective/" in str(error):
            # Where a host is gone, the thread at its link ends the process meanwhile.
            time.sleep(2 * GRACE)
            if "timed out" in str(error):
                raise _silent(hosts.others, timeout) from error
        _tell(f"Host {hosts.current} failed: {' '.join(explain(error)[0].split())}")
        raise


def on_any_host(flag: bool) -> bool:
    """Return whether the flag is set on any host. Every host must call it."""
    if not _hosts.several:
        return flag
    import numpy
    from xgboost import collective

    with _waiting_for(_hosts.others):
        return bool(collective.allreduce(numpy.array([flag], numpy.uint8), collective.Op.MAX)[0])


def barrier() -> None:
    """Wait until every host is here."""
    on_any_host(False)


def collect(value: Any) -> dict[str, Any]:
    """Return each host's value by the host's name, the leader's first. Every host must call it."""
    if not _hosts.several:
        return {_hosts.current: value}
    from xgboost import collective

    with _waiting_for(_hosts.others):
        return {n: collective.broadcast((value,), i)[0] for i, n in enumerate(_hosts.names)}


def require_same(value: Any, problem: str) -> None:
    """Raise TrainingFailure, which begins with the problem, where hosts have different values."""
    values = collect(value)
    if len(set(values.values())) > 1:
        found = ", ".join(f"{name}: {each}" for name, each in values.items())
        raise TrainingFailure(f"{problem} ({found}): they must be the same on every host.")


def _timeout() -> int:
    text = os.environ.get("HOST_TIMEOUT", str(HOST_TIMEOUT))
    if not text.isdecimal() or int(text) == 0:
        raise TrainingFailure(f'HOST_TIMEOUT is "{text}": it must be a number of seconds.')
    return int(text)


def _accept_workers(workers: list[str], stop: StopRequest, timeout: int) -> str:
    """Wait until every worker has a link; return the address under which they reach this host."""
    deadline = time.monotonic() + timeout
    missing = list(workers)
    with socket.create_server(("", PORT)) as server, _waiting_for(missing):
        server.settimeout(RETRY)
        while missing:
            _check(stop, deadline, missing, timeout)
            with contextlib.suppress(OSError, ValueError):  # Nobody, or a stranger.
                connection, (peer, _) = server.accept()
                connection.settimeout(INTRODUCTION)
                lines = connection.makefile()
                name = lines.readline(LONGEST).rstrip()
                if reason := _refusal(name, peer, missing):
                    connection.sendall(f"refused {reason}\n".encode())
                    connection.close()
                    continue
                missing.remove(name)
                connection.settimeout(None)
                _watch(name, connection, lines)
                address = connection.getsockname()[0]
    return address


def _refusal(name: str, peer: str, missing: list[str]) -> str:
    """Return why one that calls itself so, from this address, is none of the workers awaited."""
    if name not in missing:
        return "none of this name is awaited"
    try:
        known = {each[4][0] for each in socket.getaddrinfo(name, None, socket.AF_INET)}
    except OSError:  # Its name may not be known yet (C39).
        return ""
    return "" if peer in known else f"{name} is at {' or '.join(sorted(known))}, not at {peer}"


def _connect_to_leader(leader: str, stop: StopRequest, timeout: int) -> tuple[str, int]:
    """Link to the leader, wait until all have; return its address and the port of its tracker."""
    deadline = time.monotonic() + timeout
    while True:
        connection = None
        with _waiting_for([leader]):
            while not connection:
                _check(stop, deadline, [leader], timeout)
                try:
                    connection = socket.create_connection((leader, PORT), 5)
                except OSError:  # Its name may not be known yet (C39).
                    time.sleep(RETRY)
        connection.settimeout(None)
        # Not before the leader, who knows which host has not come.
        end = time.monotonic() + timeout + 2 * GRACE
        with _waiting_for(_hosts.others), contextlib.suppress(OSError):
            connection.sendall(f"{_hosts.current}\n".encode())
            while not select.select([connection], [], [], RETRY)[0]:
                _check(stop, end, _hosts.others, timeout)
        lines = connection.makefile()
        line = _read(lines)
        word, _, rest = line.partition(" ")
        if word == "start":
            _watch(leader, connection, lines)
            return connection.getpeername()[0], int(rest)
        if word != "refused" or time.monotonic() > deadline:
            raise TrainingFailure(line or GONE.format(leader))
        log(f"{leader} refuses this host ({rest}): trying again.")
        time.sleep(10 * RETRY)


def _check(stop: StopRequest, deadline: float, names: list[str], timeout: int) -> None:
    """Raise TrainingFailure if it is no use to wait for these hosts any longer."""
    if stop.received:
        raise TrainingFailure(TOO_EARLY)
    if time.monotonic() > deadline:
        raise _silent(names, timeout)


def _read(lines: TextIO) -> str:
    try:
        return lines.readline(2000).rstrip()
    except OSError:
        return ""


def _watch(name: str, connection: socket.socket, lines: TextIO) -> None:
    """Have a thread wait at the link of a host for its end, or for what it tells."""

    def wait() -> None:
        line = _read(lines)
        if line != "end":
            sentence = line or GONE.format(name)
            del _links[name]
            _tell(sentence)
            time.sleep(GRACE)
            fail_at_once(sentence)

    _links[name] = connection
    threading.Thread(target=wait, daemon=True).start()


def _tell(line: str) -> None:
    for connection in list(_links.values()):
        with contextlib.suppress(OSError):
            connection.sendall(f"{line}\n".encode())


def _silent(names: list[str], timeout: int) -> TrainingFailure:
    """Return the failure for hosts that did not answer, and tell it those that did."""
    who = f"Host {names[0]}" if len(names) == 1 else f"A host ({' or '.join(names)})"
    sentence = (
        f"{who} did not answer for {timeout} s: it is gone, or slower than HOST_TIMEOUT allows."
    )
    _tell(sentence)
    return TrainingFailure(sentence)


@contextlib.contextmanager
def _waiting_for(names: list[str]) -> Iterator[None]:
    """Say every half minute for whom the block waits; the list may shrink meanwhile."""
    start = time.monotonic()
    over = threading.Event()

    def say() -> None:
        while not over.wait(WAITING_IS_LOGGED_EVERY):
            who = names[0] if len(names) == 1 else "the other hosts"
            log(f"Waiting for {who} since {time.monotonic() - start:.0f} s.")

    threading.Thread(target=say, daemon=True).start()
    try:
        yield
    finally:
        over.set()

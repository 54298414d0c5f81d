"""Several hosts as processes on this machine, and one host."""

import socket
import textwrap

import pytest

from job import cluster
from job.hosts import ONE_HOST
from job.stop import StopRequest

NAMES = ["127.0.0.1", "algo-2", "algo-3"]
GONE = "Host {} is gone: the job can't go on without it.\n"
SILENT = "{} did not answer for {} s: it is gone, or slower than HOST_TIMEOUT allows.\n"


@pytest.fixture
def join(run_hosts):
    """Function: what to do as one, names, those started → exit code, stdout, stderr of each."""

    def join(body, names=NAMES[:2], started=None, before=""):
        body = f"{before}\nwith cluster.join(hosts, stop):\n{textwrap.indent(body, '    ')}"
        return run_hosts(body, names, started)

    return join


def test_hosts_learn_what_the_others_have(join):
    said = [f"cluster.on_any_host({flag})" for flag in ("rank == 1", "False")]
    body = f"print(cluster.collect(rank * 10), {', '.join(said)})"
    for name, (code, log, errors) in zip(NAMES, join(body, NAMES), strict=True):
        assert (code, errors) == (0, "")
        assert f"Hosts: 127.0.0.1 (leader), algo-2, algo-3; this is {name}.\n" in log
        assert "{'127.0.0.1': 0, 'algo-2': 10, 'algo-3': 20} True False\n" in log


def test_different_values_are_a_sentence_on_every_host(join):
    sentence = "They differ (127.0.0.1: 0, algo-2: 1): they must be the same on every host.\n"
    for code, _, errors in join('cluster.require_same(rank, "They differ")'):
        assert (code, errors) == (1, sentence)


@pytest.mark.parametrize("victim", [0, 1, 2])
def test_a_host_that_dies_ends_those_that_are_busy_and_has_a_name_c98(join, victim):
    # No call of the cluster would tell the others: they are in a long step.
    body = f"cluster.on_any_host(False)\nos._exit(9) if rank == {victim} else time.sleep(600)"
    ends = join(body, NAMES)
    assert ends.pop(victim)[0] == 9
    for code, _, errors in ends:
        assert (code, errors) == (1, GONE.format(NAMES[victim]))


@pytest.mark.parametrize("victim", [0, 1])
def test_a_users_mistake_on_one_host_ends_the_others_c98(join, victim):
    body = f"""
if rank == {victim}:
    raise TrainingFailure("It is broken.")
cluster.on_any_host(False)
"""
    ends = join(body)
    code, _, errors = ends.pop(victim)
    assert (code, errors) == (1, "It is broken.\n")
    assert ends[0][::2] == (1, f"Host {NAMES[victim]} failed: It is broken.\n")


@pytest.mark.parametrize("victim", [0, 1, 2])
def test_the_others_say_what_is_wrong_with_a_host_that_fails_c98(join, victim):
    body = f"""
cluster.barrier()
if rank == {victim}:
    raise ValueError("no such\\ncolumn") from KeyError("income")
time.sleep(600)
"""
    ends = join(body, NAMES)
    assert ends.pop(victim)[0] == 1
    cause = "ValueError: no such column (caused by KeyError: 'income')"
    for code, _, errors in ends:
        assert (code, errors) == (1, f"Host {NAMES[victim]} failed: {cause}\n")


def test_a_worker_that_dies_before_the_end_fails_the_leader_c98(join):
    leader, _ = join("os._exit(9) if rank == 1 else None")
    assert leader[::2] == (1, GONE.format("algo-2"))


def test_an_error_of_xgboost_that_is_none_of_the_network_is_shown_as_it_is(join):
    body = """
import xgboost
if rank == 1:
    xgboost.Booster(model_file="missing")
cluster.on_any_host(False)
"""
    leader, worker = join(body)
    assert leader[0] == 1
    assert leader[2].startswith("Host algo-2 failed: XGBoostError: ")
    assert worker[2].startswith("XGBoostError: ")


def test_a_host_that_does_not_come_has_a_name_f29(join, monkeypatch):
    monkeypatch.setenv("HOST_TIMEOUT", "1")
    (worker,) = join("pass", NAMES, ["algo-2"])
    assert worker[::2] == (1, SILENT.format("Host 127.0.0.1", 1))
    # The leader knows who is missing, and tells the other.
    monkeypatch.setenv("HOST_TIMEOUT", "8")
    for code, _, errors in join("pass", NAMES, ["127.0.0.1", "algo-2"]):
        assert (code, errors) == (1, SILENT.format("Host algo-3", 8))


@pytest.mark.parametrize("here", [["127.0.0.1"], ["algo-2"], ["127.0.0.1", "algo-2"]])
def test_a_stop_while_a_host_is_awaited_ends_at_once_c5(join, here):
    before = "threading.Timer(5, os.kill, (os.getpid(), signal.SIGTERM)).start()"
    ends = join("pass", NAMES, here, before)
    # One that leaves may leave first.
    sentences = ("Stopped by SIGTERM before the first step", "Host ")
    assert all(code == 1 and errors.startswith(sentences) for code, _, errors in ends)
    assert any(errors.startswith(sentences[0]) for _, _, errors in ends)


def test_a_host_that_is_silent_ends_all_at_the_time_out_f29(join, monkeypatch):
    monkeypatch.setenv("HOST_TIMEOUT", "8")
    body = "time.sleep(600) if rank == 1 else cluster.on_any_host(False)"
    for code, _, errors in join(body):
        assert (code, errors) == (1, SILENT.format("Host algo-2", 8))


def test_the_others_say_for_whom_they_wait_f29(join):
    body = """
cluster.WAITING_IS_LOGGED_EVERY = 0.1
if rank == 1:
    time.sleep(2)
cluster.on_any_host(False)
"""
    leader, worker = join(body)
    assert (leader[0], worker[0]) == (0, 0)
    assert "Waiting for algo-2 since 0 s.\n" in leader[1]


@pytest.mark.parametrize(
    "says",
    [
        r"b'GET / HTTP/1.1\r\n'",
        r"b'\xff\xfe\n'",
        r"b'a' * 100_000",
        r"b'algo-9\n'",
        r"b''",
        r"b'\x16\x03\x01\x02'",
    ],
)
def test_a_stranger_at_the_leaders_port_is_no_host(join, says):
    stranger = f"""
while rank == 1:
    try:
        strangers = [socket.create_connection(("127.0.0.1", cluster.PORT)) for _ in range(2)]
        for each in strangers:
            each.sendall({says})
        break
    except OSError:
        time.sleep(0.1)
"""
    assert [code for code, _, _ in join("pass", before=stranger)] == [0, 0]


def test_one_of_a_hosts_name_at_another_address_is_refused(join):
    # The names are addresses: what comes from 127.0.0.1 is not 127.0.0.2.
    body = "print(cluster.collect(rank))"
    before = """
here = (hosts.current, 0)
socket.create_connection = functools.partial(socket.create_connection, source_address=here)
if rank == 1:
    while True:
        try:
            stranger = socket.socket()
            stranger.bind(("127.0.0.3", 0))
            stranger.connect(("127.0.0.1", cluster.PORT))
            stranger.sendall(b"127.0.0.2\\n")
            print("told", stranger.makefile().readline())
            break
        except OSError:
            time.sleep(0.1)
"""
    leader, worker = join(body, ["127.0.0.1", "127.0.0.2"], before="import functools\n" + before)
    assert (leader[0], worker[0]) == (0, 0), leader[2] + worker[2]
    assert "told refused 127.0.0.2 is at 127.0.0.2, not at 127.0.0.3\n" in worker[1]


def test_a_second_host_of_the_same_name_is_refused_and_told(join):
    before = """
while rank == 1:
    try:
        first, second = (socket.create_connection(("127.0.0.1", cluster.PORT)) for _ in range(2))
    except OSError:
        time.sleep(0.1)
        continue
    first.sendall(b"algo-2\\n")
    second.sendall(b"algo-2\\n")
    print("told", second.makefile().readline(), flush=True)
    os._exit(9)
"""
    # The third host is awaited meanwhile.
    leader, worker = join("pass", NAMES, NAMES[:2], before)
    assert leader[::2] == (1, GONE.format("algo-2"))
    assert worker[1] == "told refused none of this name is awaited\n\n"


def test_one_host_opens_no_socket_and_answers_at_once_c100(monkeypatch):
    monkeypatch.setattr(socket, "socket", lambda *_, **__: pytest.fail("a socket on one host"))
    with cluster.join(ONE_HOST, StopRequest()):
        assert cluster.on_any_host(True) is True
        assert cluster.on_any_host(False) is False
        assert cluster.collect(7) == {"algo-1": 7}
        cluster.require_same(7, "Never said")


def test_a_time_out_that_is_no_number_is_one_sentence(join, monkeypatch):
    monkeypatch.setenv("HOST_TIMEOUT", "soon")
    (end,) = join("pass", started=["algo-2"])
    assert end[::2] == (1, 'HOST_TIMEOUT is "soon": it must be a number of seconds.\n')

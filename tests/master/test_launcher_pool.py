"""The master's launchers: one that cannot be started must not keep its clients waiting for ever."""

from __future__ import annotations

import os
import select
import signal
import socket
import subprocess
import sys
import time
from typing import cast

import pytest

from superd.ipc.running_table import Entry
from superd.launch_spec import Profile
from superd.log.log import Log
from superd.master import launcher_pool
from superd.master.assignment import Assignment, assign
from superd.master.lanes import LANES, MAX_LANES
from superd.master.launcher_child import LauncherProcess
from superd.master.launcher_pool import EARLY, MAX_FAILURES, LauncherPool
from superd.registry import Registry
from superd.rule import Policy
from superd.service import Service
from superd.settings import Settings
from superd.system.accounts import system_accounts
from tests.daemon_process import Superd, free_port, talk


def assigned(registry: Registry) -> Assignment:
    return assign(registry, Policy((), (), {}), system_accounts(), {}, root=os.geteuid() == 0, lanes=LANES)


def start_broken(*_: object, **__: object) -> LauncherProcess:
    """A launcher that cannot become its identity: it says so by its exit status, at once."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    theirs.close()
    process = subprocess.Popen([sys.executable, "-I", "-S", "-c", "import os; os._exit(77)"])
    process.returncode = 0
    return LauncherProcess(process.pid, ours)


def test_what_waits_for_a_launcher_that_never_starts_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launcher_pool, "start_launcher", start_broken)
    poll = select.poll()
    pool = LauncherPool(Log(Settings()), poll)
    service = Service.model_validate({"name": "cat", "server": "/bin/cat", "listen": ["127.0.0.1:7999"]})
    pool.assign(assigned(Registry({"cat": service}, Settings())))
    numbers = pool.launching.launchers_of["cat"]
    pairs = pool.take_new()
    assert set(pairs) == set(numbers)
    number = numbers[0]
    front = socket.socket(fileno=os.dup(pairs[number]))
    client, connection = socket.socketpair()
    socket.send_fds(front, [b"request"], [connection.fileno()])
    connection.close()
    now = 0.0
    for _ in range(MAX_FAILURES):
        assert pool.take_new() == {}
        for fd, _ in poll.poll(5000):
            pool.on_readable(fd)
        pid, status = os.waitpid(-1, 0)
        assert pool.ended(pid, status)
        now += 1e9
        pool.on_timer(now)
    assert list(pool.take_new()) == [number]
    pool.close_copies()
    assert client.recv(1) == b""  # closed with the pair that it waited in
    with pytest.raises(ConnectionResetError):
        front.recv(1)
    front.close()
    client.close()


def test_the_most_used_profiles_have_a_launcher_before_a_request(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[int] = []

    def start(profile: Profile, **_: object) -> LauncherProcess:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        started.append(profile.nice)
        theirs.close()
        return LauncherProcess(0, ours)

    monkeypatch.setattr(launcher_pool, "start_launcher", start)
    shared = {"server": "/bin/cat", "listen": ["127.0.0.1:7999"]}
    services = [Service.model_validate({"name": f"single{nice}", "nice": nice, **shared}) for nice in range(1, EARLY + 2)]
    services += [Service.model_validate({"name": f"many{number}", "nice": 9, **shared}) for number in range(3)]
    inside = {"type": "INTERNAL", "service": "echo", "listen": ["127.0.0.1:7998"]}
    services += [Service.model_validate({"name": f"echo{number}", "nice": 10, **inside}) for number in range(9)]
    registry = Registry({service.name: service for service in services}, Settings())
    pool = LauncherPool(Log(Settings()), select.poll())
    pool.assign(assigned(registry))
    assert started == []
    pool.start_early(registry)
    assert len(started) == EARLY
    assert 9 in started
    assert 10 not in started
    pool.start_early(registry)
    assert len(started) == EARLY
    pool.close()
    pool.close_copies()


def test_a_launcher_that_its_own_programs_stopped_is_replaced_and_one_that_goes_on_is_left_alone(superd: Superd) -> None:
    port = free_port()
    superd.service("cat", f'server = "/bin/cat"\nlisten = ["127.0.0.1:{port}"]\n')
    script = "from superd.master import launcher_pool; from superd.cli import main; import sys; "
    script += "launcher_pool.STOPPED_GRACE = 0.3; del sys.argv[1:4]; main()"
    superd.prefix = [sys.executable, "-c", script]
    superd.start()
    with socket.create_connection(("127.0.0.1", port)) as sock:
        sock.sendall(b"one")
        assert sock.recv(3) == b"one"
        (launcher,) = superd.launchers()
        os.kill(launcher, signal.SIGSTOP)
        os.kill(launcher, signal.SIGCONT)
        os.kill(launcher, signal.SIGSTOP)
        superd.message(" was stopped by a signal")
        superd.message(" ended (signal 9); its programs: cat 1; starting another")
        assert talk(port, b"hi") == b"hi"
        sock.sendall(b"two")
        assert sock.recv(3) == b"two"
    assert launcher not in superd.launchers()


def a_stopped_process(control: socket.socket) -> LauncherProcess:
    process = subprocess.Popen([sys.executable, "-I", "-S", "-c", "import os; os.kill(os.getpid(), 19)"])
    process.returncode = 0
    os.waitpid(process.pid, os.WUNTRACED)
    return LauncherProcess(process.pid, control)


def test_a_launcher_that_reads_nothing_holds_nothing_up_and_is_killed() -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    launcher = a_stopped_process(ours)
    with theirs, ours:
        assert launcher.stands_still()
        ended = os.pidfd_open(launcher.pid)
        while not select.select([ended], [], [], 0)[0]:
            launcher.configure({}, {})
        os.close(ended)
    assert os.waitpid(launcher.pid, 0)[1] == signal.SIGKILL


class Standing:
    """A launcher that stands still in a start, as far as its table says."""

    def __init__(self, pid: int, *entries: Entry) -> None:
        self.pid = pid
        self.entries = list(entries)
        self.control, self._other = socket.socketpair()

    def programs(self) -> list[Entry]:
        return self.entries

    def stands_still(self) -> bool:
        return False

    def configure(self, *_: object) -> None:
        pass

    def close(self) -> None:
        self.control.close()
        self._other.close()


def test_a_launcher_that_stands_still_gives_its_user_another_up_to_a_bound_and_a_busy_one_does_not() -> None:
    pool = LauncherPool(Log(Settings()), select.poll())
    services = {
        name: Service.model_validate({"name": name, "server": "/bin/cat", "listen": ["127.0.0.1:7999"], "nice": nice})
        for name, nice in (("cat", 0), ("dead", 0), ("other", 5))
    }
    assignment = assigned(Registry(services, Settings()))
    pool.assign(assignment)
    now = time.monotonic()
    indexes = {name: index for index, name in enumerate(["cat", "dead"])}
    pool._indexes.update(indexes)
    stuck, busy = Entry(0, 1, now - 5, indexes["dead"], "", 0), Entry(0, 1, now, indexes["dead"], "", 0)
    mine = [slot for slot in pool._slots.values() if slot.profile.nice == 0]
    assert [slot.number for slot in mine] == list(range(LANES))
    for slot in mine:
        slot.process = Standing(1000 + slot.number, busy)  # type: ignore[assignment]
    assert pool.stuck(0) is None
    assert pool.stuck(99) is None
    pool.take_new()
    assert pool.launching.launchers_of["cat"] == tuple(range(LANES))
    for number in range(MAX_LANES + 2):
        for slot in [slot for slot in pool._slots.values() if slot.profile.nice == 0]:
            if slot.process is None:
                slot.process = Standing(2000 + number, stuck)  # type: ignore[assignment]
            cast("Standing", slot.process).entries = [stuck]
        assert pool.stuck(0) == "dead"
    mine = [slot for slot in pool._slots.values() if slot.profile.nice == 0]
    assert len(mine) == MAX_LANES
    assert len(pool.launching.launchers_of["cat"]) == MAX_LANES
    assert pool.launching.launchers_of["other"] == tuple(range(LANES, 2 * LANES))
    pool.assign(assignment)  # a reload leaves them as they are
    assert len(pool.launching.launchers_of["cat"]) == MAX_LANES
    assert set(mine[-1].specs) == {"cat", "dead"}
    pool.close_copies()

"""When a front accepts: after it knows what runs, and by the batch while launchers are busy."""

from __future__ import annotations

import errno
import socket
from typing import Any, cast

import pytest
import trio
import trio.testing

from superd.front.stream.accepting import ADOPT_SECONDS, Accepting, log_overload
from superd.front.stream.passing_on import Waited, pass_on
from superd.net import peername
from tests.front.fakes import FakeLog


class Everything:
    """Gate, launches, carriers, listeners and arrivals: each call by its name, in order."""

    def __init__(self) -> None:
        self.happened: list[str] = []
        self.known = trio.Event()
        self.busy = False
        self.taken: list[Waited] = []

    async def adopted(self) -> None:
        await self.known.wait()

    def end_batch(self) -> None:
        self.happened.append("gate")

    def flush(self) -> None:
        self.happened.append("launches")

    def poll(self, seconds: float) -> bool:
        self.happened.append("poll")
        return True

    def on_ready(self, listener: object) -> None: ...

    def take_on(self, waited: Waited) -> None:
        self.taken.append(waited)

    async def run(self, on_ready: Any, on_batch_end: Any, on_busy: Any) -> None:
        self.happened.append("accept")
        self.on_batch_end, self.on_busy = on_batch_end, on_busy


@pytest.fixture
def parts() -> Everything:
    return Everything()


def accepting(parts: Everything, log: FakeLog) -> Accepting:
    part = cast("Any", parts)
    return Accepting(part, part, part, part, log)


async def test_nothing_is_accepted_until_what_runs_is_known(parts: Everything, nursery: trio.Nursery) -> None:
    nursery.start_soon(accepting(parts, FakeLog()).run, cast("Any", parts), None)
    await trio.testing.wait_all_tasks_blocked()
    assert parts.happened == []
    parts.known.set()
    await trio.testing.wait_all_tasks_blocked()
    assert parts.happened == ["accept"]


async def test_a_launcher_that_reports_nothing_is_waited_for_so_long(
    parts: Everything, autojump_clock: trio.testing.MockClock
) -> None:
    began = trio.current_time()
    await accepting(parts, FakeLog()).run(cast("Any", parts), None)
    assert trio.current_time() - began == pytest.approx(ADOPT_SECONDS)
    assert parts.happened == ["accept"]


async def test_the_clients_of_an_earlier_front_s_queue_come_first(parts: Everything) -> None:
    parts.known.set()
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as client:
        accepted, name = server.accept()
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with accepted, ours:
            pass_on(
                ours, [Waited("s", accepted.fileno(), peername.remote(name), peername.local_of(accepted.fileno()), None, 9.0)]
            )
        await accepting(parts, FakeLog()).run(cast("Any", parts), theirs.detach())
        (waited,) = parts.taken
        with socket.socket(fileno=waited.fd) as passed:
            assert passed.getpeername() == client.getsockname()


async def test_a_batch_ends_with_launches_and_lines_and_the_next_is_taken_at_once_while_launchers_are_busy(
    parts: Everything,
) -> None:
    parts.known.set()
    log = FakeLog()
    await accepting(parts, log).run(cast("Any", parts), None)
    parts.on_batch_end()
    assert parts.happened == ["accept", "gate", "launches"]
    assert log.flushes == 1
    assert not parts.on_busy()
    parts.busy = True
    assert parts.on_busy()
    assert parts.happened[3:] == ["poll"]


def test_a_pause_is_logged_with_its_reason() -> None:
    log = FakeLog()
    log_overload(log)(errno.EMFILE)
    [(level, _, text)] = log.take()
    assert level == "error"
    assert text.startswith("accepting pauses until there is room: Too many open files; raise LimitNOFILE in superd's unit")
    assert log.flushes == 1

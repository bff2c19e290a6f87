"""A connection that has to wait, from its first wait to its end: what it waits for, and what every end leaves."""

from __future__ import annotations

import signal
import socket
from pathlib import Path
from typing import Any

import pytest
import trio
import trio.lowlevel

from superd.front.sessions.live import SERVED, Stage
from superd.ipc.relay_messages import ECHO, RELAY
from superd.net import ident
from superd.record import Ending
from superd.verdict import Reason
from superd.wire.ident import Identity
from tests.front.fakes import CLIENT, service
from tests.front.fakes_of_connections import Front
from tests.waiting import until

NAMED: dict[str, Any] = {"only_from": [".example.org"]}


async def test_a_name_is_looked_up_once_and_the_program_gets_the_connection(nursery: trio.Nursery) -> None:
    front = Front(nursery, deny="cat: .example.net")
    front.names.name = "a.example.org"
    session = await front.connect(service(**NAMED))
    assert front.names.asked == ["192.0.2.7"]
    assert [handed[0] for handed in front.launchers.handed] == [session]
    assert session.record.peer is not None
    assert session.record.peer.name == "a.example.org"
    assert session.stage is Stage.DECIDED  # a launcher's report brings it on
    assert front.launchers.flushed == 1


async def test_a_name_that_does_not_come_in_time_is_unknown(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    front = Front(nursery, policy={"decide_timeout": 2})
    front.names.name = None
    began = trio.current_time()
    await front.connect(service(**NAMED))
    # The look-up has its two seconds, and the refused client two more to end its side.
    assert trio.current_time() - began == pytest.approx(4, abs=0.1)
    assert front.log.take()[0][:4] == ("FAIL", "s", 1, Reason.ADDRESS)
    assert front.parts.counts.total == 0


async def test_at_the_end_of_superd_a_look_up_is_not_waited_for(nursery: trio.Nursery) -> None:
    front = Front(nursery)
    front.names.name = None
    async with front.connected(service(**NAMED)) as (session, _):
        await trio.testing.wait_all_tasks_blocked()
        assert session.stage is Stage.WAITING
        assert session.running is not None
        session.running.signal(1, signal.SIGTERM)
    assert front.log.take()[0][3] is Reason.STOPPING


async def test_a_look_up_beyond_the_time_for_a_start_refuses(nursery: trio.Nursery) -> None:
    front = Front(nursery)
    front.names.name = None
    async with front.connected(service(**NAMED, limits={"start": 3})) as (session, _):
        await trio.testing.wait_all_tasks_blocked()
        front.parts.deadlines.end(session, Ending.START_LIMIT)
    assert front.log.take()[0][3] is Reason.START_LIMIT
    assert front.parts.counts.total == 0


@pytest.mark.parametrize(("status", "reason"), [(0, Reason.RULE_DENY), (1, None), (None, Reason.RULE_BROKEN)])
async def test_an_aclexec_that_does_not_end_refuses_in_hosts_deny_too(
    nursery: trio.Nursery, status: int | None, reason: Reason | None
) -> None:
    front = Front(nursery, deny="cat: ALL: aclexec /bin/check")
    front.launchers.status = status
    await front.connect(service())
    refused = [event[3] for event in front.log.take() if event[0] == "FAIL"]
    assert refused == ([reason] if reason else [])
    assert len(front.launchers.handed) == (0 if reason else 1)


async def test_the_options_of_a_rule_are_carried_out_in_order_once(nursery: trio.Nursery) -> None:
    front = Front(nursery, allow="cat: ALL: setenv A b: spawn first %a: aclexec second: severity mail.info: spawn third")
    await front.connect(service())
    assert [command for command, _, _ in front.launchers.commands] == ["first %a", "second", "third"]
    assert [len(steps) for _, steps, _ in front.launchers.commands] == [1, 1, 1]
    (_, _, how) = front.launchers.handed[0]
    assert len(how.steps) == 1
    assert how.values is not None
    assert how.values.a == "192.0.2.7"
    assert front.log.take()[0] == ("GRANTED", "s", "mail.info")


async def test_a_user_of_a_rule_that_no_launcher_is_for_refuses(nursery: trio.Nursery) -> None:
    front = Front(nursery, allow="cat: ALL: user alice.staff")
    await front.connect(service())
    assert front.log.take()[0][3] is Reason.RULE_BROKEN
    front.force.launcher_for = {("alice", "staff"): 7}
    await front.connect(service())
    assert front.launchers.handed[0][2].launcher == 7


async def test_idonly_refuses_a_client_that_ident_does_not_name(nursery: trio.Nursery, monkeypatch: pytest.MonkeyPatch) -> None:
    async def answer(*_: object) -> Identity:
        return Identity(failure="timeout")

    monkeypatch.setattr(ident, "ask", answer)
    front = Front(nursery)
    await front.connect(service(flags=["IDONLY"], server="/bin/cat", log_on_success=["USERID"]))
    assert front.log.take()[0][3] is Reason.IDENT


async def test_the_user_is_asked_for_while_the_program_runs(nursery: trio.Nursery, monkeypatch: pytest.MonkeyPatch) -> None:
    answered = trio.Event()

    async def answer(*_: object) -> Identity:
        await answered.wait()
        return Identity("joe", "UNIX : joe")

    monkeypatch.setattr(ident, "ask", answer)
    front = Front(nursery)
    async with front.connected(service(server="/bin/cat", log_on_success=["USERID"])) as (session, _):
        await trio.testing.wait_all_tasks_blocked()
        assert [handed[0] for handed in front.launchers.handed] == [session]
        assert len(front.room) == 1
        front.parts.book.started(session, 77)
        front.log.take()
        answered.set()
        await trio.testing.wait_all_tasks_blocked()
    assert front.log.take() == [("USER", "s", "UNIX : joe")]
    assert session.record.userid == "UNIX : joe"


async def test_a_refused_client_does_not_wait_for_its_ident_server(
    nursery: trio.Nursery, monkeypatch: pytest.MonkeyPatch
) -> None:
    answered = trio.Event()

    async def answer(*_: object) -> Identity:
        await answered.wait()
        return Identity("joe", "UNIX : joe")

    monkeypatch.setattr(ident, "ask", answer)
    front = Front(nursery, deny="ALL: ALL")
    async with front.connected(service(log_on_failure=["USERID"])) as (session, client):
        assert await client.recv(1) == b""
        assert session.stage is Stage.OVER
        assert [event[0] for event in front.log.take()] == ["FAIL"]
        assert len(front.room) == 1
        answered.set()
        await trio.testing.wait_all_tasks_blocked()
        assert front.log.take() == [("USER", "s", "UNIX : joe")]
        assert not len(front.room)


async def test_a_user_that_a_rule_asked_for_is_in_the_refused_client_s_one_line(
    nursery: trio.Nursery, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def answer(*_: object) -> Identity:
        return Identity("joe", "UNIX : joe")

    monkeypatch.setattr(ident, "ask", answer)
    front = Front(nursery, deny="ALL: joe@ALL")
    async with front.connected(service(log_on_failure=["USERID"])) as (session, client):
        assert await client.recv(1) == b""
        assert session.record.userid == "UNIX : joe"
    assert [event[0] for event in front.log.take()] == ["FAIL"]


async def test_banners_come_in_their_order_and_a_refusal_has_its_last_word(nursery: trio.Nursery, tmp_path: Path) -> None:
    for name in ("banner", "fail"):
        (tmp_path / name).write_text(f"{name}\n")
    front = Front(nursery, deny="ALL: ALL")
    refused = service(banner=str(tmp_path / "banner"), banner_fail=str(tmp_path / "fail"))
    async with front.connected(refused) as (session, client):
        received = b""
        while data := await client.recv(100):
            received += data
        assert received == b"banner\nfail\n"
        assert session.stage is Stage.OVER


async def test_a_client_that_does_not_read_its_banner_is_refused(
    nursery: trio.Nursery, tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    (tmp_path / "banner").write_bytes(b"x" * (1 << 20))
    autojump_clock.autojump_threshold = 0.05
    front = Front(nursery, policy={"banner_timeout": 3})
    await front.connect(service(banner=str(tmp_path / "banner")))
    assert front.log.take()[0][3] is Reason.BANNER


async def test_an_internal_service_without_an_end_of_its_own_goes_to_a_relay_and_lives(nursery: trio.Nursery) -> None:
    front = Front(nursery)
    async with front.connected(service(type=["INTERNAL"], service="echo", limits={"session": 60})) as (session, client):
        await until(lambda: front.carriers.carried)
        ((carried, mode, (fd,)),) = front.carriers.carried
        assert (carried, mode, session.stage) == (session, ECHO, Stage.SERVING)
        with socket.socket(fileno=fd) as sock:
            sock.send(b"hello")
        assert await client.recv(10) == b"hello"
    assert [event[0] for event in front.log.take()] == ["GRANTED", "START"]


async def test_an_internal_service_is_over_when_it_has_said_all(nursery: trio.Nursery) -> None:
    front = Front(nursery)
    async with front.connected(service(type=["INTERNAL"], service="daytime", limits={"session": 60})) as (_, client):
        assert (await client.recv(100)).endswith(b"\r\n")
    assert [event[0] for event in front.log.take()] == ["GRANTED", "START", "EXIT"]


async def test_a_redirect_goes_to_a_relay_with_the_connection_to_its_target(nursery: trio.Nursery) -> None:
    front = Front(nursery)
    with socket.create_server(("127.0.0.1", 0)) as target:
        async with front.connected(service(redirect=f"127.0.0.1:{target.getsockname()[1]}")) as (session, _):
            await until(lambda: front.carriers.carried)
            ((carried, mode, fds),) = front.carriers.carried
            assert (carried, mode, len(fds)) == (session, RELAY, 2)
            with target.accept()[0] as far, socket.socket(fileno=fds[1]) as near, socket.socket(fileno=fds[0]):
                near.send(b"x")
                assert far.recv(1) == b"x"
    assert [event[0] for event in front.log.take()] == ["GRANTED", "START"]


async def test_a_service_that_tcpmux_is_asked_for_is_admitted_by_its_own_rules(nursery: trio.Nursery) -> None:
    front = Front(nursery)
    front.force.services["open"] = service("open", type=["TCPMUXPLUS"], server="/bin/cat", port=None)
    front.force.services["shut"] = service("shut", type=["TCPMUX"], server="/bin/cat", no_access=["192.0.2.7"], port=None)
    mux = service("tcpmux", type=["INTERNAL"], service="tcpmux")
    async with front.connected(mux) as (_, client):
        await client.send(b"OPEN\r\nfor the program")
        assert await client.recv(100) == b"+Go\r\n"
    assert front.launchers.handed[0][0].service.name == "open"
    async with front.connected(mux) as (_, client):
        await client.send(b"shut\r\n")
        assert await client.recv(100) == b"-Service not available\r\n"
    (refused,) = (event for event in front.log.take() if event[0] == "FAIL")
    assert refused[1:4:2] == ("shut", Reason.ADDRESS)


async def test_a_service_that_tcpmux_is_asked_for_lets_its_clients_wait(nursery: trio.Nursery) -> None:
    front = Front(nursery)
    busy = service("busy", type=["TCPMUX"], server="/bin/cat", port=None, instances=1, at_limit="wait", queue=1)
    front.force.services["busy"] = busy
    running = front.parts.book.enter(busy, CLIENT, 1000.0)
    mux = service("tcpmux", type=["INTERNAL"], service="tcpmux")
    async with front.connected(mux) as (_, client), front.connected(mux) as (_, late):
        await client.send(b"busy\r\nhi")
        await until(lambda: front.queue.waiting("busy"))
        await late.send(b"busy\r\nhi")
        assert await late.recv(100) == b"-Service not available\r\n"
        front.parts.book.over(running, SERVED)
        front.queue.work()
    assert [session.service.name for session, _, _ in front.launchers.handed] == ["busy"]


async def test_a_fault_of_ours_ends_one_connection_with_a_line(nursery: trio.Nursery, monkeypatch: pytest.MonkeyPatch) -> None:
    front = Front(nursery)
    boom: Any = None
    monkeypatch.setattr(front.names, "name_of", boom)
    session = await front.connect(service(**NAMED))
    assert session.stage is Stage.OVER
    assert "a session failed: TypeError" in str(front.log.take())

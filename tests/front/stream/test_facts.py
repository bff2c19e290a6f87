"""What a decision needs to know: looked up once, all within one time, and unknown when it does not come."""

from __future__ import annotations

import pytest
import trio

from superd.front.stream import facts as module
from superd.front.stream.connection import Connection
from superd.front.stream.facts import ConnectionFacts
from superd.net import ident
from superd.verdict import STALE, Ask, Need
from superd.wire.ident import Identity
from tests.front.fakes import CLIENT, service
from tests.front.fakes_of_connections import SERVER, Front, pair


async def asked(front: Front) -> tuple[Connection, ConnectionFacts]:
    ours, theirs = pair()
    theirs.close()
    one = service()
    place = front.room.enter(one, CLIENT)
    assert place is not None
    stream = trio.socket.from_stdlib_socket(ours)
    connection = Connection(stream, front.parts.book.enter(one, CLIENT, 1000.0), CLIENT, SERVER, place)
    stream.close()
    facts = ConnectionFacts(front.trip, connection)
    facts.begin()
    return connection, facts


async def fail(ask: Ask) -> bool:
    raise AssertionError(ask)


async def test_a_name_is_asked_for_once_and_in_the_session_s_record(nursery: trio.Nursery) -> None:
    front = Front(nursery)
    front.names.name = "a.example.org"
    connection, facts = await asked(front)
    for _ in range(2):
        known = await facts.learn(Ask(Need.HOST_NAME), fail)
    assert (known.client.name, front.names.asked) == ("a.example.org", ["192.0.2.7"])
    assert connection.session.record.peer == connection.client
    assert (await facts.learn(Ask(Need.SERVER_NAME), fail)).server.name == "a.example.org"


async def test_all_look_ups_have_one_time_together(nursery: trio.Nursery, autojump_clock: trio.testing.MockClock) -> None:
    front = Front(nursery, policy={"decide_timeout": 2})
    front.names.name = None
    _, facts = await asked(front)
    began = trio.current_time()
    assert (await facts.learn(Ask(Need.HOST_NAME), fail)).client.name == "unknown"
    assert (await facts.learn(Ask(Need.SERVER_NAME), fail)).server.name == "unknown"
    assert trio.current_time() - began == pytest.approx(2)


async def test_the_user_is_asked_for_once(nursery: trio.Nursery, monkeypatch: pytest.MonkeyPatch) -> None:
    times: list[float] = []

    async def answer(client: object, server: object, seconds: float) -> Identity:
        times.append(seconds)
        return Identity("joe", "UNIX : joe")

    monkeypatch.setattr(ident, "ask", answer)
    front = Front(nursery, policy={"ident_timeout": 3})
    connection, facts = await asked(front)
    await facts.ask_user(1.5)
    assert (await facts.learn(Ask(Need.USER_NAME), fail)).client.user == "joe"
    assert (times, connection.session.record.userid) == ([1.5], "UNIX : joe")


async def test_a_netgroup_a_command_and_the_tables_are_remembered(nursery: trio.Nursery, monkeypatch: pytest.MonkeyPatch) -> None:
    async def member(group: str, host: str) -> bool:
        return group == "staff"

    async def run(ask: Ask) -> bool:
        return True

    monkeypatch.setattr(module, "member", member)
    front = Front(nursery, deny="cat: ALL: aclexec /bin/check")
    _, facts = await asked(front)
    known = await facts.learn(Ask(Need.NETGROUP, netgroup=("staff", "a")), fail)
    known = await facts.learn(Ask(Need.NETGROUP, netgroup=("other", "a")), fail)
    assert known.facts.netgroups == {("staff", "a"): True, ("other", "a"): False}
    known = await facts.learn(STALE, fail)
    assert known.tables is not None
    option = next(iter(known.tables.deny)).options[0]
    known = await facts.learn(Ask(Need.ACLEXEC, option), run)
    assert known.facts.aclexec == {option: True}
    assert known.tables is facts.known().tables

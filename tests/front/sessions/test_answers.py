"""The front's answers to the panel."""

from __future__ import annotations

import math
from typing import Any, cast

from superd.front.in_force import InForce
from superd.front.sessions.answers import Answers
from superd.front.sessions.live import Exited, Stage
from superd.ipc import panel_codec
from superd.ipc import panel_messages as messages
from superd.log.event import Event, Kind
from superd.log.ring import Ring
from superd.settings import Settings
from superd.syslog_priority import Level
from superd.verdict import Reason, Verdict
from superd.wishes import Ban
from tests.front.fakes import CLIENT, FakeRunning, Parts, peer, service


class Log:
    def __init__(self) -> None:
        self.recent = Ring()

    def backlog(self) -> tuple[int, int]:
        return 3, 4


class Fixture(Parts):
    def __init__(self, *names: str, **keys: Any) -> None:
        super().__init__()
        self.ring = Log()
        force = InForce(Settings())
        for name in names or ("s",):
            force.services[name] = service(name, **keys)
        self.services = force.services
        self.answers = Answers(self.view(force, leftovers=2), cast("Any", self.ring), self.clock)

    def ask(self, question: Any) -> tuple[messages.Answer, list[Any]]:
        return panel_codec.parse_answer(self.answers.answer(question))


def test_a_service_has_its_limits_counts_and_worst_reason() -> None:
    parts = Fixture(instances=3, per_source=2)
    session = parts.book.enter(parts.services["s"], CLIENT, parts.clock())
    parts.book.started(session, 7)
    for reason in (Reason.RATE, Reason.RATE, Reason.INSTANCES):
        parts.book.turned_away(parts.services["s"], CLIENT, Verdict(False, reason))
    _, (row,) = parts.ask(messages.AskServices(1, ""))
    assert (row.name, row.runs, row.running, row.limit, row.per_source) == ("s", "/bin/cat", 1, 3, 2)
    assert (row.minute, row.hour, row.refused_minute, row.refused_hour, row.worst) == (1, 1, 3, 3, "cps")
    assert (row.full, row.leftovers) == (60.0, 2)


def test_services_come_in_pages_by_name() -> None:
    parts = Fixture(*(f"s{number:03}" for number in range(messages.PAGE + 5)))
    answer, rows = parts.ask(messages.AskServices(1, ""))
    assert (len(rows), answer.more) == (messages.PAGE, rows[-1].name)
    answer, rows = parts.ask(messages.AskServices(2, answer.more))
    assert (len(rows), answer.more, answer.number) == (5, "", 2)


def test_one_service_has_its_minutes_and_reasons_and_an_unknown_one_nothing() -> None:
    parts = Fixture()
    parts.book.turned_away(parts.services["s"], CLIENT, Verdict(False, Reason.HOURS, detail="outside"))
    parts.clock.now += 5
    _, (row, minutes, reason) = parts.ask(messages.AskService(1, "s"))
    assert row.name == "s"
    assert (len(minutes.served), minutes.refused[-1]) == (60, "1")
    assert (reason.reason, reason.hour, reason.total, reason.peer, reason.ago) == ("time", 1, 1, CLIENT.address, 5.0)
    assert parts.ask(messages.AskService(1, "t"))[1] == []


def test_sessions_come_in_order_and_in_pages() -> None:
    parts = Fixture("a", "b")
    for number in range(messages.PAGE + 2):
        parts.book.enter(parts.services["ab"[number % 2]], peer("192.0.2.1", number), parts.clock())
    answer, rows = parts.ask(messages.AskSessions(1, "", -1))
    assert (len(rows), answer.more) == (messages.PAGE, str(rows[-1].conn))
    assert len(parts.ask(messages.AskSessions(1, "", rows[-1].conn))[1]) == 2
    assert {row.service for row in parts.ask(messages.AskSessions(1, "b", -1))[1]} == {"b"}
    assert (rows[0].peer, rows[0].stage) == ("192.0.2.1:0", "accepted")


def test_a_kick_signals_the_session_once_and_an_unknown_one_is_nothing() -> None:
    parts = Fixture()
    session = parts.book.enter(parts.services["s"], CLIENT, parts.clock())
    session.stage, session.running = Stage.RUNNING, FakeRunning()
    _, (row,) = parts.ask(messages.Kick(1, session.record.conn, False, False))
    assert row.conn == session.record.conn
    parts.ask(messages.Kick(1, session.record.conn, True, False))
    assert session.running.signals == [(row.conn, 15), (row.conn, 9)]
    assert session.record.ended_by == "kick"
    assert parts.ask(messages.Kick(1, 4711, False, False))[1] == []


def test_a_ban_ends_a_session_by_its_own_name() -> None:
    parts = Fixture()
    session = parts.book.enter(parts.services["s"], CLIENT, parts.clock())
    parts.ask(messages.Kick(1, session.record.conn, False, True))
    assert session.record.ended_by == "ban"


def test_events_have_their_fields_with_types() -> None:
    parts = Fixture()
    parts.ring.recent.add(Event(Kind.MESSAGE, Level.ERROR, 1.5, service="s", text="x", fields={"a": "b", "n": 3, "f": 0.5}))
    _, (row,) = parts.ask(messages.AskEvents(1, 0))
    assert (row.sequence, row.when, row.level, row.event, row.service, row.text) == (1, 1.5, "error", "message", "s", "x")
    assert (row.keys, row.values) == (("sa", "in", "ff"), ("b", "3", "0.5"))
    assert parts.ask(messages.AskEvents(1, 1))[1] == []


def test_counts_are_what_metrics_are_made_of() -> None:
    parts = Fixture()
    session = parts.book.enter(parts.services["s"], CLIENT, parts.clock())
    parts.clock.now += 0.01
    parts.book.started(session, 5)
    parts.book.over(session, Exited(0, 2.0))
    parts.book.turned_away(parts.services["s"], CLIENT, Verdict(False, Reason.RATE))
    _, (row,) = parts.ask(messages.AskCounts(1, ""))
    assert (row.started, row.running, row.reasons, row.refused, row.exits) == (1, 0, ("cps",), ("1",), ("1", "0", "0"))
    assert (row.seconds_sum, row.seconds.index("1"), row.launch.index("1")) == (2.0, 2, 2)


def test_a_client_is_held_against_bans_and_counts() -> None:
    parts = Fixture(per_source=2)
    parts.book.enter(parts.services["s"], CLIENT, parts.clock())
    parts.world.wished.replace([(Ban("192.0.2.0/24", "", 0.0, 0.0, 0), 9.0)], (), parts.clock())
    _, (row,) = parts.ask(messages.AskClient(1, "s", CLIENT.address))
    assert row == messages.ClientRow("192.0.2.0/24", "", 1, -1, 1, 2, "", "", False)
    assert parts.ask(messages.AskClient(1, "s", "evil"))[1] == []
    assert parts.ask(messages.AskClient(1, "t", "::1"))[1] == []
    assert parts.ask(messages.AskBans(1, 0))[1] == [messages.BanRow("192.0.2.0/24", "", 0)]


def test_a_client_that_is_too_quick_gets_an_answer_and_not_counted() -> None:
    parts = Fixture(limits={"source_rate": (1, 2)})
    access = parts.services["s"].access
    for refused in ("", "", "source_rate", "source_rate"):
        _, (row,) = parts.ask(messages.AskClient(1, "s", CLIENT.address))
        assert row.refused == refused
        access.over_rate(CLIENT, parts.clock())


def test_the_front_as_a_whole() -> None:
    parts = Fixture()
    parts.clock.now += 7
    _, (row,) = parts.ask(messages.AskFront(1))
    assert (row.sessions, row.waiting, row.sensor, row.log_waiting, row.log_lost, row.age) == (0, 0, 0, 3, 4, 7.0)


def test_what_a_sensor_banned_is_named_and_lifted() -> None:
    parts = Fixture()
    other = peer("192.0.2.8")
    parts.world.sensors.ban((4, CLIENT.number), "sensor trap", 120.0, parts.clock())
    parts.world.sensors.ban((4, other.number), "sensor trap", math.inf, parts.clock())
    rows = [
        messages.PenaltyRow("", CLIENT.address, 120.0, 0, "sensor trap 1"),
        messages.PenaltyRow("", other.address, 0.0, 0, "sensor trap 1"),
    ]
    assert parts.ask(messages.AskPenalties(1, 0))[1] == rows
    assert parts.ask(messages.AskClient(1, "s", CLIENT.address))[1][0].sensor == "for another 120 s: sensor trap 1"
    assert parts.ask(messages.Lift(1, "nonsense", ""))[1] == []
    assert parts.ask(messages.Lift(1, "203.0.113.0/24", ""))[1] == []
    assert parts.ask(messages.Lift(1, "192.0.2.0/24", "s"))[1] == []  # a service's alone
    assert parts.ask(messages.Lift(1, "192.0.2.0/24", ""))[1] == rows
    assert parts.ask(messages.AskPenalties(1, 0))[1] == []


def test_penalties_are_forgiven_by_service_and_network() -> None:
    parts = Fixture(limits={"penalties": {"refused": 20}, "v4_prefix": 24})
    for address in ("192.0.2.7", "198.51.100.7"):
        parts.book.turned_away(parts.services["s"], peer(address), Verdict(False, Reason.ADDRESS))
    row = messages.PenaltyRow("s", "192.0.2.0/24", 20.0, 0, "refused 1")
    assert parts.ask(messages.Lift(1, "192.0.2.7", "other"))[1] == []
    assert parts.ask(messages.Lift(1, "192.0.2.7", "s"))[1] == [row]
    assert [row.source for row in parts.ask(messages.AskPenalties(1, 0))[1]] == ["198.51.100.0/24"]


def test_a_source_with_penalties_is_named() -> None:
    parts = Fixture(limits={"penalties": {"refused": 20}})
    parts.book.turned_away(parts.services["s"], CLIENT, Verdict(False, Reason.ADDRESS))
    (row,) = parts.ask(messages.AskPenalties(1, 0))[1]
    assert row == messages.PenaltyRow("s", CLIENT.address, 20.0, 0, "refused 1")
    assert parts.ask(messages.AskPenalties(1, 1))[1] == []

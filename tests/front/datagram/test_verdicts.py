"""Verdicts on datagrams: nothing is waited for, what is not known refuses, and a flood writes a few lines."""

from __future__ import annotations

from typing import Any, cast

import pytest

from superd.front.datagram.verdicts import LINES, WINDOW, DatagramVerdicts
from superd.front.gate.conditions import FrontConditions
from superd.front.gate.gate import Gate
from superd.front.in_force import InForce
from superd.net.listener import Listener
from superd.settings import Settings
from superd.verdict import Reason, Verdict
from tests.front.fakes import CLIENT, Parts, peer, service
from tests.front.fakes_of_connections import FakeLaunchers, FakeTables


class FakeSenders:
    """Names that are cached, or asked for."""

    def __init__(self) -> None:
        self.names: dict[str, str] = {}
        self.asked: list[str] = []

    def name_of(self, address: str) -> str | None:
        self.asked.append(address)
        return self.names.get(address)


class FakeListener:
    class address:
        port = 7


LISTENER = cast("Listener", FakeListener())


class Desk:
    """Verdicts with fakes around them."""

    def __init__(self, allow: str = "", deny: str = "") -> None:
        self.parts, self.names, self.commands = Parts(), FakeSenders(), FakeLaunchers()
        force, world = InForce(Settings()), FrontConditions(Settings())
        self.gate = Gate(force, FakeTables(allow, deny), self.parts.counts, world, self.parts.clock)
        self.verdicts = DatagramVerdicts(
            self.gate, cast("Any", self.names), self.commands, self.parts.book, self.parts.log, self.parts.clock
        )  # fmt: skip

    def check(self, address: str = "192.0.2.7", **keys: Any) -> Verdict:
        one = service(socket_type="dgram", type=["INTERNAL"], service="echo", libwrap="cat", **keys)
        return self.verdicts.check(one, peer(address), LISTENER, self.gate.own_rules(one))


@pytest.mark.parametrize(
    ("keys", "reason"),
    [
        ({}, Reason.NO_RULE),
        ({"no_access": ["192.0.2.7"]}, Reason.ADDRESS),
        ({"access_times": ["00:00-00:01"]}, Reason.HOURS),
        ({"max_load": 1e-9}, Reason.LOAD),
        ({"instances": 0}, Reason.INSTANCES),
        ({"only_from": [".example.org"]}, Reason.DECIDE_TIMEOUT),
    ],
)
def test_an_internal_service_has_all_of_its_own_rules(
    keys: dict[str, Any], reason: Reason, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Hours, load and instances were not asked: daytime over UDP answered outside its hours, over TCP it did not."""
    desk = Desk()
    monkeypatch.setattr(FrontConditions, "load", lambda self, now: 1.0)
    monkeypatch.setattr(FrontConditions, "minute_of_week", lambda self: (0, 600))
    assert desk.check(**keys).reason is reason


def test_a_name_is_looked_up_for_the_next_datagram() -> None:
    desk = Desk(deny="cat: .example.org")
    assert desk.check().reason is Reason.DECIDE_TIMEOUT
    desk.names.names["192.0.2.7"] = "a.example.org"
    assert desk.check().reason is Reason.RULE_DENY
    desk.names.names["192.0.2.7"] = "a.example.net"
    assert desk.check().admit


def test_what_a_datagram_cannot_answer_is_not_waited_for() -> None:
    assert Desk(deny="cat: @hosts").check().reason is Reason.DECIDE_TIMEOUT
    assert Desk(deny="cat: ALL: aclexec /bin/true").check().reason is Reason.DECIDE_TIMEOUT
    assert Desk(deny="cat: KNOWN@ALL").check().reason is not Reason.DECIDE_TIMEOUT  # its user is unknown, and that is known
    assert Desk(allow="cat: ALL: twist /bin/echo").check().reason is Reason.RULE_DENY


def test_commands_of_a_rule_are_begun_and_not_waited_for() -> None:
    desk = Desk(deny="cat: ALL: setenv A b: spawn log %a")
    assert not desk.check().admit
    assert [(text, len(steps)) for text, steps, _ in desk.commands.commands] == [("log %a", 1)]


def test_a_flood_of_forged_senders_writes_a_few_lines_and_then_how_many_more() -> None:
    desk, one = Desk(), service(socket_type="dgram")
    for number in range(1000):
        desk.verdicts.refused(one, peer(f"10.0.{number // 256}.{number % 256}"), Verdict(False, Reason.RULE_DENY))
    assert len(desk.parts.log.take()) == LINES
    desk.verdicts.refused(one, CLIENT, Verdict(False, Reason.RATE))
    assert len(desk.parts.log.take()) == 1  # another reason has lines of its own
    desk.parts.clock.now += WINDOW
    desk.verdicts.refused(one, CLIENT, Verdict(False, Reason.RULE_DENY))
    line, more = desk.parts.log.take()
    assert (line[:2], line[3]) == (("FAIL", "s"), Reason.RULE_DENY)
    assert line[2] > 0
    assert more == ("warning", "s", f"{1000 - LINES} more datagrams refused before: libwrap")
    assert sum(last.total for last in desk.parts.book.tallies.of("s").reasons.values()) == 1002


def test_in_xinetds_style_answers_are_logged_too_and_as_few() -> None:
    desk, one = Desk(), service(socket_type="dgram", type=["INTERNAL"], service="echo", log_style="xinetd")
    for number in range(100):
        desk.verdicts.answered(one, peer(f"10.0.0.{number}"))
        desk.verdicts.refused(one, peer(f"10.0.0.{number}"), Verdict(False, Reason.ADDRESS))
    assert len(desk.parts.log.take()) == 2 * LINES
    desk.verdicts.answered(service(socket_type="dgram", type=["INTERNAL"], service="echo"), CLIENT)
    assert desk.parts.log.take() == []

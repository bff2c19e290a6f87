"""The gate's first answer and its last: what may be served at once, what waits, what is refused, and by what."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from superd.config.hosts.tables import parse
from superd.front.gate.compiled_service import CompiledService
from superd.front.gate.conditions import FrontConditions
from superd.front.gate.gate import Gate
from superd.front.in_force import InForce
from superd.front.sessions.live import LiveSession
from superd.occupancy import Occupancy
from superd.peer import Peer
from superd.policy.deciding import Known
from superd.policy.hosts_access import Tables, compile_policy
from superd.record import SessionRecord
from superd.rule import Policy
from superd.settings import Settings
from superd.verdict import ADMITTED, STALE, Ask, Need, Reason, Verdict
from tests.clock import Clock
from tests.front.fakes import CLIENT, service

SERVER = Peer("192.0.2.1", 4, 0xC0000201, 7)


class FakePolicy:
    """Tables that are in force, or that have changed."""

    def __init__(self, allow: str = "", deny: str = "") -> None:
        rules = parse(allow.encode(), "hosts.allow", "allow")[0], parse(deny.encode(), "hosts.deny", "deny")[0]
        self.tables = compile_policy(Policy(*rules, {}))
        self.stale = False
        self.looks = self.refreshed = 0

    def current(self) -> Tables | None:
        self.looks += 1
        return None if self.stale else self.tables

    async def fresh(self) -> Tables:
        return self.tables

    def refresh(self) -> None:
        self.refreshed += 1

    def in_force(self) -> Tables:
        return self.tables


class Parts:
    def __init__(self, allow: str = "", deny: str = "") -> None:
        self.policy = FakePolicy(allow, deny)
        self.counts, self.world = Occupancy(), FrontConditions(Settings())
        self.force = InForce(Settings())
        self.gate = Gate(self.force, self.policy, self.counts, self.world, Clock())

    def look(self, service: CompiledService, client: Peer = CLIENT) -> Verdict | Ask:
        return self.gate.first_look(service, client, lambda: SERVER, 1000.0)

    async def settle(self, service: CompiledService, first: Verdict | Ask, **names: str) -> tuple[list[Need], Verdict]:
        self.force.services[service.name] = service
        needs, known = list[Need](), Known(CLIENT, SERVER)

        async def learn(ask: Ask) -> Known:
            nonlocal known
            needs.append(ask.need)
            if ask.need is Need.FRESH_TABLES:
                known = replace(known, tables=self.policy.tables)
            else:
                known = replace(known, client=replace(known.client, name=names["name"]))
            return known

        return needs, await self.gate.settle(service, counted(service), known, first, learn)


def counted(service: CompiledService) -> LiveSession:
    """A session that is counted as the gate has it."""
    return LiveSession(SessionRecord(1, service.service, CLIENT, 0.0), service, service.access.counted_source(CLIENT))


@pytest.mark.parametrize(
    ("allow", "deny", "keys", "answer"),
    [
        ("", "", {}, ADMITTED),
        ("cat: 192.0.2.7", "ALL: ALL", {}, Reason.RULE_ALLOW),
        ("", "ALL: ALL", {"flags": ["NOLIBWRAP"], "server": "/bin/cat"}, ADMITTED),
        ("", "ALL: ALL", {}, Reason.RULE_DENY),
        ("", "", {"no_access": ["192.0.2.7"]}, Reason.ADDRESS),
        ("ALL: ALL", "", {"instances": 0}, Reason.INSTANCES),
        ("", "", {"only_from": [".example.org"]}, Need.HOST_NAME),
        ("", "ALL: .example.org", {}, Need.HOST_NAME),
        ("", "ALL: ALL: spawn true", {}, Reason.RULE_DENY),
        ("ALL: ALL: spawn true", "", {}, Reason.RULE_ALLOW),
    ],
)
def test_the_first_look_says_what_can_be_said_without_waiting(
    allow: str, deny: str, keys: dict[str, Any], answer: object
) -> None:
    first = Parts(allow, deny).look(service(**keys))
    if answer is ADMITTED:
        assert first is ADMITTED  # by identity, or the fast way would not be taken
    else:
        assert (first.need if isinstance(first, Ask) else first.reason) is answer


def test_tables_are_compared_with_their_files_once_a_batch_and_stale_ones_decide_nothing() -> None:
    parts = Parts()
    assert parts.look(service()) is parts.look(service()) is ADMITTED
    assert parts.policy.looks == 1
    parts.policy.stale = True
    parts.gate.end_batch()
    assert parts.look(service()) is STALE
    assert parts.gate.tables_at_hand() is parts.policy.tables
    assert parts.policy.refreshed == 1


async def test_own_rules_that_asked_for_the_name_are_asked_again_and_the_session_does_not_count_against_itself() -> None:
    parts, one = Parts(deny="cat: .example.net"), service(only_from=[".example.org"], instances=1, cps=[1, 60])
    first = parts.look(one)
    assert isinstance(first, Ask)
    assert first.own
    parts.counts.enter("s", None)
    needs, verdict = await parts.settle(one, first, name="a.example.org")
    assert (needs, verdict.admit) == ([Need.HOST_NAME, Need.FRESH_TABLES], True)
    assert parts.counts.by_service == {"s": 1}
    _, refused = await parts.settle(one, first, name="a.example.com")
    assert refused.reason is Reason.ADDRESS


async def test_what_the_tables_asked_for_takes_no_second_token_of_a_rate() -> None:
    parts, one = Parts(deny="cat: .example.net"), service(server="/bin/cat", cps=[1, 60])
    first = parts.look(one)
    assert isinstance(first, Ask)
    assert not first.own
    _, verdict = await parts.settle(one, first, name="a.example.org")
    assert verdict.admit


async def test_a_refusal_stays_one_and_a_removed_service_admits_no_client() -> None:
    parts, one = Parts(), service(only_from=[".example.org"])
    refusal = Verdict(False, Reason.RATE)
    assert (await parts.settle(one, refusal))[1] is refusal
    first = parts.look(one)
    own = parts.gate._own_again(one, counted(one))
    parts.force.services.clear()
    assert isinstance(first, Ask)
    answer = own(CLIENT)
    assert isinstance(answer, Verdict)
    assert answer.reason is Reason.STOPPING


def test_a_program_that_accepts_by_itself_stays_closed_while_a_rule_names_it() -> None:
    assert Parts().gate.unseen(service()) == ADMITTED
    closed = Parts(deny="cat: 198.51.100.1").gate.unseen(service())
    assert isinstance(closed, Verdict)
    assert not closed.admit
    parts = Parts()
    parts.policy.stale = True
    assert parts.gate.unseen(service()) is STALE

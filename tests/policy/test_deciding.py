"""In which order is asked, and what is never asked twice."""

from __future__ import annotations

from dataclasses import replace

from superd.config.hosts.tables import parse
from superd.peer import Peer, peer_from_text
from superd.policy.deciding import Known, deciding, drive, nothing_own
from superd.policy.hosts_access import Tables, compile_policy
from superd.rule import Policy
from superd.verdict import ADMITTED, STALE, Ask, Need, Reason, Verdict

CLIENT, SERVER = peer_from_text("192.0.2.7"), Peer("unknown", 0, 0, name="unknown")
REFUSAL = Verdict(False, Reason.ADDRESS)


def tables(deny: str) -> Tables:
    return compile_policy(Policy((), parse(deny.encode(), "hosts.deny", "deny")[0], {}))


class Own:
    """A service's own rules that want the client's name first."""

    def __init__(self, answer: Verdict) -> None:
        self.answer = answer
        self.asked: list[str] = []

    def __call__(self, client: Peer) -> Verdict | Ask:
        self.asked.append(client.name)
        return self.answer if client.name else Ask(Need.HOST_NAME, own=True)


def ask(own: Own, known: Known, *, wrapped: bool = True) -> tuple[list[Need], Verdict]:
    needs: list[Need] = []

    def learn(question: Ask) -> Known:
        nonlocal known
        needs.append(question.need)
        if question.need is Need.FRESH_TABLES:
            known = replace(known, tables=tables("cat: .example.org"))
        else:
            known = replace(known, client=replace(known.client, name="a.example.org"))
        return known

    return needs, drive(deciding(own, "cat", known, wrapped=wrapped), learn)


def test_the_services_own_rules_come_first_and_then_the_tables_with_the_same_name() -> None:
    own = Own(ADMITTED)
    needs, verdict = ask(own, Known(CLIENT, SERVER))
    assert needs == [Need.HOST_NAME, Need.FRESH_TABLES]
    assert own.asked == ["", "a.example.org"]
    assert (verdict.admit, verdict.reason) == (False, Reason.RULE_DENY)


def test_what_the_service_refuses_is_not_held_against_the_tables() -> None:
    needs, verdict = ask(Own(REFUSAL), Known(CLIENT, SERVER))
    assert (needs, verdict) == ([Need.HOST_NAME], REFUSAL)


def test_a_service_without_wrappers_never_asks_for_the_tables() -> None:
    needs, verdict = ask(Own(ADMITTED), Known(replace(CLIENT, name="a.example.org"), SERVER), wrapped=False)
    assert (needs, verdict) == ([], ADMITTED)


def test_tables_that_have_to_be_read_are_asked_for_before_anything_else_of_theirs() -> None:
    question = deciding(nothing_own, "cat", Known(CLIENT, SERVER))
    assert next(question) is STALE
    assert question.send(Known(CLIENT, SERVER, tables("cat: .example.org"))) == Ask(Need.HOST_NAME)

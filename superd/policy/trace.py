"""Every rule that a decision looked at, and why each did not match. Asks ``decide`` itself: there is no second opinion.

A service's own lists are shown the same way, from the verdict that ``admit`` gave.

Runs in: the operator's commands. Pure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from superd.frozen import frozen
from superd.policy.address_pattern import lower
from superd.policy.addresses import AddressList
from superd.policy.facts import Facts
from superd.policy.hosts_access import decide, rule_match, split_at_sign
from superd.policy.penalties import Cause
from superd.verdict import Ask, Reason, Verdict

if TYPE_CHECKING:
    from collections.abc import Mapping

    from superd.peer import Peer
    from superd.policy.hosts_access import Tables
    from superd.rule import Option, Rule
    from superd.service import Service

_ANY = ("ALL",)


@frozen
class Look:
    """One rule that was tried. ``why_not`` is empty for the rule that decided."""

    rule: Rule
    why_not: str = ""

    def __str__(self) -> str:
        said = f"does not match: {self.why_not}" if self.why_not else "matches"
        return f"{self.rule.origin}: {said}: {self.rule.text}"


class _AllSucceed(dict["Option", bool]):
    """A try runs nothing: every aclexec counts as if it had succeeded, as in tcpdmatch."""

    def get(self, key: Option, default: object = None) -> bool:
        return True


def dry_facts(netgroups: Mapping[tuple[str, str], bool]) -> Facts:
    """The facts of a try."""
    return Facts(netgroups, _AllSucceed())


def trace(tables: Tables, daemon: str, client: Peer, server: Peer, facts: Facts) -> tuple[tuple[Look, ...], Verdict | Ask]:
    """The rules in the order they are looked at, up to the one that decides, and the decision."""
    verdict = decide(tables, daemon, client, server, facts)
    looks: list[Look] = []
    for table in (tables.allow, tables.deny):
        for rule in table:
            answer = rule_match(rule, daemon, client, server, facts, tables.files)
            if isinstance(answer, Ask):
                looks.append(Look(rule, f"it hangs on {answer.need.value}"))
                return tuple(looks), verdict
            if answer:
                looks.append(Look(rule))
                return tuple(looks), verdict
            looks.append(Look(rule, _why_not(rule, tables, daemon, client, server, facts)))
    return tuple(looks), verdict


def _why_not(rule: Rule, tables: Tables, daemon: str, client: Peer, server: Peer, facts: Facts) -> str:
    """Which of the two lists fails, and on what, found out by asking for parts of the rule as rules."""

    def matches(daemons: tuple[str, ...], clients: tuple[str, ...]) -> bool:
        part = type(rule)(rule.table, daemons, clients, (), rule.origin)
        return rule_match(part, daemon, client, server, facts, tables.files) is True

    if not matches(rule.daemons, _ANY):
        if matches(_before_except(rule.daemons), _ANY):
            return f"its daemon list excepts {daemon}"
        host = next((token for token in rule.daemons if matches((token.partition("@")[0] or token,), _ANY)), "")
        return f"this is not the server of `{host}`" if host else f"its daemon list does not name {daemon}"
    who = client.name if client.name not in ("", "unknown", "paranoid") else client.address or client.name
    if matches(_ANY, _before_except(rule.clients)):
        return f"its client list excepts {who}"
    for token in rule.clients:
        parts = split_at_sign(token)
        if parts is not None and parts[1] and matches(_ANY, (parts[1],)):
            return f"the user would have to be `{parts[0]}`, and is {client.user or 'unknown'}"
    return f"its client list does not name {who}"


def _before_except(words: tuple[str, ...]) -> tuple[str, ...]:
    for index, word in enumerate(words):
        if lower(word) == "except":
            return words[:index]
    return words


_KEYS = {
    Reason.SENSOR: "flags",
    Reason.LOAD: "max_load",
    Reason.HOURS: "access_times",
    Reason.INSTANCES: "instances",
    Reason.PER_SOURCE: "per_source",
    Reason.RATE: "cps",
    Reason.SOURCE_LIMIT: "limits.source",
    Reason.PENALTY: "limits.penalties",
}


def deciding_key(verdict: Verdict) -> str:
    """The key of the service that refused."""
    if verdict.reason is Reason.ADDRESS:
        return "no_access" if "no_access" in verdict.detail else "only_from"
    return _KEYS.get(verdict.reason, "")


def own_rules(service: Service, peer: Peer, verdict: Verdict | None) -> tuple[tuple[str, str], ...]:
    """(key, what it says of the peer) for the service's own rules in the order of ``admit``, up to the one that refused."""
    last = "" if verdict is None else deciding_key(verdict)
    told: list[tuple[str, str]] = []
    keys = service.limits.penalties
    costs = [f"{cause.value} {seconds:g} s" for cause in Cause if (seconds := getattr(keys, cause.value)) is not None]
    if costs and keys.exempt_words and AddressList(keys.exempt_words).matches(peer) is True:
        told.append(("limits.penalties", f"has no penalties for {peer.address}: it is in exempt"))
    elif costs:
        told.append(("limits.penalties", f"may refuse {peer.address} after {', '.join(costs)}, {keys.max:g} s at most"))
        if keys.exempt_names:
            told.append(("limits.penalties", f"but not the addresses of {', '.join(keys.exempt_names)}"))
    for key, words in (("no_access", service.no_access or None), ("only_from", service.only_from)):
        if words is not None:
            word = next((word for word in words if AddressList((word,)).matches(peer) is True), "")
            told.append((key, f"names {peer.address}: `{word}`" if word else f"does not name {peer.address}"))
        if last and key == last:
            return tuple(told)
    if last == "flags":
        return (*told, (last, "SENSOR: every client is refused and banned"))
    for key, value, text in (
        ("max_load", service.max_load, f"is {service.max_load}"),
        ("access_times", service.access_times, f"are {' '.join(service.access_times)}"),
    ):
        if value:
            told.append((key, text + ("" if key != last else f": {verdict.detail}" if verdict is not None else "")))
        if key == last:
            return tuple(told)
    if verdict is not None:
        told.append((last, verdict.detail))
    return tuple(told)

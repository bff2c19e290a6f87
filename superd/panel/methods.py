"""The methods of the control socket: one closed table of names, parameters, rights and what carries them out.

Runs in: panel. Never: carries anything out itself.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from typing import Any

from superd import __version__
from superd.frozen import frozen
from superd.panel import changes, queries
from superd.panel.counting import get_counts
from superd.panel.interface import DESCRIPTION, INTERFACE
from superd.panel.steps import Call, Method, Refusal, Step
from superd.wire.varlink import SERVICE, MethodCall

MAX_TEXT = 256
MAX_LIST = 1024
"""Items of a list in a call: ids to kick, services to drain."""


def _text(value: object) -> bool:
    return isinstance(value, str) and len(value) <= MAX_TEXT


def _texts(value: object) -> bool:
    return isinstance(value, list) and len(value) <= MAX_LIST and all(map(_text, value))


def _number(value: object) -> bool:
    return type(value) is int and 0 <= value < 1 << 53


def _seconds(value: object) -> bool:
    return isinstance(value, (int, float)) and type(value) is not bool and 0 <= value <= 3.2e9


def _truth(value: object) -> bool:
    return type(value) is bool


Check = Callable[[object], bool]


@frozen
class _Rule:
    """``needed`` must be in a call, ``optional`` may be. ``changes``: only for those who may change things."""

    run: Callable[[Call], Method]
    needed: Mapping[str, Check]
    optional: Mapping[str, Check]
    changes: bool = False


def _info(call: Call) -> Method:
    return {
        "vendor": "superd", "product": "superd", "version": __version__, "url": "", "interfaces": [SERVICE, INTERFACE],
    }  # fmt: skip
    yield


def _describe(call: Call) -> Generator[Step, Any, dict[str, Any]]:
    description = DESCRIPTION.get(call.text("interface"))
    if description is None:
        raise Refusal(f"{SERVICE}.InterfaceNotFound", interface=call.text("interface"))
    return {"description": description}
    yield


TABLE: dict[str, _Rule] = {
    f"{SERVICE}.GetInfo": _Rule(_info, {}, {}),
    f"{SERVICE}.GetInterfaceDescription": _Rule(_describe, {"interface": _text}, {}),
    f"{INTERFACE}.GetStatus": _Rule(queries.get_status, {}, {}),
    f"{INTERFACE}.GetService": _Rule(queries.get_service, {"service": _text}, {}),
    f"{INTERFACE}.ListSessions": _Rule(
        queries.list_sessions,
        {},
        {"service": _text, "source": _text, "older_than": _seconds, "after": _text, "limit": _number},
    ),
    f"{INTERFACE}.ListBans": _Rule(queries.list_bans, {}, {"after": _text, "limit": _number}),
    f"{INTERFACE}.ListEvents": _Rule(
        queries.list_events,
        {},
        {"service": _text, "source": _text, "reason": _text, "event": _text, "limit": _number, "follow": _truth},
    ),
    f"{INTERFACE}.GetCounts": _Rule(get_counts, {}, {}),
    f"{INTERFACE}.Explain": _Rule(queries.explain, {"service": _text, "address": _text}, {}),
    f"{INTERFACE}.Kick": _Rule(
        changes.kick,
        {},
        {"ids": _texts, "source": _text, "service": _text, "now": _truth, "dry_run": _truth},
        changes=True,
    ),
    f"{INTERFACE}.Ban": _Rule(
        changes.ban,
        {"address": _text},
        {"seconds": _seconds, "service": _text, "because": _text, "keep": _truth, "yes": _truth, "own": _texts},
        changes=True,
    ),
    f"{INTERFACE}.Unban": _Rule(changes.unban, {"address": _text}, {"service": _text}, changes=True),
    f"{INTERFACE}.Pause": _Rule(
        changes.pause, {"services": _texts}, {"refuse": _truth, "because": _text, "drain": _truth}, changes=True
    ),
    f"{INTERFACE}.Resume": _Rule(changes.resume, {"services": _texts}, {}, changes=True),
    f"{INTERFACE}.Reload": _Rule(changes.reload, {}, {"dry_run": _truth}, changes=True),
}


def find_method(call: MethodCall, uid: int, *, may_change: bool) -> Method:
    """Return the running method of a call. Raises ``Refusal`` for one that is not in the table, or not allowed."""
    rule = TABLE.get(call.method)
    if rule is None:
        interface, _, name = call.method.rpartition(".")
        if interface in DESCRIPTION:
            raise Refusal(f"{SERVICE}.MethodNotFound", method=name)
        raise Refusal(f"{SERVICE}.InterfaceNotFound", interface=interface)
    if rule.changes and not may_change:
        raise Refusal("PermissionDenied", text="your user may look, and change nothing")
    # Varlink's null is the same as a parameter that was left out.
    parameters = {name: value for name, value in call.parameters.items() if value is not None}
    known = {**rule.needed, **rule.optional}
    for name, value in parameters.items():
        if name not in known or not known[name](value):
            raise Refusal(f"{SERVICE}.InvalidParameter", parameter=name[:MAX_TEXT])
    for name in rule.needed:
        if name not in parameters:
            raise Refusal(f"{SERVICE}.InvalidParameter", parameter=name)
    return rule.run(Call(parameters, uid, call.more))

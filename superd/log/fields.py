"""A session's facts as named values, the same in every format of superd's own. Pure; text of peers is made safe here.

Runs in the front. Used by event.py.
"""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

from superd.record import Ending
from superd.safe_text import safe

if TYPE_CHECKING:
    from superd.record import SessionRecord
    from superd.verdict import Verdict

Fields = dict[str, str | int | float]
"""Values are text, whole numbers and finite numbers, whose own text is JSON's; never True or False, whose text is not."""


def session_fields(record: SessionRecord) -> Fields:
    """Return what identifies the session in a message about it: the client and the program's pid."""
    fields: Fields = {}
    peer = record.peer
    if peer is not None:
        fields["peer"] = safe(peer.address)
        if peer.version:
            fields["port"] = peer.port
        elif peer.uid is not None:
            fields["uid"] = peer.uid
    if record.pid:
        fields["pid"] = record.pid
    return fields


def user_fields(record: SessionRecord) -> Fields:
    """Return the client, and the user that its ident server names."""
    user = record.peer.user if record.peer is not None else ""
    return {**session_fields(record), "user": safe(user)}


_TLS = (("tls", "SSL_PROTOCOL"), ("sni", "SSL_TLS_SNI"), ("cert", "SSL_CLIENT_S_DN"))


def _client(record: SessionRecord, flags: frozenset[str]) -> Fields:
    fields: Fields = {}
    peer = record.peer
    if peer is None or "HOST" not in flags:
        return fields
    if peer.version:
        fields["peer"] = peer.address  # made from a number, so it is safe
        fields["port"] = peer.port
    else:
        fields["peer"] = safe(peer.address)
        if peer.uid is not None:
            fields["uid"] = peer.uid
    if peer.name:
        fields["name"] = safe(peer.name)
    if peer.user:
        fields["user"] = safe(peer.user)
    local = record.local
    if local is not None and local.version:
        fields["local"] = local.address
        fields["local_port"] = local.port
    if record.through is not None:
        fields["proxy"] = safe(str(record.through.proxy))
    for name, key in _TLS if record.tls else ():
        if value := dict(record.tls).get(key):
            fields[name] = safe(value)
    return fields


def start_fields(record: SessionRecord) -> Fields:
    """Return the fields of START: the client, superd's address, the rule that admitted it, the pid."""
    flags = record.service.log_on_success
    fields = _client(record, flags)
    if record.rule is not None:
        fields["rule"] = str(record.rule)
    if record.pid and "PID" in flags:
        fields["pid"] = record.pid
    record.told = record.peer, fields
    return fields


def exit_fields(record: SessionRecord) -> Fields:
    """Return the fields of EXIT: everything known of the session."""
    flags = record.service.log_on_success
    # Most programs end milliseconds after their START, which said the same of the client, unless its user is known since then.
    told = record.told
    fields = dict(told[1]) if told is not None and told[0] is record.peer else start_fields(record)
    if "EXIT" in flags:
        fields["ended_by"] = f"{ending(record)}"  # plain text, and faster than the library's .value
        if record.status is not None:
            _add_status(fields, record.status)
    if "DURATION" in flags:
        wait = record.decided - record.started
        if wait >= 0.001:
            fields["wait"] = round(wait, 3)
        fields["duration"] = round(record.seconds, 3)
    if record.traffic is not None:
        fields["in"], fields["out"] = record.traffic
    if record.usage is not None and record.usage[2] and "EXIT" in flags:
        user, system, peak = record.usage
        fields["cpu"] = round(user + system, 3)
        fields["memory"] = peak * 1024
    return fields


def ending(record: SessionRecord) -> Ending:
    """Return what ended the session: superd's own reason, or else what the program's wait(2) status tells."""
    if record.ended_by is not None:
        return record.ended_by
    if record.status is None or not record.status & 0x7F:
        return Ending.EXIT
    return Ending.CPU_LIMIT if _used_its_time(record) else Ending.SIGNAL


_TICK = 0.3
"""Seconds of processor time by which wait4(2) and the limit, which the kernel holds against its ticks, may differ under load."""


def _used_its_time(record: SessionRecord) -> bool:
    """Whether the kernel ended the program for its RLIMIT_CPU: SIGXCPU at the limit, SIGKILL for one that ignores it."""
    if record.status is None or not record.status & 0x7F:
        return False
    number, limit = os.WTERMSIG(record.status), record.service.cpu_limit
    if limit is None:
        return False
    used = sum(record.usage[:2]) if record.usage is not None else 0.0
    return number == signal.SIGXCPU or (number == signal.SIGKILL and used >= limit - _TICK)


def _add_status(fields: Fields, status: int) -> None:
    if status & 0x7F:  # WIFSIGNALED of a status from a wait without WUNTRACED
        number = os.WTERMSIG(status)
        fields["signal"] = number
        fields["result"] = f"killed by {signal_name(number)}" + (", core dumped" if os.WCOREDUMP(status) else "")
    else:
        fields["status"] = status >> 8


def signal_name(number: int) -> str:
    """Return ``SIGTERM`` for 15, and ``signal 99`` for a number without a name."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def fail_fields(record: SessionRecord, verdict: Verdict) -> Fields:
    """Return the fields of FAIL: the client, the reason, the limit with its value and the count, the rule."""
    fields = _client(record, record.service.log_on_failure)
    fields["reason"] = verdict.reason.value
    if verdict.limit is not None:
        fields["limit"] = verdict.limit
    if verdict.now is not None:
        fields["now"] = verdict.now
    if verdict.rule is not None:
        fields["rule"] = str(verdict.rule.origin)
    if verdict.detail and verdict.now is None:
        fields["detail"] = safe(verdict.detail)
    return fields

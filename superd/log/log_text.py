"""An event as one line: superd's own, JSON, or xinetd's to the letter (log.c). Pure; hostile text is made safe here."""

from __future__ import annotations

import os
from json.encoder import encode_basestring as _quoted
from typing import TYPE_CHECKING

from superd.address import SocketType
from superd.expansion import safe
from superd.verdict import Reason

if TYPE_CHECKING:
    from superd.record import SessionRecord
    from superd.verdict import Verdict

_SPECIAL = frozenset(' "=')
XINETD_LEVELS = {
    "emerg": "EMERGENCY", "alert": "ALERT", "crit": "CRITICAL", "error": "ERROR", "warning": "WARNING", "notice": "NOTICE",
    "note": "NOTICE", "info": "INFO",
}  # fmt: skip
"""superd's levels as xinetd's own messages have them (msg.c)."""

_NOT_FORKED = frozenset({"daytime", "time"})

MAX_MESSAGE = 1700
"""Bytes of a quoted message: with a time, a level and a service's name it fits into log_sinks.MAX_LINE."""
Fields = dict[str, str | int | float]


def _from(record: SessionRecord, flags: frozenset[str]) -> Fields:
    found: Fields = {}
    peer = record.peer
    if peer is None or "HOST" not in flags:
        return found
    found["from"] = safe(peer.address)
    if peer.version:
        found["port"] = peer.port
    elif peer.uid is not None:
        found["uid"] = peer.uid
    if peer.name:
        found["name"] = safe(peer.name)
    if peer.user:
        found["user"] = safe(peer.user)
    return found


def start_fields(record: SessionRecord) -> Fields:
    """START: who, and the pid."""
    flags = record.service.log_on_success
    fields = _from(record, flags)
    if record.pid and "PID" in flags:
        fields["pid"] = record.pid
    return fields


def exit_fields(record: SessionRecord) -> Fields:
    """EXIT: how it ended and how long it took."""
    flags = record.service.log_on_success
    fields = start_fields(record)
    status = record.status
    if status is not None and "EXIT" in flags:
        if status & 0x7F:  # WIFSIGNALED of what was waited for without WUNTRACED
            fields["signal"] = os.WTERMSIG(status)
        else:
            fields["status"] = status >> 8
    if "DURATION" in flags:
        fields["duration"] = round(record.seconds, 3)
    if record.traffic is not None and "TRAFFIC" in flags:
        fields["in"], fields["out"] = record.traffic
    return fields


def fail_fields(record: SessionRecord, verdict: Verdict) -> Fields:
    """FAIL: the reason, the rule, the peer."""
    fields: Fields = {"reason": verdict.reason.value}
    fields.update(_from(record, record.service.log_on_failure))
    if verdict.rule is not None:
        fields["rule"] = str(verdict.rule.origin)
    if verdict.detail:
        fields["detail"] = safe(verdict.detail)
    return fields


def native(event: str, service: str, fields: Fields) -> str:
    """``START echo from=127.0.0.1 port=4711``: values with blanks are quoted."""
    words = [event, service]
    for key, value in fields.items():
        text = f"{value:.3f}" if type(value) is float else str(value)
        if type(value) is str and (text == "" or not _SPECIAL.isdisjoint(text)):
            text = _quoted(text)
        words.append(f"{key}={text}")
    return " ".join(words)


def _fitting(text: str) -> str:
    """Quoted, and cut before it is longer than a line may be: half an object is none."""
    quoted = _quoted(text)
    while len(quoted.encode("utf-8", "replace")) > MAX_MESSAGE:
        text = text[: len(text) * 3 // 4]
        quoted = _quoted(f"{text}…")
    return quoted


def as_json(when: str, level: str, event: str, service: str, text: str, fields: Fields) -> str:
    """One JSON object; control characters are JSON's business."""
    line = [f'{{"time": "{when}", "level": "{level}", "event": "{event}"']
    if service:
        line.append(f'"service": {_quoted(service)}')
    if text:
        line.append(f'"message": {_fitting(safe(text, 4096))}')
    for key, value in fields.items():
        line.append(f'"{key}": {value if type(value) is not str else _quoted(value)}')
    # By hand: json.dumps makes an encoder for each call, and takes twice as long.
    return ", ".join(line) + "}"


def xinetd_address(record: SessionRecord) -> str:
    """The peer as xinetd prints it; nobody known is ``<no address>``."""
    return safe(record.peer.address) if record.peer is not None else "<no address>"


def xinetd_start(record: SessionRecord) -> str:
    """``START: ID pid=N from=ADDR``."""
    flags = record.service.log_on_success
    line = f"START: {record.service.name}"
    if "PID" in flags:
        line += f" pid={_xinetd_pid(record)}"
    if "HOST" in flags:
        line += f" from={xinetd_address(record)}"
    return line


def _xinetd_pid(record: SessionRecord) -> int:
    """Of who serves: the program, the front itself, or 0 for what xinetd serves without a fork."""
    forked = record.service.internal not in _NOT_FORKED and record.service.socket_type is not SocketType.DGRAM
    return record.pid or (os.getpid() if forked else 0)


def xinetd_exit(record: SessionRecord) -> str:
    """``EXIT: ID status=N pid=N duration=N(sec)``; empty where neither EXIT nor DURATION is asked for.

    Nor has an internal service an end that xinetd serves without a fork.
    """
    flags = record.service.log_on_success
    if not flags & {"EXIT", "DURATION"} or record.service.internal in _NOT_FORKED:
        return ""
    line = f"EXIT: {record.service.name}"
    status = record.status or 0
    if "EXIT" in flags:
        if os.WIFSIGNALED(status):
            line += f" signal={os.WTERMSIG(status)}"
        else:
            line += f" status={os.waitstatus_to_exitcode(status)}"
    if "PID" in flags:
        line += f" pid={_xinetd_pid(record)}"
    if "DURATION" in flags:
        line += f" duration={int(record.seconds)}(sec)"
    return line


def xinetd_fail(record: SessionRecord, verdict: Verdict) -> str:
    """``FAIL: ID REASON from=ADDR``; where ident named nobody, ``NOID: ID ADDR REASON``."""
    if verdict.reason is Reason.IDENT:
        return f"NOID: {record.service.name} {xinetd_address(record)} {safe(verdict.detail)}"
    line = f"FAIL: {record.service.name} {verdict.reason.xinetd_word}"
    if "HOST" in record.service.log_on_failure:
        line += f" from={xinetd_address(record)}"
    return line


def xinetd_userid(record: SessionRecord) -> str:
    """``USERID: ID SYSTEM : USER``, the end of what the ident server answered."""
    return f"USERID: {record.service.name} {safe(record.userid)}"


def xinetd_traffic(record: SessionRecord) -> str:
    """``TRAFFIC: ID in=N(bytes) out=N(bytes)``."""
    received, sent = record.traffic or (0, 0)
    return f"TRAFFIC: {record.service.name} in={received}(bytes) out={sent}(bytes)"

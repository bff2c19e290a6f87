"""What front and launcher say to each other: bytes ↔ values, closed tables, every field checked. Sends nothing.

Runs in: front and launchers. Standard library only. One message is a batch of records; the descriptors of its launches travel
with it in the same order. A record is a JSON array whose first item is its letter: parsed by C, and nothing to overrun.

| letter | sender | record | fields after the letter |
|---|---|---|---|
| L | front | Launch, with a descriptor | conn, service, remote and local host and port, name, user, proto, steps, values, facts |
| H | front | RunCommand | number, digest, values, seconds, steps |
| S | front | Signal | conn, signal |
| Q | front | List | number |
| N | launcher | Fresh | |
| B | launcher | Started | conn, pid, pipe |
| F | launcher | Failed | conn, errno, what |
| E | launcher | Exited | conn, service, pid, status, utime, stime, maxrss, seconds, and 1 when the memory of its group ran out |
| D | launcher | CommandDone | number, status |
| P | launcher | StderrPipe, with a descriptor | service, pipe, conn |
| I | launcher | Stdio, with a descriptor | conn, end |
| A | launcher | Living | conn, service, pid, source, started |
| K | launcher | Kept | service, count |
| Z | launcher | Listed | number |
"""

from __future__ import annotations

import json
import re
from json.encoder import encode_basestring_ascii as _quoted

from superd.errors import ControlError
from superd.expansion import Values
from superd.ipc.launch_records import (
    FACTS,
    CommandDone,
    Exited,
    Failed,
    Fresh,
    Kept,
    Launch,
    List,
    Listed,
    Living,
    Report,
    Request,
    RunCommand,
    Signal,
    Started,
    StderrPipe,
    Stdio,
)

TYPE_CHECKING = False  # as typing has it, which would cost every launcher 0.6 MiB
if TYPE_CHECKING:
    from typing import Any

__all__ = [
    "FACTS", "MAX_CONN", "MAX_LAUNCHES", "MAX_MESSAGE", "MAX_PIPES", "MAX_RECORDS", "MAX_STEPS", "MAX_VALUE",
    "CommandDone", "Exited", "Failed", "Fresh", "Kept", "Launch", "List", "Listed", "Living", "Report", "Request", "RunCommand",
    "IN", "OUT", "TERMINAL", "Signal", "Started", "StderrPipe", "Stdio",
    "batch", "encode_exited", "encode_launch", "encode_report", "encode_request", "parse_reports", "parse_requests",
]  # fmt: skip

MAX_MESSAGE = 60000
"""Bytes of one message; a seqpacket buffer holds several."""
MAX_LAUNCHES = 32
"""Launches, and so descriptors, in one message."""
MAX_RECORDS = 512
"""Records in one message."""
MAX_VALUE = 255
"""Characters of one of ``Values``, as many as an expansion uses (``expansion.MAX_VALUE``)."""
MAX_STEPS = 512
"""Options of one rule."""
MAX_WHAT = 1024
IN, OUT, TERMINAL = "in", "out", "tty"
"""What a ``Stdio`` record's descriptor is: a pipe to the program's fd 0, one from its fd 1, or its terminal's other end."""

_INT_MAX = 0x7FFFFFFF
MAX_CONN = (1 << 57) - 1
"""A connection number is the front's own number and a count of 31 bits (``record.first_number``)."""
MAX_PIPES = 128
"""Pipes of one launcher for its programs' fd 2: two descriptors each, and every spawn copies the table of them."""
_PROTO = re.compile(r"[a-z0-9._-]{0,16}")
_SIGNALS = (15, 9)  # SIGTERM, SIGKILL: what the front ends a session with


def encode_launch(launch: Launch) -> str:
    """One launch as JSON text, without the brackets of the batch."""
    rule = ",[],null"
    if launch.steps or launch.values is not None:
        # A rule of more options is refused: an option that was left out might have been the one that mattered.
        steps = launch.steps if len(launch.steps) <= MAX_STEPS else ("too many",)
        rule = f",{json.dumps(steps)},{json.dumps(None if launch.values is None else _letters(launch.values))}"
    if launch.facts:
        rule += f",{json.dumps({name: _fit(value) for name, value in launch.facts})}"
    # By hand: json.dumps makes an encoder for each call, which took a third of what the front does for a connection.
    return (
        f'["L",{launch.conn},{_quoted(launch.service)},{_quoted(launch.remote_host)},{launch.remote_port},'
        f"{_quoted(launch.local_host)},{launch.local_port},{_quoted(_fit(launch.name))},{_quoted(_fit(launch.user))},"
        f'"{launch.proto if launch.proto.isalnum() and launch.proto.isascii() else ""}"{rule}]'
    )


_LETTERS = ("a", "A", "c", "d", "h", "H", "n", "N", "p", "r", "R", "s", "u")


def _fit(text: str) -> str:
    """What a peer chose, as the table takes it: else the peer's ident server could have the front's messages refused."""
    if len(text) > MAX_VALUE or "\0" in text:
        return text[:MAX_VALUE].replace("\0", "_")
    return text


def _letters(values: Values) -> list[str]:
    return [_fit(getattr(values, letter)) for letter in _LETTERS]


def encode_request(request: RunCommand | Signal | List) -> str:
    """Any other request as JSON text."""
    match request:
        case RunCommand():
            steps = request.steps[:MAX_STEPS]
            return json.dumps(["H", request.number, request.digest, _letters(request.values), request.seconds, steps])
        case Signal():
            return json.dumps(["S", request.conn, request.signal])
        case List(number):
            return f'["Q",{number}]'


def batch(records: list[str]) -> bytes:
    """Records as one message."""
    return ("[" + ",".join(records) + "]").encode()


def _text(value: object, limit: int = MAX_WHAT) -> str:
    if type(value) is not str or len(value) > limit or "\0" in value:
        raise ControlError("a text field is wrong")
    return value


def _number(value: object, limit: int = _INT_MAX) -> int:
    if type(value) is not int or not 0 <= value <= limit:
        raise ControlError("a number field is wrong")
    return value


def _values(value: object) -> Values | None:
    if value is None:
        return None
    if type(value) is not list or len(value) != len(_LETTERS):
        raise ControlError("the values are wrong")
    return Values(**{letter: _text(item, MAX_VALUE) for letter, item in zip(_LETTERS, value, strict=True)})


_LISTS = frozenset({list})
_decode = json.JSONDecoder().raw_decode
"""json.loads looks for other encodings and blanks first: 1 µs of each message."""


def _records(data: bytes) -> list[list[object]]:
    try:
        text = data.decode()
        message, end = _decode(text)
    except (ValueError, RecursionError):
        raise ControlError("message is not JSON") from None
    if end != len(text):
        raise ControlError("message is not JSON")
    if type(message) is not list or len(message) > MAX_RECORDS or not _LISTS.issuperset(map(type, message)):
        raise ControlError("message is not a batch")
    return message


_LAUNCH = (str, int, str, str, int, str, int, str, str, str, list)
"""Types of a launch's fields except the last, which is ``Values`` or nothing."""


def _launch(record: list[Any]) -> Launch:
    # Types all at once, and no call for each field: this is the launcher's, and so every connection's, longest check.
    if not 12 <= len(record) <= 13 or tuple(map(type, record[:11])) != _LAUNCH:
        raise ControlError("a launch is wrong")
    _, conn, service, rhost, rport, lhost, lport, name, user, proto, steps, values = record[:12]
    if len(service) > 256 or len(rhost) > 128 or len(lhost) > 128 or len(name) > MAX_VALUE or len(user) > MAX_VALUE:
        raise ControlError("a text field is wrong")
    if "\0" in service or "\0" in rhost or "\0" in lhost or "\0" in name or "\0" in user:
        raise ControlError("a text field is wrong")
    if not (0 <= conn <= MAX_CONN and 0 <= rport <= 65535 and 0 <= lport <= 65535):
        raise ControlError("a number field is wrong")
    if len(steps) > MAX_STEPS or _PROTO.fullmatch(proto) is None:
        raise ControlError("the steps or the protocol are wrong")
    return Launch(
        conn, service, rhost, rport, lhost, lport, name, user, proto,
        tuple([_text(step, 16) for step in steps]) if steps else (), _values(values),
        _facts(record[12]) if len(record) == 13 else (),
    )  # fmt: skip


_FACTS = frozenset(FACTS)


def _facts(value: object) -> tuple[tuple[str, str], ...]:
    if type(value) is not dict or not value.keys() <= _FACTS:
        raise ControlError("the facts are wrong")
    return tuple([(name, _text(text, MAX_VALUE)) for name, text in value.items()])


def parse_requests(data: bytes) -> list[Request]:
    """The launcher's side: every record of a batch, or ``ControlError`` and nothing of it counts."""
    found: list[Request] = []
    for record in _records(data):
        match record:
            case ["L", *_]:
                found.append(_launch(record))
            case ["H", number, digest, values, seconds, [*steps]] if len(steps) <= MAX_STEPS:
                parsed = _values(values)
                if parsed is None or type(seconds) not in (int, float) or not 0 < seconds <= 86400:  # type: ignore[operator]
                    raise ControlError("the command is wrong")
                after = tuple([_text(step, 16) for step in steps])
                found.append(RunCommand(_number(number), _text(digest, 16), parsed, float(seconds), after))  # type: ignore[arg-type]
            case ["S", conn, signal]:
                if type(signal) is not int or signal not in _SIGNALS:
                    raise ControlError("a signal is wrong")
                found.append(Signal(_number(conn, MAX_CONN), signal))
            case ["Q", number]:
                found.append(List(_number(number)))
            case _:
                raise ControlError("a record is not in the table")
    return found


def encode_report(report: Report) -> str:
    """The launcher's side: one report as JSON text."""
    match report:
        case Started(conn, pid, pipe):
            return f'["B",{conn},{pid},{pipe}]'
        case Failed():
            # A path may be longer than the table's texts.
            return json.dumps(["F", report.conn, report.errno, report.what[:MAX_WHAT]])
        case Exited():
            return encode_exited(
                report.conn, report.service, report.pid, report.status, report.utime, report.stime, report.maxrss,
                report.seconds, report.out_of_memory,
            )  # fmt: skip
        case CommandDone(number, status):
            return f'["D",{number},{status}]'
        case StderrPipe(service, pipe, conn):
            return json.dumps(["P", service, pipe, conn])
        case Stdio(conn, end):
            return f'["I",{conn},"{end}"]'
        case Living():
            return json.dumps(["A", report.conn, report.service, report.pid, report.source, round(report.started, 6)])
        case Kept(service, count):
            return json.dumps(["K", service, count])
        case Fresh():
            return '["N"]'
        case Listed(number):
            return f'["Z",{number}]'


def encode_exited(
    conn: int,
    service: str,
    pid: int,
    status: int,
    utime: float,
    stime: float,
    maxrss: int,
    seconds: float,
    out_of_memory: bool = False,
) -> str:
    """The same for what every program says at its end, without an object in between."""
    tail = ",1]" if out_of_memory else "]"
    return f'["E",{conn},{_quoted(service)},{pid},{status},{utime:.6f},{stime:.6f},{maxrss},{seconds:.6f}{tail}'


_STARTED = (str, int, int, int)
_EXITED = (str, int, str, int, int, float, float, int, float)


def _exited(record: list[Any]) -> Exited:
    out_of_memory = len(record) == 10 and record.pop() == 1
    if tuple(map(type, record)) != _EXITED:
        raise ControlError("an exit is wrong")
    _, conn, service, pid, status, utime, stime, maxrss, seconds = record
    if not (0 <= conn <= MAX_CONN and 0 <= pid <= _INT_MAX and 0 <= status <= 0xFFFF and 0 <= maxrss <= _INT_MAX):
        raise ControlError("a number field is wrong")
    if len(service) > 256 or not (0 <= utime < 1e12 and 0 <= stime < 1e12 and 0 <= seconds < 1e12):
        raise ControlError("a field is out of bounds")
    return Exited(conn, service, pid, status, utime, stime, maxrss, seconds, out_of_memory)


def _started(record: list[Any]) -> Started:
    if tuple(map(type, record)) != _STARTED:
        raise ControlError("a start is wrong")
    _, conn, pid, pipe = record
    if not (0 <= conn <= MAX_CONN and 0 <= pid <= _INT_MAX and 0 <= pipe <= _INT_MAX):
        raise ControlError("a number field is wrong")
    return Started(conn, pid, pipe)


def parse_reports(data: bytes) -> list[Report]:
    """The front's side. A launcher runs as a service's user, so its words are checked like any peer's."""
    found: list[Report] = []
    for record in _records(data):
        if record and record[0] == "E":  # with "B" nearly all reports: no pattern is tried for them
            found.append(_exited(record))
            continue
        if record and record[0] == "B":
            found.append(_started(record))
            continue
        match record:
            case ["F", conn, errno, what]:
                found.append(Failed(_number(conn, MAX_CONN), _number(errno), _text(what)))
            case ["D", number, status]:
                if type(status) is not int or not -1 <= status <= 255:
                    raise ControlError("a status is wrong")
                found.append(CommandDone(_number(number), status))
            case ["P", service, pipe, conn]:
                found.append(StderrPipe(_text(service, 256), _number(pipe), _number(conn, MAX_CONN)))
            case ["I", conn, ("in" | "out" | "tty") as end]:
                found.append(Stdio(_number(conn, MAX_CONN), end))
            case ["A", conn, service, pid, source, started] if type(started) is float and 0 <= started < 1e12:
                found.append(Living(_number(conn, MAX_CONN), _text(service, 256), _number(pid), _text(source, 128), started))
            case ["K", service, count]:
                found.append(Kept(_text(service, 256), _number(count)))
            case ["N"]:
                found.append(Fresh())
            case ["Z", number]:
                found.append(Listed(_number(number)))
            case _:
                raise ControlError("a record is not in the table")
    return found

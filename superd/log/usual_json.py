"""The JSON members of a usual START and EXIT, each made in one piece: a third of what a connection cost was their fields.

Usual is a program's session over TCP, of which nothing but the ends is known, and which ended by itself. Anything else is
``""`` here, and text_json.py makes it of the fields, as it would make these: tests/log/test_usual_json.py holds that both are
the same.

Runs in: the front. Pure. Used by text_json.py.
"""

from __future__ import annotations

from json.encoder import encode_basestring as quoted
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from superd.record import SessionRecord

_FLAGS = frozenset({"HOST", "PID", "EXIT", "DURATION"})
"""What a service logs of a success by itself."""


def start_members(record: SessionRecord) -> str:
    """Return the members of START, each with its comma, and keep them in the record for EXIT; ``""`` for an unusual one."""
    peer, local = record.peer, record.local
    if (
        peer is None or not peer.version or peer.name or peer.user
        or local is None or not local.version
        or record.rule is not None or record.through is not None or record.tls or not record.pid
        or not record.service.log_on_success >= _FLAGS
    ):  # fmt: skip
        return ""
    record.start_json = text = (
        f',"peer":{quoted(peer.address)},"port":{peer.port}'  # quoted: a zone is an interface's name, which may hold anything
        f',"local":{quoted(local.address)},"local_port":{local.port},"pid":{record.pid}'
    )
    return text


def exit_members(record: SessionRecord) -> str:
    """Return the members of EXIT; ``""`` for an unusual one."""
    peer, status, usage = record.peer, record.status, record.usage
    if (
        not record.start_json
        or peer is None or peer.name or peer.user
        or record.ended_by is not None or status is None or status & 0x7F
        or usage is None or not usage[2] or record.traffic is not None or record.decided - record.started >= 0.001
    ):  # fmt: skip
        return ""
    return (
        f'{record.start_json},"ended_by":"exit","status":{status >> 8},"duration":{record.seconds:.3f}'
        f',"cpu":{usage[0] + usage[1]:.3f},"memory":{usage[2] * 1024}'
    )

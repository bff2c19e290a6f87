"""The JSON members of a usual START and EXIT, each made in one piece: a third of what a connection cost was their fields.

Usual is a session over TCP of which nothing but the ends is known: a program's, which ended by itself, or one that superd
serves. Anything else is ``""`` here, and text_json.py makes it of the fields, as it would make these:
tests/log/test_usual_json.py holds that both are the same.

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
    """Return what follows the kind of a START, each member with its comma, and keep it in the record for EXIT.

    ``""`` for an unusual one.
    """
    peer, local = record.peer, record.local
    if (
        peer is None or not peer.version or peer.name or peer.user
        or local is None or not local.version
        or record.rule is not None or record.through is not None or record.tls
        or not record.conn or not record.service.log_on_success >= _FLAGS
    ):  # fmt: skip
        return ""
    pid = f',"pid":{record.pid}' if record.pid else ""
    record.start_json = text = (
        f',"service":{quoted(record.service.name)},"session":"{record.session}"'
        f',"peer":{quoted(peer.address)},"port":{peer.port}'  # quoted: a zone is an interface's name, which may hold anything
        f',"local":{quoted(local.address)},"local_port":{local.port}{pid}'
    )
    return text


def exit_members(record: SessionRecord) -> str:
    """Return what follows the kind of an EXIT; ``""`` for an unusual one."""
    peer, status, usage, end = record.peer, record.status, record.usage, record.ended_by
    if (
        not record.start_json
        or peer is None or peer.name or peer.user
        or record.traffic is not None or record.decided - record.started >= 0.001
    ):  # fmt: skip
        return ""
    if status is None and usage is None and end is not None:
        return f'{record.start_json},"ended_by":"{end}","duration":{record.seconds:.3f}'
    if end is not None or status is None or status & 0x7F or usage is None or not usage[2]:
        return ""
    return (
        f'{record.start_json},"ended_by":"exit","status":{status >> 8},"duration":{record.seconds:.3f}'
        f',"cpu":{usage[0] + usage[1]:.3f},"memory":{usage[2] * 1024}'
    )

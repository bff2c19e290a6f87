"""A session's record begins empty: nothing of the connection before it is in it."""

from __future__ import annotations

from superd.peer import peer_from_text
from superd.record import SessionRecord
from superd.service import Service


def test_a_new_record_knows_who_and_when_and_nothing_else() -> None:
    service = Service.model_validate({"name": "s", "server": "/bin/cat", "port": 7})
    peer = peer_from_text("192.0.2.1", 5)
    record = SessionRecord(3, service, peer, 1.5)
    record.severity, record.traffic = "mail.info", (1, 2)
    fresh = SessionRecord(4, service, peer, 2.5)
    assert (fresh.conn, fresh.service, fresh.peer, fresh.started) == (4, service, peer, 2.5)
    rest = {name: getattr(fresh, name) for name in SessionRecord.__slots__ if name not in ("conn", "service", "peer", "started")}
    assert {name: value for name, value in rest.items() if value not in (None, 0, 0.0, "", False, (0.0, 0.0, 0))} == {}

"""The state as text, for SIGUSR1: what is served, who is connected, what was counted. Only reads."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from superd.counted import counted
from superd.safe_text import safe

if TYPE_CHECKING:
    from superd.front.process import Front


def describe_state(front: Front) -> str:
    """One line a fact."""
    now = time.monotonic()
    services, sessions = counted(len(front.in_force.services), "service"), counted(len(front.book), "session")
    lines = [f"superd state: {services}, {sessions}, {front.arrivals.undecided} undecided"]
    for name, state in sorted(front.in_force.services.items()):
        service = state.service
        where = " ".join(address.describe() for address in service.addresses())
        left = front.launches.reports.leftovers_of(name)
        leftovers = f" leftovers={left}" if left else ""
        lines.append(f"service {name}: {where} running={front.counts.by_service.get(name, 0)}{leftovers} daemon={state.daemon}")
    for session in front.book:
        record = session.record
        peer = safe(str(record.peer)) if record.peer is not None else "-"
        lines.append(f"session {record.conn}: {record.service.name} from={peer} pid={record.pid} age={now - record.started:.0f}s")
    lines.append(f"bans: {len(front.world.sensor)}")
    return "\n".join(lines) + "\n"

"""A program whose launcher has died: the master inherited it, and tells the front.

Runs in: master and front. The master has checked that the process is its child and that the launcher had the service.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Orphan:
    """``conn`` is the connection's number of the front that began it, ``started`` monotonic seconds, ``source`` its client."""

    pid: int
    conn: int
    service: str
    source: str
    started: float

"""How many relays there may be. Pure except the number of processors; runs in the master and in commands."""

from __future__ import annotations

import os

MOST = 8
"""Relays at most where the settings say nothing: each costs 9 MiB while it runs."""


def relay_count(wanted: int | None) -> int:
    """``wanted``, else one for each processor that superd may use, up to ``MOST``."""
    if wanted is not None:
        return wanted
    return max(1, min(MOST, len(os.sched_getaffinity(0))))

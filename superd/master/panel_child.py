"""Starts a panel.

Runs in: master (root).
Never: keeps what it started; ``ControlSocket`` does.
"""

from __future__ import annotations

import os
import socket
import sys
from functools import cache
from typing import TYPE_CHECKING

from superd.master.launcher_bundle import launcher_bundle
from superd.system.spawn import choose_spawn

if TYPE_CHECKING:
    from superd.system.spawn import Spawn


@cache
def _spawn() -> Spawn:
    return choose_spawn()


def start_panel(end: socket.socket, user: tuple[int, int] | None, *, metrics: bool = False, stderr: int = 2) -> int:
    """Start a panel at ``end`` of a pair, which stays the caller's, as this (uid, gid). Returns its pid.

    With ``metrics`` it loads prometheus_client, which takes a quarter of a second.

    Raises ``OSError`` when it cannot be started.
    """
    uid, gid = user if user is not None else (-1, -1)
    bundle = launcher_bundle()
    with bundle.lent() as memory:
        words = bundle.command("panel", memory, str(uid), str(gid), os.pathsep.join(sys.path) if metrics else "", "superd: panel")
        return _spawn()((os.fsencode(sys.executable),), words, [b"PATH=" + os.fsencode(os.defpath)], end.fileno(), stderr, 0o022)

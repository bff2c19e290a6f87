"""The fork that makes a front out of the master.

Runs in: master, and in the front until ``run`` takes over.
Never: returns in the front.
"""

from __future__ import annotations

import gc
import os
import signal
import socket
import traceback
from collections.abc import Callable

from superd.exit_status import EX_SOFTWARE
from superd.ipc import front_orders, order_channel
from superd.system.oom_score import reset
from superd.system.process_title import set_title

Run = Callable[[front_orders.Begin, socket.socket], int]
"""What the front process runs: the first order and the channel; returns the exit status."""


def fork_front(
    run: Run, order: front_orders.Begin, ours: socket.socket, theirs: socket.socket, in_child: Callable[[], None]
) -> int:
    """Return the pid of a front at ``theirs``. ``in_child`` closes what the front must not have.

    Raises ``OSError`` when there is no room for it.
    """
    gc.collect(1)  # the oldest objects were looked through while they grew; all cost 20 ms with a thousand services
    gc.freeze()  # so that a collection in the front does not copy every page that it shares with the master
    try:
        pid = os.fork()  # noqa: TID251 - no thread and no trio runs in the master; the child never returns
        if pid == 0:
            _be_front(run, order, ours, theirs, in_child)
    finally:
        gc.unfreeze()
    return pid


def _be_front(
    run: Run, order: front_orders.Begin, ours: socket.socket, theirs: socket.socket, in_child: Callable[[], None]
) -> None:
    status = EX_SOFTWARE
    try:
        signal.set_wakeup_fd(-1)
        os.setsid()  # TIOCSTI puts words into the mouths of terminals of the own session only
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGUSR1, signal.SIGCHLD):
            signal.signal(number, signal.SIG_DFL)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_SETMASK, [])
        ours.close()
        kept = order_channel.own_copies(order)
        in_child()
        set_title("superd: front")
        reset()
        status = run(kept, theirs)
    except BaseException:  # noqa: BLE001 - every exception of the front ends here: no caller could print it
        traceback.print_exc()
    finally:
        os._exit(status)

"""Hand descriptors and a table on to the next program of this same process. Standard library only.

What: execve(2) with a table in sealed memory, and the other side of it.
Runs in: master, at an upgrade: the old program calls ``replace_program``, the new one ``handed_on`` and ``take_table``.
Never: decides what is handed on, or believes a table that another process left in the environment.
"""

from __future__ import annotations

import fcntl
import json
import os
import signal
from collections.abc import Iterable, Mapping, MutableMapping, Sequence
from typing import Any

VARIABLE = "SUPERD_UPGRADE"
"""``PID:DESCRIPTOR`` of the table; ``trial`` for a child that only shows whether it could serve."""
TRIAL = "trial"
FORMAT = 2
"""The number of the table's layout: a superd that does not know it refuses the upgrade while it is only tried."""
MAX_TABLE = 64 << 20

_SEALS = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE
BLOCKED = frozenset(
    {signal.SIGHUP, signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2, signal.SIGCHLD}
)
"""Signals that wait while no program of ours has a handler for them."""


def replace_program(argv: Sequence[str], environ: Mapping[str, str], table: dict[str, Any], fds: Iterable[int]) -> None:
    """Execute ``argv`` in this process, which gets ``table`` and keeps ``fds`` open.

    Returns never, or raises ``OSError``: then everything is as before.
    """
    kept = sorted({*fds})
    memory = os.memfd_create("superd-table", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, BLOCKED)
    try:
        data = memoryview(json.dumps({"format": FORMAT, "fds": [*kept, memory], **table}).encode())
        while data:
            data = data[os.write(memory, data) :]
        fcntl.fcntl(memory, fcntl.F_ADD_SEALS, _SEALS)
        for fd in (*kept, memory):
            os.set_inheritable(fd, True)
        os.execve(argv[0], list(argv), {**environ, VARIABLE: f"{os.getpid()}:{memory}"})
    finally:  # only after a failure
        for fd in kept:
            os.set_inheritable(fd, False)
        os.close(memory)
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def this_folder() -> int:
    """Return a descriptor of the working folder. Raises ``OSError``."""
    return os.open(".", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)


def leave_folder() -> None:
    """Keep no file system in use by standing in it."""
    os.chdir("/")


def on_trial(environ: Mapping[str, str]) -> bool:
    """Return whether this process only shows that it could take over."""
    return environ.get(VARIABLE, "").partition(":")[0] == TRIAL


def understood(environ: Mapping[str, str]) -> bool:
    """Return whether the table that an old superd would hand on is one that this superd reads."""
    return environ.get(VARIABLE, "").partition(":")[2] == str(FORMAT)


def handed_on(environ: Mapping[str, str]) -> dict[str, Any] | None:
    """Return the table that this process's earlier program left; None when there is none.

    Its descriptors are close-on-exec again.
    """
    pid, _, number = environ.get(VARIABLE, "").partition(":")
    if pid != str(os.getpid()) or not (number.isascii() and number.isdecimal()):
        return None
    memory = int(number)
    try:
        if fcntl.fcntl(memory, fcntl.F_GET_SEALS) & _SEALS != _SEALS:
            return None
        size = os.fstat(memory).st_size
        table = json.loads(os.pread(memory, min(size, MAX_TABLE), 0))
    except (OSError, ValueError):
        return None
    if not isinstance(table, dict) or table.get("format") != FORMAT:
        return None
    for fd in table["fds"]:
        os.set_inheritable(fd, False)
    return table


def take_table(environ: MutableMapping[str, str]) -> dict[str, Any] | None:
    """Return what ``handed_on`` returns, and close the memory; clears the variable."""
    table = handed_on(environ)
    environ.pop(VARIABLE, None)
    if table is not None:
        os.close(table["fds"][-1])
    return table

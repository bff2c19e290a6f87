"""Orders: what the master tells the front, as whole values.

What: the orders; ``ipc/order_channel.py`` says how they travel.
Runs in: master (sends), front (receives; it trusts the master, which is root).
Never: decides what an order does.

A descriptor is a field of type ``Fd``: it travels with the message, and is the receiver's own descriptor there.
"""

from __future__ import annotations

import os
import struct
from dataclasses import field
from typing import TYPE_CHECKING

from superd.frozen import frozen

if TYPE_CHECKING:
    from superd.address import BindAddress
    from superd.log_target import FileTarget
    from superd.policy_snapshot import Look, PolicySnapshot
    from superd.service import Service
    from superd.settings import Settings
    from superd.wishes import Ban, Hold

LAST_GRACE = 15.0
"""Seconds that sessions get to end after ``Stop``'s grace; then the front ends without them."""

KEPT = 12.0
"""Seconds that a front keeps the answer to a ``Ping``, which so shows that it lives and wakes the master less often."""
RETIRE_SECONDS = 5.0
"""Seconds that connections get for their verdict when a front makes room for another; those without one are closed."""
MAX_KEPT = 16 << 20
"""Bytes of what a front writes for the next one."""


_KEPT = struct.Struct("<QQ")


def kept_header(number: int, size: int) -> bytes:
    """Return what stands at the beginning of memory with what a front keeps: it is the ``number``-th, of ``size`` bytes."""
    return _KEPT.pack(number, size)


def kept_place(number: int) -> int:
    """Return where the ``number``-th begins: two places take turns, so that one is whole while the other is written."""
    return _KEPT.size + number % 2 * MAX_KEPT


def read_kept(memory: int) -> bytes:
    """Return what a front that has ended kept last, b"" for nothing. Raises ``OSError``."""
    header = os.pread(memory, _KEPT.size, 0)
    if len(header) < _KEPT.size:
        return b""
    number, size = _KEPT.unpack(header)
    return os.pread(memory, min(size, MAX_KEPT), kept_place(number))


class Fd(int):
    """A descriptor in an order."""


@frozen
class Launching:
    """Which launcher starts what: by service, by (user, group) of a policy rule, and for commands of rules."""

    launchers_of: dict[str, tuple[int, ...]] = field(default_factory=dict)
    launcher_for: dict[tuple[str, str], int] = field(default_factory=dict)
    command_launcher: int | None = None


@frozen
class Change:
    """What is different from now on. The front answers ``applied`` with ``number``.

    ``services`` are those that are new or changed; ``sockets`` are listeners that were opened, ``listeners`` the service
    of each opened or changed address. ``launchers`` are new pairs. ``logs`` are all log files, opened anew, by their
    targets; None keeps the open ones. ``policy`` None keeps the tables.
    """

    number: int
    settings: Settings
    launching: Launching
    services: dict[str, Service] = field(default_factory=dict)
    removed: tuple[str, ...] = ()
    sockets: dict[BindAddress, Fd] = field(default_factory=dict)
    listeners: dict[BindAddress, str] = field(default_factory=dict)
    closed: tuple[BindAddress, ...] = ()
    launchers: dict[int, Fd] = field(default_factory=dict)
    policy: PolicySnapshot | None = None
    logs: dict[FileTarget, Fd] | None = None


@frozen
class Orphan:
    """A program whose launcher died. ``conn`` is the number of its connection, ``started`` monotonic seconds.

    ``source`` is its client's address. The master has checked that the process is its own child, of the launcher's user,
    and that the launcher had the service.
    """

    pid: int
    conn: int
    service: str
    source: str
    started: float


@frozen
class Orphaned:
    """Launcher ``number`` died, and these of its programs live. Requests ``terminate`` and ``kill`` reach them."""

    number: int
    orphans: tuple[Orphan, ...]


@frozen
class Stuck:
    """Launcher ``number`` stands still in starting a program of ``service``, empty if not known; ``launchers`` are new ones."""

    number: int
    service: str
    launching: Launching
    launchers: dict[int, Fd] = field(default_factory=dict)


@frozen
class Wished:
    """What operators want from now on, in the place of what they wanted before. The front answers ``applied`` with ``number``.

    ``bans`` each with the seconds that it goes on.
    """

    number: int = 0
    bans: tuple[tuple[Ban, float], ...] = ()
    holds: tuple[Hold, ...] = ()


@frozen
class Panel:
    """The front's end of a new pair to the panel; an earlier one is gone."""

    channel: Fd


@frozen
class Begin:
    """The first order: everything. ``running`` are the launchers that an earlier front may have used.

    ``shared`` are the addresses whose socket a `wait` program may have had.
    """

    first: Change
    policy: PolicySnapshot
    running: frozenset[int] = frozenset()
    orphaned: tuple[Orphaned, ...] = ()
    shared: frozenset[BindAddress] = frozenset()
    wished: Wished = field(default_factory=Wished)
    kept: bytes = b""
    """What the front before this one counted: bans, penalties, rates. A front wrote it, so only a front reads it."""
    waiting: Fd | None = None
    """The end of a socket pair into which the front before this one has sent who waited in its queues."""
    memory: Fd | None = None
    """Where this front writes the same for the next one, now and then (``front/safekeeping.py``)."""


@frozen
class LogFiles:
    """All log files, opened anew, by their targets: nothing else has changed."""

    logs: dict[FileTarget, Fd]


@frozen
class PolicyReply:
    """The tables as the master read them, or why they cannot be used (then the last good ones stay).

    ``looked_at`` is how the files looked that the unusable tables name. ``unsettled``: another process is writing one of them
    just now; the next connection asks again.
    """

    files: PolicySnapshot | None
    failure: str = ""
    looked_at: dict[str, Look] = field(default_factory=dict)
    unsettled: bool = False
    launchers: dict[int, Fd] = field(default_factory=dict)
    launching: Launching = field(default_factory=Launching)


@frozen
class Pairs:
    """New pairs to these launchers; the old ones are gone with all that waited in them. Those ``running`` have a process."""

    launchers: dict[int, Fd]
    running: frozenset[int] = frozenset()


@frozen
class Relays:
    """New pairs to these relays. Those that are ``running`` carry sessions of an earlier front.

    Relays from number ``in_use`` on get no new sessions; those in ``secure`` get new ones with TLS, and no others.
    """

    relays: dict[int, Fd]
    running: frozenset[int]
    in_use: int
    secure: tuple[int, ...] = ()
    ends: dict[str, float] | None = None
    """When the certificate of each service that has usable keys ends, in seconds since 1970; None until that is known."""


@frozen
class Renewed:
    """A second socket at a datagram service's ``address``, which is the listener from now on; or why there is none."""

    address: str
    socket: Fd | None = None
    failure: str = ""


@frozen
class Ended:
    """A program whose launcher died ended with this wait(2) status, -1 where no kernel says it; the master watched it."""

    pid: int
    status: int


@frozen
class Dump:
    """Write the state, as text, into ``memory`` and answer ``dump`` with its size."""

    memory: Fd


@frozen
class Ping:
    """Answer ``alive`` with ``number``, ``KEPT`` seconds later: a front that does not is replaced."""

    number: int


@frozen
class Stop:
    """``end``: end what runs within ``grace`` seconds, accept until then; else leave programs running and stop at once."""

    end: bool
    grace: float


@frozen
class Retire:
    """Make room for another front as soon as ``go`` has a byte; when it ends without one, go on.

    What the next front is to know is written into ``memory``; who waits in a queue is sent into ``waiting``.
    """

    go: Fd
    memory: Fd
    waiting: Fd


Order = (
    Change
    | LogFiles
    | PolicyReply
    | Pairs
    | Relays
    | Renewed
    | Orphaned
    | Ended
    | Stuck
    | Dump
    | Wished
    | Panel
    | Ping
    | Stop
    | Retire
)

"""What connections and datagrams need of launchers and relays, as protocols: to start a program, to run a rule's command, to
have bytes carried.

Runs in: the front. ``front/programs/`` and ``front/relays/`` implement them. Never: does any of it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from superd.frozen import frozen

if TYPE_CHECKING:
    from superd.expansion import Values
    from superd.front.relays.legs import Leg
    from superd.front.sessions.live import LiveSession
    from superd.net.listener import Listener
    from superd.occupancy import Source
    from superd.peer import Peer
    from superd.rule import Option

StartTask = Callable[..., None]
"""A nursery's ``start_soon``."""


@frozen
class HowToStart:
    """What a rule changes of the way a program is started.

    ``steps`` are the digests of the options that the launcher carries out, with ``values`` for their letters; ``launcher`` is
    the number of the launcher that the rule's `user` and `group` ask for.
    """

    steps: tuple[str, ...] = ()
    values: Values | None = None
    launcher: int | None = None


AS_CONFIGURED = HowToStart()


class HandsOver(Protocol):
    """Starts the programs of sessions."""

    def hand_over(self, session: LiveSession, server: Peer, fd: int, how: HowToStart = AS_CONFIGURED) -> None:
        """Give the session's socket to a launcher; takes ``fd`` over. ``flush`` sends it."""

    def flush(self) -> None:
        """Send what is queued."""


class Carries(Protocol):
    """Has the bytes of sessions carried by relays."""

    def carry(self, session: LiveSession, mode: int, fds: tuple[int, ...]) -> None:
        """Have a session carried to its end, in a mode of ``ipc/relay_messages.py``. Takes ``fds`` over."""

    def encrypt(self, session: LiveSession, fds: tuple[int, int], idle: float, first_byte: float) -> Leg:
        """Have a relay speak TLS with the client of a session. Takes ``fds`` over: the client's and the plain end."""

    def hold(self, listener: Listener, *, secure: bool = False) -> bool:
        """True when no relay has room, or none with keys if ``secure``: clients wait in the kernel's queue until one has."""


class RunsCommands(Protocol):
    """Runs the commands of rules; ``superd.front.programs.commands.Commands`` is one."""

    async def run(
        self, option: Option, values: Values, service: str, steps: tuple[str, ...] = (), source: Source | None = None
    ) -> int | None:
        """Run a `spawn` or `aclexec` and return its exit status; None when it did not run or did not end in time."""

    def begin(self, option: Option, values: Values, service: str, steps: tuple[str, ...] = ()) -> None:
        """Run a command that is not waited for."""

"""superd whose relays are hostile: run in the place of `python -m superd`, with the attack's name before it.

Everything else is real. The first relay plays the attack, with the user, the filter and the descriptor that a relay has; those
after it are superd's own.
"""

from __future__ import annotations

import socket
import sys
from collections.abc import Callable
from pathlib import Path

from superd.ipc import relay_messages as messages

ALL = (1 << 62) - 1


def report(*reports: messages.Report) -> bytes:
    """Reports as one message."""
    return b"".join(map(messages.encode_report, reports))


def over(number: int, received: int = ALL, reason: int = messages.CLIENT) -> messages.Over:
    return messages.Over(number, received, 1, 1e9, reason, 5, b'["other","192.0.2.1",1,2]')


def everything(front: socket.socket, number: int) -> None:
    """Numbers of sessions that may be others', one after the other."""
    for other in range(number - 50, number + 50):
        front.send(report(over(other)))


def flood(front: socket.socket, number: int) -> None:
    """More than any front can read."""
    while True:
        front.send(report(messages.Alive(1)) * messages.MAX_RECORDS)


def descriptors(front: socket.socket, number: int) -> None:
    """Descriptors where none belong."""
    for _ in range(300):
        socket.send_fds(front, [report(messages.Alive(1))], [front.fileno()] * 200)
    front.send(b"x")


def said(data: bytes) -> Callable[[socket.socket, int], None]:
    """One message."""

    def attack(front: socket.socket, number: int) -> None:
        front.send(data)

    return attack


def next_ones_end(front: socket.socket, number: int) -> None:
    """The end of the session after its own."""
    front.send(report(over(number + 1)))


def a_handshake(front: socket.socket, number: int) -> None:
    """What a handshake has shown, of a session that has none."""
    front.send(report(messages.Secured(number, b"{}")))


ATTACKS: dict[str, Callable[[socket.socket, int], None]] = {
    "bytes": said(b"\xff" * 100),
    "another's end": next_ones_end,
    "a session that was not asked for": said(report(messages.Living(7, 1.0, b'["other","192.0.2.1",1,2]'))),
    "all numbers": everything,
    "a handshake of a session that has none": a_handshake,
    "a handshake of no session": said(report(messages.Secured(7, b'{"SSL_CLIENT_VERIFY": "SUCCESS"}'))),
    "descriptors": descriptors,
    "flood": flood,
}


def relay(name: str) -> None:
    """In the relay's process, in the place of its loop."""
    from superd.relay import process

    def run(self: process.Relay) -> None:
        front = self._front
        assert front is not None
        front.setblocking(True)
        data = front.recv(messages.MAX_MESSAGE)
        (carry,) = [request for request in messages.parse_requests(data) if isinstance(request, messages.Carry)]
        ATTACKS[name](front, carry.number)
        while front.recv(messages.MAX_MESSAGE):
            pass  # deaf from here on; the front's answer is another relay

    process.Relay.run = run  # type: ignore[method-assign]
    process.main()


def main(name: str, folder: Path) -> None:
    """superd, with its first relay replaced."""
    from superd.cli import main as superd
    from superd.master import launcher_bundle, relay_pool

    own = launcher_bundle.BOOT

    def boot() -> str:
        first = folder / "first"
        if first.exists():
            return own
        first.touch()
        path = f"import sys; del sys.argv[1:4]; sys.path[:0] = {sys.path!r}; "
        return f"{path}from tests.compromised_relay import relay; relay({name!r})"

    real = relay_pool.start_relay

    def start(*arguments: object) -> int:
        launcher_bundle.BOOT = boot()
        try:
            return real(*arguments)  # type: ignore[arg-type]
        finally:
            launcher_bundle.BOOT = own

    relay_pool.start_relay = start  # type: ignore[assignment]
    relay_pool.CRASH_PAUSE = 0.0
    superd()


if __name__ == "__main__":
    attack, place = sys.argv[1:3]
    del sys.argv[1:6]  # these, and the interpreter's `-m superd`
    main(attack, Path(place))

"""Random schedules of a whole front in virtual time: ``python -m tests.simulation --seed 1 --schedules 1000``.

Clients connect, speak, leave and are reset; launchers start, fail, die and are renewed; the master reloads, removes services and
changes tables; operators end sessions. Steps of the front's tasks are counted, and at some of them something happens right
there; calls to the kernel fail. At the end of each schedule every connection has had one answer, and nothing is left.
"""

from __future__ import annotations

import time
from typing import Any

CLOCKS: list[Any] = []
"""The clock of the schedule that is played."""
time.monotonic = lambda: (
    1000.0 + (CLOCKS[-1].current_time() if CLOCKS else 0.0)
)  # before a module of the front keeps the real one

import argparse  # noqa: E402
import contextlib  # noqa: E402
import os  # noqa: E402
import random  # noqa: E402
import socket  # noqa: E402
import sys  # noqa: E402
from collections.abc import Iterator  # noqa: E402
from unittest.mock import patch  # noqa: E402

import trio  # noqa: E402
import trio.testing  # noqa: E402

from superd.front import process as front_process  # noqa: E402
from superd.front.gate import policy_watch  # noqa: E402
from superd.front.programs import launcher_link  # noqa: E402
from superd.front.stream import accepting  # noqa: E402
from superd.ipc import descriptors  # noqa: E402
from superd.net import peername  # noqa: E402
from superd.net.listener import Listener  # noqa: E402
from superd.peer import Peer, peer_from_text  # noqa: E402
from tests.simulation.schedule import Schedule, descriptors_open  # noqa: E402

NAMES = ("a.example.org", "unknown", "b.example.net")


class Names:
    """Names of clients: at once, later, or never."""

    chance = random.Random()

    def __init__(self) -> None:
        self.lookups, self.seconds = 0, 0.0

    def configure(self, settings: object) -> None:
        pass

    async def name_of(self, address: str) -> str:
        wait = self.chance.choice((0, 0, 0.1, 3, 100))
        if wait:
            await trio.sleep(wait)
        return self.chance.choice(NAMES)

    look_up = name_of

    def cached(self, address: str) -> str | None:
        return None


@contextlib.contextmanager
def seams(schedule: Schedule) -> Iterator[None]:
    """Put the schedule's faults between the front and the kernel."""
    strike, accept, receive = schedule.faults.strike, Listener.accept, descriptors.receive_with

    def faulty_accept(listener: Listener) -> tuple[int, Any]:
        strike("accept")
        fd, name = accept(listener)
        schedule.accepted.add(peer_of(fd).port)
        return fd, name

    def faulty_send(*arguments: Any) -> None:
        strike("launch")
        descriptors.send_with(*arguments)

    def faulty_reports(*arguments: Any) -> Any:
        strike("reports")
        return receive(*arguments)

    def faulty_orders(sock: Any, *arguments: Any) -> Any:
        if sock is schedule.channel:
            strike("order")
        return receive(sock, *arguments)

    with (
        patch.object(Listener, "accept", faulty_accept),
        patch.object(launcher_link, "send_with", faulty_send),
        patch.object(launcher_link, "receive_with", faulty_reports),
        patch.object(descriptors, "receive_with", faulty_orders),
    ):
        yield


def peer_of(fd: int) -> Peer:
    """Return the client, which its socket's own name tells."""
    sock = socket.socket(fileno=fd)
    try:
        _, number, address = sock.getpeername()[1:].decode().rsplit("-", 2)
    finally:
        sock.detach()
    return peer_from_text(address, int(number))


class AtOnce:
    """trio, without threads: what they do takes no virtual time."""

    class to_thread:
        @staticmethod
        async def run_sync(function: Any, *arguments: Any, **_options: object) -> Any:
            await trio.lowlevel.checkpoint()
            return function(*arguments)

    def __getattr__(self, name: str) -> Any:
        return getattr(trio, name)


@contextlib.contextmanager
def alone() -> Iterator[None]:
    """Let nothing of the front leave this process and its virtual time, and the order of its tasks follow from the seed."""
    with (
        patch.object(peername, "remote_of_unix", peer_of),
        patch.object(front_process, "Resolver", Names),
        patch.object(accepting, "COALESCE", 0.0),
        patch.object(policy_watch, "trio", AtOnce()),
        patch.object(policy_watch, "set_aside", contextlib.nullcontext),
        patch("trio._core._run._ALLOW_DETERMINISTIC_SCHEDULING", True),
    ):
        yield


def play(seed: int) -> None:
    """Play one schedule. Raises ``AssertionError`` with its steps as a note."""
    before = descriptors_open()
    random.seed(seed)
    Names.chance = random.Random(seed)
    trio._core._run._r.seed(seed)
    CLOCKS[:] = [trio.testing.MockClock(autojump_threshold=0)]
    schedule = Schedule(seed)
    try:
        with alone(), seams(schedule):
            trio.run(schedule.to_the_end, clock=CLOCKS[-1])
        left = {fd: _name(fd) for fd in descriptors_open() - before if _name(fd)}
        assert not left, f"descriptors are left: {left}"
    except BaseException as fault:
        fault.add_note(f"seed {seed}: {' '.join(schedule.done)}")
        raise
    finally:
        CLOCKS.clear()


def _name(fd: int) -> str:
    with contextlib.suppress(OSError):
        return os.readlink(f"/proc/self/fd/{fd}")
    return ""


def main() -> int:
    """Play as many as asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--schedules", type=int, default=1000)
    options = parser.parse_args()
    for seed in range(options.seed, options.seed + options.schedules):
        play(seed)
    sys.stdout.write(f"{options.schedules} schedules from seed {options.seed}: every connection answered once, nothing left\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

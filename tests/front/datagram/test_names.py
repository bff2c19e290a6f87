"""Look-ups for datagrams have few places of their own, and leave those of connections alone."""

from __future__ import annotations

import trio

from superd.front.datagram.names import SenderNames
from superd.settings import Settings


class SlowNames:
    """Names that come when the test says so."""

    def __init__(self) -> None:
        self.go_on = trio.Event()
        self.asked: list[str] = []
        self.known: dict[str, str] = {}

    def cached(self, address: str) -> str | None:
        return self.known.get(address)

    async def look_up(self, address: str) -> str:
        self.asked.append(address)
        await self.go_on.wait()
        self.known[address] = "a.example"
        return "a.example"


async def test_forged_senders_use_a_sixteenth_of_the_look_ups_and_the_rest_is_dropped(nursery: trio.Nursery) -> None:
    """150 forged datagrams a second shut TCP clients out, and admitted clients that a name denies."""
    names = SlowNames()
    senders = SenderNames(names, nursery.start_soon)
    senders.configure(Settings())
    for number in range(1000):
        assert senders.name_of(f"10.0.{number // 256}.{number % 256}") is None
    await trio.testing.wait_all_tasks_blocked()
    assert len(names.asked) == 16
    names.go_on.set()
    await trio.testing.wait_all_tasks_blocked()
    assert senders.name_of("10.0.0.0") == "a.example"
    assert senders.name_of("10.9.9.9") is None
    await trio.testing.wait_all_tasks_blocked()
    assert names.asked[-1] == "10.9.9.9"


async def test_one_sender_is_asked_about_once_at_a_time(nursery: trio.Nursery) -> None:
    names = SlowNames()
    senders = SenderNames(names, nursery.start_soon)
    senders.configure(Settings())
    for _ in range(100):
        senders.name_of("10.0.0.1")
    await trio.testing.wait_all_tasks_blocked()
    assert names.asked == ["10.0.0.1"]

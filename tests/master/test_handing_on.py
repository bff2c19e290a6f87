"""What is handed on at an upgrade: a table, and every descriptor that stands in it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, cast

import pytest

from superd.master.handing_on import HandingOn
from superd.master.launcher_bundle import launcher_bundle
from superd.master.wishes_store import WishesStore
from superd.system.successor import FORMAT

if TYPE_CHECKING:
    from superd.master.adopted import Adopted
    from superd.master.child_words import ChildWords
    from superd.master.front_child import FrontChild
    from superd.master.front_orders import FrontOrders
    from superd.master.launcher_pool import LauncherPool
    from superd.master.listeners import BoundSockets
    from superd.master.relay_pool import RelayPool


class Part:
    """A part of the master with a table of its own, which keeps what it is given of an earlier one."""

    def __init__(self, table: Any) -> None:
        self._table = table
        self.taken: list[Any] = []

    def table(self) -> Any:
        return self._table

    def prepare_retirement(self) -> Any:
        return self._table

    def lent(self) -> list[int]:
        return [7]

    def take_over(self, table: Any) -> None:
        self.taken.append(table)

    bound_before = take_over


def made(front: Any = None) -> tuple[HandingOn, Part, Part, Part, Part]:
    listeners = Part([{"fd": 21}, {"fd": 22}])
    slots = [
        {"front": 31, "launcher": 32, "process": (4711, 33, 34)},
        {"front": 35, "launcher": 36, "process": None},
    ]
    launchers, relays, words = Part({"slots": slots}), Part([{"front": 41, "relay": 42}]), Part([51, 52])
    front = Part(front or {"pid": 1, "go": 11, "memory": 12, "channel": 13, "waiting": 14})
    parts = HandingOn(
        cast("FrontChild", front), cast("BoundSockets", listeners), cast("LauncherPool", launchers),
        cast("RelayPool", relays), cast("ChildWords", words), cast("FrontOrders", front),
        cast("Adopted", Part([[99, 61]])), WishesStore(),
    )  # fmt: skip
    return parts, listeners, launchers, relays, words


def test_every_descriptor_of_the_table_is_handed_on_and_no_pid_is() -> None:
    table, fds = made()[0].table()
    assert sorted(fds) == [11, 12, 13, 14, 21, 22, 31, 32, 33, 34, 35, 36, 41, 42, 51, 52, 61]
    assert table["lent"] == [7]
    keys = {"front", "adopted", "listeners", "launchers", "relays", "words", "lent", "holds", "protocol"}
    assert (set(table), FORMAT) == (keys, 2), "another layout needs another FORMAT: this superd would end over the old one"
    assert table["protocol"] == launcher_bundle().protocol


def test_the_next_program_takes_over_all_of_it() -> None:
    parts, listeners, launchers, relays, words = made()
    table, _ = parts.table()
    parts.take_over(table)
    assert (listeners.taken, launchers.taken, relays.taken, words.taken) == (
        [table["listeners"]],
        [table["launchers"]],
        [table["relays"]],
        [[51, 52]],
    )


def test_relays_of_another_protocol_are_left_to_end() -> None:
    parts, listeners, _, relays, _ = made()
    table, _ = parts.table()
    parts.take_over({**table, "protocol": "another"})
    assert (len(listeners.taken), relays.taken) == (1, [])


def test_a_front_whose_program_stays_sees_the_end_of_the_word_it_waits_for() -> None:
    reader, go = os.pipe()
    memory, waiting = os.memfd_create("kept"), os.memfd_create("waiting")
    parts, *_ = made({"pid": 1, "go": go, "memory": memory, "channel": 13, "waiting": waiting})
    parts.take_back(parts.table()[0])
    assert os.read(reader, 1) == b""
    for fd in (memory, waiting):
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(fd)
    os.close(reader)

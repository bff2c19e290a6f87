"""What one program of this process hands on to the next at an upgrade: the table, and every descriptor that it names.

Runs in: master.
Never: executes anything; ``master/upgrade.py`` does.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from superd.frozen import frozen
from superd.master.launcher_bundle import launcher_bundle

if TYPE_CHECKING:
    from superd.master.adopted import Adopted
    from superd.master.child_words import ChildWords
    from superd.master.front_child import FrontChild
    from superd.master.front_orders import FrontOrders
    from superd.master.launcher_pool import LauncherPool
    from superd.master.listeners import BoundSockets
    from superd.master.relay_pool import RelayPool
    from superd.master.wishes_store import WishesStore


@frozen
class HandingOn:
    """The parts of the master that outlive its program."""

    front: FrontChild
    sockets: BoundSockets
    launchers: LauncherPool
    relays: RelayPool
    words: ChildWords
    orders: FrontOrders
    adopted: Adopted
    wishes: WishesStore

    def take_over(self, table: dict[str, Any]) -> None:
        """Go on with what the earlier program had. A relay of another protocol is left to end by itself."""
        self.sockets.bound_before(table["listeners"])
        self.wishes.go_on(table["holds"])
        self.adopted.take_over(table["adopted"])
        self.launchers.take_over(table["launchers"])
        self.words.take_over(table["words"])
        if table["protocol"] == launcher_bundle().protocol:
            self.relays.take_over(table["relays"])

    def table(self) -> tuple[dict[str, Any], list[int]]:
        """Prepare the front for its end; return the table and the descriptors in it. Raises ``OSError``."""
        front = self.front.prepare_retirement()
        table, fds = self.outliving()
        adopted = self.adopted.table()
        fds += [front["go"], front["memory"], front["channel"], front["waiting"], *(fd for _, fd in adopted)]
        return {**table, "front": front, "adopted": adopted}, fds

    def outliving(self) -> tuple[dict[str, Any], list[int]]:
        """Return the table of what outlives a front, and the descriptors in it."""
        listeners, launchers, relays = self.sockets.table(), self.launchers.table(), self.relays.table()
        table = {
            "listeners": listeners,
            "launchers": launchers,
            "relays": relays,
            "words": self.words.table(),
            "lent": self.orders.lent(),
            "holds": self.wishes.holds(),
            "protocol": launcher_bundle().protocol,
        }
        fds = [*table["words"], *(row["fd"] for row in listeners)]
        for row in launchers["slots"]:
            fds += [row["front"], row["launcher"], *(row["process"][1:] if row["process"] else ())]
        for relay in relays:
            fds += [relay["front"], relay["relay"]]
        return table, fds

    def take_back(self, table: dict[str, Any]) -> None:
        """The next program could not be executed: the front sees the end of the word that it waits for, and goes on."""
        os.close(table["front"]["go"])
        os.close(table["front"]["memory"])
        os.close(table["front"]["waiting"])

"""A restart by the service manager: what one superd leaves in the manager's store, and the next one finds there.

What: listeners, launchers, relays, counts and bans, as an upgrade hands them on, and a descriptor of each process.
Runs in: master.
Never: decides when.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from superd.ipc.descriptors import as_memory, from_memory
from superd.ipc.front_orders import MAX_KEPT
from superd.master.manager_store import ManagerStore

if TYPE_CHECKING:
    from typing import Any

    from superd.master.adopted import Adopted
    from superd.master.handing_on import HandingOn
    from superd.master.upgrade import Own


class Leaving:
    """``own`` says where the service manager is, and what it has kept."""

    def __init__(self, own: Own, handing_on: HandingOn, adopted: Adopted) -> None:
        self._own = own
        self._handing_on = handing_on
        self._adopted = adopted
        self._store = ManagerStore(own.environ.get("NOTIFY_SOCKET", ""), own.environ.get("FDSTORE", ""))

    def possible(self) -> bool:
        """Return whether the service manager keeps as much as there is."""
        _, fds = self._handing_on.outliving()
        return self._store.takes(len(fds) + len(self._processes()) + 3)

    def _processes(self) -> list[int]:
        launchers, relays = self._handing_on.launchers, self._handing_on.relays
        return [*launchers.pids(), *relays.pids(), *launchers.orphans.pids()]

    def give(self, kept: bytes, waiting: int, grace: float | None) -> None:
        """Put everything into the store, with what the front ``kept``, and who was ``waiting``. Raises ``OSError``.

        With ``grace`` launchers end their programs so many seconds after the store is emptied, if no other superd comes.
        """
        table, fds = self._handing_on.outliving()
        for row in [row for row in table["listeners"] if row["manager"]]:  # it has these, and passes them again
            table["listeners"].remove(row)
            fds.remove(row["fd"])
        known = {pid: fd for pid, fd in self._adopted.table()}
        processes = [[pid, known.get(pid, -1)] for pid in self._processes()]
        memory = as_memory("superd-kept", kept)
        opened = [memory]
        try:
            for row in processes:
                if row[1] < 0:
                    row[1] = os.pidfd_open(row[0])
                    opened.append(row[1])
            table |= {"front": None, "kept": memory, "adopted": processes, "upgrades": 0, "began": time.monotonic()}
            table |= {"waiting": waiting}
            self._store.put(table, [*fds, memory, *(fd for fd in (waiting,) if fd >= 0), *(fd for _, fd in processes)])
            self._handing_on.launchers.outlive(-1.0 if grace is None else grace)
        finally:
            for fd in opened:
                os.close(fd)

    def taken(self, table: dict[str, Any]) -> tuple[bytes, int]:
        """Return what the front of the superd before kept, and who was waiting; the manager need not keep them any more."""
        kept = from_memory(table["kept"], MAX_KEPT)
        os.close(table["kept"])
        self._store.empty(self._own.stored)
        return kept, table.get("waiting", -1)

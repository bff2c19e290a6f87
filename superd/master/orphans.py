"""Programs whose launcher died: the master inherited them, and is the only process that can still end them.

What: which of a dead launcher's programs live, out of the table that it wrote; signals to them for the front.
Runs in: master (root).
Never: believes the table beyond what the kernel confirms: a launcher runs as a service's user, and could name any process.
"""

from __future__ import annotations

import os
from collections import Counter
from typing import TYPE_CHECKING, Any

from superd.ipc.front_orders import Orphan, Orphaned
from superd.ipc.launch_codec import MAX_CONN
from superd.system.process_state import real_user_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from superd.ipc.running_table import Entry
    from superd.master.adopted import Adopted

_MAX_PID = 0x7FFFFFFF


class Orphans:
    """All of them, by process, with the launcher that they had."""

    def __init__(self, adopted: Adopted | None = None) -> None:
        """``adopted`` watches processes that are not the master's children."""
        self._adopted = adopted
        self._known: dict[int, tuple[int, Orphan]] = {}
        self._ended: dict[int, int] = {}
        """Those that were reaped, and that no front has been told of: their wait(2) status."""

    def left(
        self,
        number: int,
        users: range,
        entries: Iterable[Entry],
        services: Mapping[int, str],
        own: Collection[int],
        now: float,
        *,
        inherited: bool = True,
    ) -> Orphaned | None:
        """Launcher ``number``, whose programs are ``users`` (none: superd's own), died; return what it left, None for nothing.

        ``entries`` are its table, ``services`` what it could start, by index; ``own`` are superd's own processes. Without
        ``inherited`` the launcher was not this master's child, and so its programs are not either.
        """
        found: list[Orphan] = []
        for entry in entries:
            service = services.get(entry.index)
            if service is None or not 0 < entry.conn <= MAX_CONN or entry.pid in own:
                continue
            if entry.pid in self._known and entry.pid not in self._ended:
                continue
            if inherited and not _is_child(entry.pid):
                continue
            if users and real_user_of(entry.pid) not in users:
                continue
            if not inherited and (self._adopted is None or not self._adopted.watch(entry.pid)):
                continue
            # Never later than now: it could put its programs' limits off. (A NaN is not a time.)
            started = entry.started if 0.0 <= entry.started <= now else now
            orphan = Orphan(entry.pid, entry.conn, service, entry.source, started)
            self._known[entry.pid] = (number, orphan)
            self._ended.pop(entry.pid, None)
            found.append(orphan)
        return Orphaned(number, tuple(found)) if found else None

    def all(self) -> tuple[Orphaned, ...]:
        """Return all that live, or ended without a front's having been told: for a new front."""
        by_launcher: dict[int, list[Orphan]] = {}
        for number, orphan in self._known.values():
            by_launcher.setdefault(number, []).append(orphan)
        return tuple(Orphaned(number, tuple(orphans)) for number, orphans in by_launcher.items())

    def table(self) -> dict[str, Any]:
        """Return all of them for the next program of this process."""
        known = [
            [number, orphan.pid, orphan.conn, orphan.service, orphan.source, orphan.started]
            for number, orphan in self._known.values()
        ]
        return {"known": known, "ended": list(self._ended.items())}

    def take_over(self, table: dict[str, Any]) -> None:
        """Go on with the orphans of this process's earlier program."""
        for number, *facts in table["known"]:
            orphan = Orphan(*facts)
            self._known[orphan.pid] = (number, orphan)
        self._ended.update((pid, status) for pid, status in table["ended"])

    def pids(self) -> tuple[int, ...]:
        """Return the processes that live."""
        return tuple(pid for pid in self._known if pid not in self._ended)

    def reaped(self, pid: int, status: int) -> None:
        """A child was reaped: its number can be another process's from now on."""
        if pid in self._known:
            self._ended[pid] = status

    def told(self, pid: int) -> None:
        """A front knows the end of this one."""
        self._ended.pop(pid, None)
        self._known.pop(pid, None)

    def untold(self) -> list[tuple[int, int]]:
        """Return process and status of those that ended and that no front knows of."""
        return list(self._ended.items())

    def signal(self, pid: int, number: int) -> None:
        """Signal an orphan and its process group; nothing happens for any other process."""
        # A child that was not reaped keeps its number; one that is watched has ended a moment ago at most.
        watched = self._adopted is not None and pid in self._adopted
        if pid not in self._known or pid in self._ended or not (watched or _is_child(pid)):
            return
        for kill in (os.killpg, os.kill):
            try:
                kill(pid, number)
            except ProcessLookupError:
                continue  # it leads no group
            except PermissionError:
                pass  # superd is not root, and the program is another user's by a set-uid file
            return


def _is_child(pid: int) -> bool:
    """Return whether ``pid`` is a child of this process, living or not reaped yet: as the kernel says, without /proc."""
    if not 0 < pid <= _MAX_PID:
        return False
    try:
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    return True


def whose_programs(services: Counter[str]) -> str:
    """Return whose programs ran when a launcher died: one that a signal ends was killed by root or by one of these."""
    shown = ", ".join(f"{name} {count}" for name, count in services.most_common(5))
    return f"; its programs: {shown}" if shown else ""

"""One launcher as the master keeps it: its pair to the front, what it may start, and its process while there is one.

What: the state of one slot and its transitions: asleep → running → asleep, waiting to start again, standing still.
Runs in: master.
Never: polls or logs; ``LauncherPool`` does.
"""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any

from superd.ipc.launcher_control import RETIRED_SECONDS
from superd.ipc.message_pair import message_pair
from superd.launch_spec import Profile
from superd.master.back_off import BackOff
from superd.master.launcher_child import LauncherProcess

if TYPE_CHECKING:
    from collections.abc import Mapping

    from superd.launch_spec import LaunchSpec


class LauncherSlot:
    """``number`` names it to the front. The slot watches ``launcher_end`` while no process does."""

    def __init__(self, number: int, profile: Profile, pair: tuple[socket.socket, socket.socket] | None = None) -> None:
        self.number = number
        self.profile = profile
        self.user = ""
        self.specs: dict[str, LaunchSpec] = {}
        self.names: set[str] = set()
        """Every service that it ever had: its programs may still run."""
        self._former: dict[str, tuple[LaunchSpec, float]] = {}
        """What was configured here just now, and until when it may be asked for: the request may be in the pair."""
        self.front_end, self.launcher_end = pair or message_pair()
        self.process: LauncherProcess | None = None
        self.started = 0.0
        self.start_at: float | None = None
        """When it is watched again after a death."""
        self.stopped_by: float | None = None
        """When it is killed unless it goes on."""
        self.back_off = BackOff()

    def row(self) -> dict[str, Any]:
        """Return the slot for the next program of this process."""
        process = self.process
        return {
            "number": self.number,
            "profile": self.profile.row(),
            "user": self.user,
            "names": sorted(self.names),
            "front": self.front_end.fileno(),
            "launcher": self.launcher_end.fileno(),
            "process": None if process is None else [process.pid, process.control.fileno(), process.table],
        }

    @classmethod
    def of_row(cls, row: dict[str, Any]) -> LauncherSlot:
        """Return the slot that the earlier program of this process wrote as ``row``."""
        pair = (socket.socket(fileno=row["front"]), socket.socket(fileno=row["launcher"]))
        slot = cls(row["number"], Profile.of_row(row["profile"]), pair)
        slot.user, slot.names = row["user"], set(row["names"])
        if row["process"] is not None:
            pid, control, memory = row["process"]
            slot.process = LauncherProcess(pid, socket.socket(fileno=control), memory)
        return slot

    def assign(self, specs: Mapping[str, LaunchSpec], now: float) -> None:
        """Replace what may be asked for; what was possible before remains so for a while."""
        kept = {name: entry for name, entry in self._former.items() if entry[1] > now}
        self._former = kept | {name: (spec, now + RETIRED_SECONDS) for name, spec in self.specs.items()}
        self.specs = dict(specs)
        self.names |= specs.keys()

    def all_specs(self, now: float) -> dict[str, LaunchSpec]:
        """Return what a launcher that starts just now may be asked for."""
        return {name: spec for name, (spec, until) in self._former.items() if until > now} | self.specs

    @property
    def users(self) -> range:
        """The users of its programs; empty for superd's own."""
        uid = self.profile.uid
        return self.profile.users or range(max(uid, 0), uid + 1)

    def renew_pair(self) -> None:
        """Replace the pair; what waits in it is lost, and its clients see an end."""
        self.front_end.close()
        self.launcher_end.close()
        self.front_end, self.launcher_end = message_pair()

    def due(self) -> float | None:
        """Return when something is to be done with it (monotonic)."""
        return min((moment for moment in (self.start_at, self.stopped_by) if moment is not None), default=None)

    def close(self) -> None:
        """Close every descriptor: in a child of the master."""
        self.front_end.close()
        self.launcher_end.close()
        if self.process is not None:
            self.process.close()

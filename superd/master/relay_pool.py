"""The master's relays: started at the first session that the front has for one, ended when idle, replaced when they fail.

Runs in the master. It keeps both ends of each pair between front and relay, as it keeps the listeners, and reads neither:
a relay that does not run is one whose end has become readable. A relay that died takes its pair with it, so the front sees
which sessions are over; it gets another pair.
Never: sees a byte that a relay carries.
"""

from __future__ import annotations

import os
import select
import signal
import socket
import sys
import time
from functools import cache
from typing import TYPE_CHECKING

from superd.exit_status import EX_NOPERM, EX_OSERR, EX_PROTOCOL, EX_SOFTWARE
from superd.ipc.front_orders import Fd
from superd.ipc.message_pair import message_pair
from superd.master.adopted import UNKNOWN, Adopted
from superd.master.launcher_bundle import launcher_bundle, lent
from superd.relay_count import relay_count
from superd.system import oom_score
from superd.system.process_state import state_of
from superd.system.spawn import choose_spawn

if TYPE_CHECKING:
    from superd.launch_spec import Account
    from superd.log.log import Log
    from superd.settings import Settings
    from superd.system.spawn import Spawn

STOPPED_GRACE = 5.0
"""Seconds that a relay may stand still by a signal; its sessions stand with it."""
CRASH_PAUSE = 1.0
"""Seconds before a relay that died within its first second is started again."""

FIRST_SECURE = 1000
"""Relays from this number on speak TLS; each number is used for one set of keys."""

_ENDED = {
    EX_SOFTWARE: "by a fault of its own",
    EX_OSERR: "because the kernel would not confine it",
    EX_PROTOCOL: "because the front broke the protocol",
    EX_NOPERM: "because root cannot be given up",
}


@cache
def _spawn() -> Spawn:
    return choose_spawn()


def start_relay(end: socket.socket, user: tuple[int, int] | None, number: int = 0, stderr: int = 2, keys: int = -1) -> int:
    """Starts relay ``number`` at ``end`` of a pair, which stays the caller's, as this (uid, gid). Returns its pid.

    ``keys`` is memory that ``load/tls_files.py`` filled: with it the relay speaks TLS.

    Raises ``OSError`` when it cannot be started.
    """
    uid, gid = user if user is not None else (-1, -1)
    bundle = launcher_bundle()
    with bundle.lent() as memory, lent(keys) as copy:
        words = bundle.command("relay", memory, str(uid), str(gid), str(copy), f"superd: relay {number}")
        return _spawn()((os.fsencode(sys.executable),), words, [b"PATH=" + os.fsencode(os.defpath)], end.fileno(), stderr, 0o022)


class _Slot:
    """One relay: its pair, and its process while there is one (``pid``, else 0)."""

    def __init__(self, number: int, pair: tuple[socket.socket, socket.socket] | None = None, keys: int = -1) -> None:
        """``keys``: the memory that it speaks TLS with, which is the pool's."""
        self.number = number
        self.keys = keys
        self.front_end, self.relay_end = pair or message_pair()
        self.pid = 0
        self.started = 0.0
        self.due: float | None = None
        """When its end of the pair is looked at again."""
        self.stopped: float | None = None
        """When it is killed unless it goes on."""


class RelayPool:
    """All relays of one master."""

    def __init__(self, log: Log, poll: select.poll, account: Account | None, adopted: Adopted | None = None) -> None:
        """``account`` is the front's; None: all of superd is one ordinary user."""
        self._log = log
        self._poll = poll
        self._adopted = adopted or Adopted(poll)
        self._slots: dict[int, _Slot] = {}
        self._user = (account.uid, account.gid) if account is not None else None
        self._new: list[int] = []
        self.stderr = 2
        """What relays get as fd 2."""
        self.in_use = 0
        """Relays from this number on get no new sessions: the settings allow fewer than there are."""
        self._keys = -1
        self.secure: tuple[int, ...] = ()
        """Relays that get new sessions with TLS: those with the newest keys."""

    def configure(self, settings: Settings) -> None:
        """Makes room for as many relays as the settings allow."""
        self.in_use = relay_count(settings.relays)
        for number in range(self.in_use):
            if number not in self._slots:
                self._add(_Slot(number))
        self._add_secure()

    def use_keys(self, keys: int) -> None:
        """Have sessions with TLS from now on use the keys in memory ``keys``, which is the pool's; -1 for none.

        Keys are read as a relay starts, so these get relays of their own. Earlier ones carry what they have to its end.
        """
        old, self._keys, self.secure = self._keys, keys, ()
        for slot in list(self._slots.values()):
            # Those of just before stay: a session may be on its way to one of them.
            if slot.keys not in (-1, old) and not slot.pid:
                self._drop(slot)
        if old >= 0 and all(slot.keys != old for slot in self._slots.values()):
            os.close(old)
        self._add_secure()

    def _add_secure(self) -> None:
        if self._keys >= 0:
            while len(self.secure) < self.in_use:
                slot = _Slot(max(FIRST_SECURE - 1, *self._slots) + 1, keys=self._keys)
                self.secure += (slot.number,)
                self._add(slot)

    def _add(self, slot: _Slot) -> None:
        self._slots[slot.number] = slot
        self._new.append(slot.number)
        self._poll.register(slot.relay_end, select.POLLIN)

    def _drop(self, slot: _Slot) -> None:
        """Forget a relay without a process that gets no session any more."""
        del self._slots[slot.number]
        if slot.due is None:
            self._poll.unregister(slot.relay_end)
        slot.front_end.close()
        slot.relay_end.close()
        if slot.number in self._new:
            self._new.remove(slot.number)
        if slot.keys not in (-1, self._keys) and all(other.keys != slot.keys for other in self._slots.values()):
            os.close(slot.keys)

    def table(self) -> list[dict[str, int]]:
        """Return the relays for the next program of this process."""
        return [
            {"number": slot.number, "front": slot.front_end.fileno(), "relay": slot.relay_end.fileno(), "pid": slot.pid}
            for slot in self._slots.values()
            if slot.pid or slot.keys < 0
        ]

    def take_over(self, table: list[dict[str, int]]) -> None:
        """Go on with the relays of this process's earlier program."""
        for count, row in enumerate(table):
            number = row.get("number", count)
            slot = _Slot(number, (socket.socket(fileno=row["front"]), socket.socket(fileno=row["relay"])))
            slot.pid = row["pid"]
            self._slots[number] = slot
            if not slot.pid:
                self._poll.register(slot.relay_end, select.POLLIN)

    def pairs(self) -> dict[int, Fd]:
        """Return the front's end of every relay's pair."""
        return {slot.number: Fd(slot.front_end.fileno()) for slot in self._slots.values()}

    def pids(self) -> tuple[int, ...]:
        """Return the relays' processes."""
        return tuple(slot.pid for slot in self._slots.values() if slot.pid)

    @property
    def running(self) -> frozenset[int]:
        """The relays that have a process."""
        return frozenset(slot.number for slot in self._slots.values() if slot.pid)

    @property
    def due(self) -> float | None:
        """When a relay is to be looked at next."""
        return min((due for slot in self._slots.values() for due in (slot.due, slot.stopped) if due is not None), default=None)

    def take_new(self) -> dict[int, Fd]:
        """Return the pairs that the front does not have yet."""
        found = {number: Fd(self._slots[number].front_end.fileno()) for number in self._new}
        self._new.clear()
        return found

    # ------------------------------------------------------------------ events of the master's loop

    def on_readable(self, fd: int) -> bool:
        """A session waits for a relay that does not run. False: this descriptor is none of a relay."""
        for slot in self._slots.values():
            if fd == slot.relay_end.fileno():
                self._poll.unregister(slot.relay_end)
                self._start(slot)
                return True
        return False

    def on_timer(self, now: float) -> None:
        """Starts again what died too quickly, and replaces what stands still."""
        for slot in self._slots.values():
            if slot.stopped is not None and now >= slot.stopped:
                slot.stopped = None
                if slot.pid and state_of(slot.pid) == "T":
                    self._kill(slot, "it was stopped by a signal")
            if slot.due is not None and now >= slot.due:
                slot.due = None
                self._poll.register(slot.relay_end, select.POLLIN)

    def stopped(self, pid: int, now: float) -> None:
        """A child of the master was stopped by a signal."""
        for slot in self._slots.values():
            if slot.pid == pid and slot.stopped is None:
                slot.stopped = now + STOPPED_GRACE

    def replace(self, number: int) -> None:
        """The front says that this relay does not answer, or says what is not in the table."""
        slot = self._slots.get(number)
        if slot is not None and slot.pid:
            self._kill(slot, "the front had no answer of it")

    def ended(self, pid: int, status: int) -> bool:
        """A child of the master ended; True when it was a relay. ``take_new`` then may have its number."""
        for slot in self._slots.values():
            if slot.pid == pid:
                slot.pid, slot.stopped = 0, None
                if self._is_former(slot):
                    if status:
                        self._log.message("crit", f"relay {slot.number} ended {_describe(status)}; its sessions are over")
                    self._poll.register(slot.relay_end, select.POLLIN)
                    self._drop(slot)
                    return True
                if status == 0:  # it was idle for long
                    self._poll.register(slot.relay_end, select.POLLIN)
                    return True
                self._log.message("crit", f"relay {slot.number} ended {_describe(status)}; its sessions are over")
                self._renew(slot)
                return True
        return False

    def _is_former(self, slot: _Slot) -> bool:
        """Whether it has only what it has: it was started with earlier keys, or by an earlier program of this process."""
        return slot.number >= FIRST_SECURE and slot.number not in self.secure

    def _renew(self, slot: _Slot) -> None:
        slot.front_end.close()
        slot.relay_end.close()
        slot.front_end, slot.relay_end = message_pair()
        self._new.append(slot.number)
        now = time.monotonic()
        if now - slot.started < CRASH_PAUSE:
            slot.due = now + CRASH_PAUSE
        else:
            self._poll.register(slot.relay_end, select.POLLIN)

    def _start(self, slot: _Slot) -> None:
        slot.started = time.monotonic()
        try:
            slot.pid = start_relay(slot.relay_end, self._user, slot.number, self.stderr, slot.keys)
            oom_score.reset(slot.pid)
        except OSError as problem:
            self._log.message("error", f"relay {slot.number} cannot be started: {problem.strerror}; trying again")
            slot.due = slot.started + CRASH_PAUSE

    def _kill(self, slot: _Slot, why: str) -> None:
        self._log.message("alert", f"relay {slot.number} is being replaced: {why}")
        if not self._adopted.kill(slot.pid, signal.SIGKILL):
            os.kill(slot.pid, signal.SIGKILL)  # the master's child, so the number is still its own; SIGCHLD follows

    def close_copies(self) -> None:
        """In a forked child: what only the master may hold."""
        for slot in self._slots.values():
            slot.front_end.close()
            slot.relay_end.close()
        for keys in {self._keys, *(slot.keys for slot in self._slots.values())} - {-1}:
            os.close(keys)

    def close(self) -> None:
        """Lets every relay end when its last session is over."""
        for slot in self._slots.values():
            if not slot.pid and slot.due is None:
                self._poll.unregister(slot.relay_end)
            slot.front_end.close()
            slot.relay_end.close()
        self._slots.clear()


def _describe(status: int) -> str:
    if status == UNKNOWN:
        return "while another superd ran it"
    if os.WIFSIGNALED(status):
        return f"by signal {os.WTERMSIG(status)}"
    code = os.waitstatus_to_exitcode(status)
    return _ENDED.get(code, f"with status {code}")

"""What operators asked for, kept by the master: bans in a file of the state folder, pauses for as long as superd runs.

Runs in: master (root).
Never: forgets a ban because the file cannot be written: it holds until superd ends, and the operator gets the reason.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, replace
from typing import Any

from superd.system.state_folder import read_state, write_state
from superd.wishes import MAX_BANS, MAX_TEXT, Ban, Hold, Wishes, parse_prefix

FILE = "bans.json"


def _wall() -> float:
    return time.time()  # noqa: TID251 - a ban ends at a time of day, also after a restart


class WishesStore:
    """The wishes in force. ``wall`` is wall-clock time."""

    def __init__(self, wall: Callable[[], float] = _wall) -> None:
        self._wall = wall
        self._bans: dict[tuple[str, str], Ban] = {}
        self._holds: dict[str, Hold] = {}

    def load(self) -> str:
        """Take the bans of the file; return what is wrong with it, or ""."""
        try:
            data = read_state(FILE)
        except OSError as problem:
            return problem.strerror or str(problem)
        if not data:
            return ""
        try:
            values = json.loads(data)
            bans = [_ban(value) for value in values["bans"]]
        except (ValueError, TypeError, KeyError, RecursionError):
            return "it is not a list of bans"
        self._bans = {(ban.prefix, ban.service): ban for ban in bans[:MAX_BANS]}
        return ""

    def holds(self) -> list[dict[str, Any]]:
        """Return what is paused, for the next program of this process."""
        return [asdict(hold) for hold in self._holds.values()]

    def go_on(self, holds: list[dict[str, Any]]) -> None:
        """Pause what an earlier program of this process had paused."""
        self._holds = {hold["service"]: Hold(**hold) for hold in holds}

    @property
    def wishes(self) -> Wishes:
        """All that is in force now."""
        self.expire()
        return Wishes(tuple(self._bans.values()), tuple(self._holds.values()))

    def seconds_left(self, ban: Ban) -> float:
        """Return how long a ban goes on; infinity for ever."""
        return ban.until - self._wall() if ban.until else float("inf")

    def expire(self) -> None:
        """Forget bans that are over."""
        now = self._wall()
        for key in [key for key, ban in self._bans.items() if ban.until and ban.until <= now]:
            del self._bans[key]

    # ------------------------------------------------------------------ changes

    def ban(self, prefix: str, service: str, seconds: float, because: str, by: int) -> Ban | None:
        """Ban, in the place of an earlier ban of the same clients and service. None: there are too many."""
        self.expire()
        if len(self._bans) >= MAX_BANS and (prefix, service) not in self._bans:
            return None
        now = self._wall()
        made = Ban(prefix, service, now, now + seconds if seconds else 0.0, by, because)
        self._bans[prefix, service] = made
        return made

    def unban(self, prefix: str, service: str) -> Ban | None:
        """Take a ban back; None if there is none."""
        return self._bans.pop((prefix, service), None)

    def hold(self, services: Iterable[str], by: int, because: str, *, refuse: bool, drain: bool) -> None:
        """Pause services; one that is paused keeps its time."""
        for name in services:
            before = self._holds.get(name)
            made = Hold(name, self._wall(), by, because, refuse, drain)
            self._holds[name] = replace(made, since=before.since) if before is not None else made

    def release(self, services: Iterable[str]) -> list[str]:
        """Resume services; return those that were paused."""
        return [name for name in services if self._holds.pop(name, None) is not None]

    def save(self) -> str:
        """Write the bans; return why they cannot be written, or ""."""
        data = json.dumps({"bans": [asdict(ban) for ban in self._bans.values()]}, indent=1) + "\n"
        try:
            write_state(FILE, data.encode())
        except OSError as problem:
            where = f"`{problem.filename}`: " if problem.filename else ""
            return f"{where}{problem.strerror or problem}"
        return ""


def _ban(value: Any) -> Ban:
    """Return the ban of the file's object. Raises ``ValueError``, ``TypeError``, ``KeyError``."""
    times = (value["since"], value["until"])
    if not all(type(moment) in (int, float) and 0 <= moment < 1e11 for moment in times) or type(value["by"]) is not int:
        raise ValueError("a field is wrong")
    texts = (value["service"], value["because"])
    if not all(type(text) is str and len(text) <= MAX_TEXT + 56 for text in texts):
        raise ValueError("a text is wrong")
    return Ban(parse_prefix(value["prefix"]), texts[0], float(times[0]), float(times[1]), value["by"], texts[1][:MAX_TEXT])

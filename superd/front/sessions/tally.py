"""What has happened to each service: starts, refusals by reason, ends. Counts only; the panel makes pictures of them.

Runs in: the front. Never: holds a client's address but the last one for each reason.

Counts belong to the service's id, as ``occupancy.py`` has it: they outlive reloads. Minutes are of the monotonic clock.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING

from superd.ipc.panel_messages import LAUNCH, SECONDS
from superd.verdict import Reason

if TYPE_CHECKING:
    from superd.peer import Peer
    from superd.verdict import Verdict

HOUR = 60
"""Minutes that are kept."""
MAX_TALLIES = 4096
"""Services whose counts are kept: a service that is removed keeps its counts until as many others have come."""


class LastRefusal:
    """The refusals for one reason: how many, and the last one."""

    __slots__ = ("detail", "peer", "total", "when")

    def __init__(self) -> None:
        self.total = 0
        self.peer = ""
        self.detail = ""
        self.when = 0.0


class Minute:
    """One minute of one service."""

    __slots__ = ("refused", "started")

    def __init__(self) -> None:
        self.started = 0
        self.refused: dict[Reason, int] = {}


class Tally:
    """The counts of one service since the front began."""

    __slots__ = (
        "_minute", "_now", "exits", "failing", "launch", "launch_sum", "minutes", "reasons", "seconds", "seconds_sum", "started",
    )  # fmt: skip

    def __init__(self) -> None:
        self.started = 0
        self.minutes: dict[int, Minute] = {}
        self.reasons: dict[Reason, LastRefusal] = {}
        self.seconds = [0] * (len(SECONDS) + 1)
        self.seconds_sum = 0.0
        self.launch = [0] * (len(LAUNCH) + 1)
        self.launch_sum = 0.0
        self.exits = [0, 0, 0]
        self.failing = ""
        """Why the last start failed; "" once one succeeded."""
        self._now = -1
        self._minute = Minute()

    def _at(self, now: float) -> Minute:
        number = int(now // 60)
        if number != self._now:
            self._now, self._minute = number, Minute()
            self.minutes[number] = self._minute
            for old in [key for key in self.minutes if key <= number - HOUR]:
                del self.minutes[old]
        return self._minute

    def count_start(self, now: float, waited: float) -> None:
        """Count a program or session that began, ``waited`` seconds after its accept."""
        self.started += 1
        self.failing = ""
        self._at(now).started += 1
        self.launch[bisect_left(LAUNCH, waited)] += 1
        self.launch_sum += waited

    def count_end(self, seconds: float, status: int | None) -> None:
        """Count a session that ended; ``status`` as wait(2) has it, None for what superd served itself."""
        self.seconds[bisect_left(SECONDS, seconds)] += 1
        self.seconds_sum += seconds
        if status is not None:
            self.exits[0 if status == 0 else 2 if status & 0x7F else 1] += 1

    def count_refusal(self, verdict: Verdict, peer: Peer | None, now: float) -> None:
        """Count a refusal."""
        reason = verdict.reason
        refused = self._at(now).refused
        refused[reason] = refused.get(reason, 0) + 1
        last = self.reasons.get(reason)
        if last is None:
            last = self.reasons[reason] = LastRefusal()
        last.total += 1
        last.when = now
        last.peer = peer.address if peer is not None else ""
        last.detail = verdict.detail
        if reason is Reason.LAUNCH:
            self.failing = verdict.detail

    # ------------------------------------------------------------------ what is read

    def hour(self, now: float) -> list[Minute | None]:
        """Return the last 60 minutes, the oldest first."""
        number = int(now // 60)
        return [self.minutes.get(minute) for minute in range(number - HOUR + 1, number + 1)]

    def rate(self, now: float) -> tuple[int, int]:
        """Return starts and refusals of about the last 60 seconds: this minute, and the rest's share of the one before."""
        number, share = int(now // 60), 1 - now % 60 / 60
        counts = [0.0, 0.0]
        for minute, weight in ((self.minutes.get(number), 1.0), (self.minutes.get(number - 1), share)):
            if minute is not None:
                counts[0] += weight * minute.started
                counts[1] += weight * sum(minute.refused.values())
        return round(counts[0]), round(counts[1])

    def full_for(self, now: float) -> float:
        """Return for how many seconds, in whole minutes, the service's limit has refused clients without a pause; 0 for not."""
        number = int(now // 60)
        run = 0
        while (minute := self.minutes.get(number - run)) is not None and Reason.INSTANCES in minute.refused:
            run += 1
        return 60.0 * run


class Tallies:
    """The counts of all services by name."""

    def __init__(self) -> None:
        self._by_name: dict[str, Tally] = {}

    def of(self, name: str) -> Tally:
        """Return the counts of a service, new ones if it has none."""
        tally = self._by_name.get(name)
        if tally is None:
            if len(self._by_name) >= MAX_TALLIES:
                del self._by_name[next(iter(self._by_name))]
            tally = self._by_name[name] = Tally()
        return tally

    def get(self, name: str) -> Tally | None:
        """Return the counts of a service that has some."""
        return self._by_name.get(name)

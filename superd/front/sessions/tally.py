"""What has happened to each service: starts, refusals by reason, ends. Counts only; the panel makes pictures of them.

Runs in: the front. Never: holds a client's address but the last one for each reason.

Counts belong to the service's id, as ``occupancy.py`` has it: they outlive reloads. Minutes are of the monotonic clock.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING, Any

from superd.ipc.panel_messages import LAUNCH, SECONDS
from superd.verdict import Reason

if TYPE_CHECKING:
    from superd.peer import Peer
    from superd.verdict import Verdict

HOUR = 60
"""Minutes that are kept."""
MAX_TALLIES = 4096
"""Services whose counts are kept: a service that is removed keeps its counts until as many others have come."""


TEXT = 500
"""Characters of a peer or a detail that are taken over from an earlier front."""


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
    """The counts of one service since superd began: they go from front to front."""

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
            self._now = number
            self._minute = self.minutes.setdefault(number, Minute())
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

    # ------------------------------------------------------------------ from front to front

    def state(self, now: float) -> list[object]:
        """Return all of it as a list for ``restore``, without minutes that are past."""
        oldest = int(now // 60) - HOUR
        return [
            self.started,
            [
                [number, minute.started, {reason.value: count for reason, count in minute.refused.items()}]
                for number, minute in self.minutes.items()
                if number > oldest
            ],
            {reason.value: [last.total, last.peer, last.detail, last.when] for reason, last in self.reasons.items()},
            self.seconds, self.seconds_sum, self.launch, self.launch_sum, self.exits, self.failing,
        ]  # fmt: skip

    def restore(self, state: list[Any], now: float) -> None:
        """Add what ``state`` returned in an earlier front. What does not look like it is left out, all of it."""
        try:
            started, minutes, reasons, seconds, seconds_sum, launch, launch_sum, exits, failing = state
            past = {
                Reason(word): _last(_count(total), str(peer)[:TEXT], str(detail)[:TEXT], min(_amount(when), now))
                for word, (total, peer, detail, when) in reasons.items()
            }
            for number, began, refused in minutes:
                if int(now // 60) - HOUR < _count(number) <= now // 60:
                    minute = self.minutes.setdefault(number, Minute())
                    minute.started += _count(began)
                    minute.refused = {Reason(word): _count(count) for word, count in refused.items()}
            lists = [[_count(count) for count in counts] for counts in (seconds, launch, exits)]
            if [len(counts) for counts in lists] != [len(self.seconds), len(self.launch), len(self.exits)]:
                return
            self.started += _count(started)
            self.seconds_sum, self.launch_sum = _amount(seconds_sum), _amount(launch_sum)
        except (ValueError, TypeError, AttributeError):
            return
        self.reasons = past
        self.seconds, self.launch, self.exits = lists
        self.failing = str(failing)[:TEXT]

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


def _count(value: object) -> int:
    if type(value) is not int or not 0 <= value < 1 << 63:
        raise ValueError(value)
    return value


def _amount(value: object) -> float:
    if type(value) not in (int, float) or not 0 <= value < 1e15:  # type: ignore[operator]
        raise ValueError(value)
    return float(value)  # type: ignore[arg-type]


def _last(total: int, peer: str, detail: str, when: float) -> LastRefusal:
    last = LastRefusal()
    last.total, last.peer, last.detail, last.when = total, peer, detail, when
    return last


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

    def all(self) -> list[tuple[str, Tally]]:
        """Return name and counts of all."""
        return list(self._by_name.items())

    def get(self, name: str) -> Tally | None:
        """Return the counts of a service that has some."""
        return self._by_name.get(name)

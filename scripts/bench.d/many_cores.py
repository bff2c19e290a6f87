"""A model of superd on a machine with more cores than this one: what its processes cost is measured, the rest is counted.

A front and a launcher do one thing at a time, each program is a process of its own, and a core runs one of them. Processes of
superd that are ready go before programs, which run in slices of a millisecond. What the model leaves out makes machines slower
than it says: locks of the kernel that all of fork, exec and accept share, caches, interrupts of network cards.
"""

from __future__ import annotations

import heapq
import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

SLICE = 1000.0
"""Microseconds that a program runs while others wait."""

Then = Callable[[], None]


@dataclass(frozen=True)
class Costs:
    """Microseconds of processor time of one connection, and how long its launcher waits for exec(2) of the program."""

    front: float
    launcher: float
    program: float
    client: float
    wait: float


@dataclass(frozen=True)
class Found:
    """Starts a second, and the busy part of the time of the fronts, the launchers and the cores."""

    rate: float
    fronts: float
    launchers: float
    cores: float

    def limit(self) -> str:
        """What has no time left; ``clients`` if all of them have some."""
        parts = {"the front": self.fronts, "the launchers": self.launchers, "the cores": self.cores}
        name = max(parts, key=lambda name: parts[name])
        return name if parts[name] > 0.9 else "clients"


@dataclass
class _Process:
    """One process of superd: what it has to do, one thing after another."""

    work: deque[tuple[float, Then, bool]] = field(default_factory=deque)
    busy: bool = False
    used: float = 0.0


class _Machine:
    """Cores, what waits for one, and the clock."""

    def __init__(self, cores: int) -> None:
        self.now = 0.0
        self.used = 0.0
        self._idle = cores
        self._urgent: deque[tuple[float, Then]] = deque()
        self._programs: deque[tuple[float, Then]] = deque()
        self._events: list[tuple[float, int, Then]] = []
        self._count = 0

    def run(self, cost: float, then: Then, *, urgent: bool) -> None:
        """Have a core run something for ``cost``, then do ``then``."""
        (self._urgent if urgent else self._programs).append((cost, then))
        self._fill()

    def until(self, end: float) -> None:
        """Let the time pass."""
        while self._events and self._events[0][0] <= end:
            self.now, _, then = heapq.heappop(self._events)
            self._idle += 1
            then()
            self._fill()

    def _fill(self) -> None:
        while self._idle and (self._urgent or self._programs):
            cost, then = (self._urgent or self._programs).popleft()
            part = min(cost, SLICE)
            if part < cost:
                then = self._go_on(cost - part, then)
            self._idle -= 1
            self._count += 1
            self.used += part
            heapq.heappush(self._events, (self.now + part, self._count, then))

    def _go_on(self, rest: float, then: Then) -> Then:
        return lambda: self._programs.append((rest, then))


class _Superd:
    """Fronts and launchers on a machine, and clients that come again as soon as their program has ended."""

    def __init__(self, machine: _Machine, costs: Costs, fronts: int, launchers: int, extra: float) -> None:
        self._machine = machine
        self._costs = costs
        self._extra = extra
        self.fronts = [_Process() for _ in range(fronts)]
        self.launchers = [_Process() for _ in range(launchers)]
        self.done = 0

    def client(self, number: int, *, here: bool) -> None:
        """One more connection of this client, whose own time is taken from the same cores if it runs ``here``."""
        front = self.fronts[number % len(self.fronts)]

        def connected() -> None:
            self._do(front, self._costs.front / 2, admitted)

        def admitted() -> None:
            launcher = min(self.launchers, key=lambda one: len(one.work) + one.busy)
            self._do(launcher, self._costs.launcher, lambda: started(launcher), keeps=True)

        def started(launcher: _Process) -> None:
            # The launcher stands still in vfork(2) until the program's exec, which is the first part of the program's time.
            self._machine.run(self._costs.wait, lambda: executed(launcher), urgent=False)

        def executed(launcher: _Process) -> None:
            self._free(launcher)
            rest = max(0.0, self._costs.program - self._costs.wait) + self._extra
            self._machine.run(rest, ended, urgent=False)

        def ended() -> None:
            self.done += 1
            self._do(front, self._costs.front / 2, lambda: None)
            self.client(number, here=here)

        if here:
            self._machine.run(self._costs.client, connected, urgent=False)
        else:
            connected()

    def _do(self, process: _Process, cost: float, then: Then, *, keeps: bool = False) -> None:
        process.work.append((cost, then, keeps))
        if not process.busy:
            self._next(process)

    def _next(self, process: _Process) -> None:
        cost, then, keeps = process.work.popleft()
        process.busy = True
        began = self._machine.now

        def over() -> None:
            process.used += self._machine.now - began
            if keeps:
                process.used += self._costs.wait
            then()
            if not keeps:
                self._free(process)

        self._machine.run(cost, over, urgent=True)

    def _free(self, process: _Process) -> None:
        process.busy = False
        if process.work:
            self._next(process)


def simulate(
    costs: Costs, cores: int, *, fronts: int = 1, launchers: int = 2, at_once: int = 0, extra: float = 0.0, here: bool = False,
    seconds: float = 0.4,
) -> Found:  # fmt: skip
    """Return what a machine starts; ``extra`` is time of each program above that of the tiny one, in microseconds."""
    machine = _Machine(cores)
    superd = _Superd(machine, costs, fronts, launchers, extra)
    for number in range(at_once or 16 * cores):
        superd.client(number, here=here)
    half = seconds * 5e5
    machine.until(half)  # until then it fills
    processes = [*superd.fronts, *superd.launchers]
    done, used, before = superd.done, machine.used, [one.used for one in processes]
    machine.until(2 * half)
    busy = [(one.used - earlier) / half for one, earlier in zip(processes, before, strict=True)]
    rate = (superd.done - done) / half * 1e6
    return Found(rate, max(busy[:fronts]), max(busy[fronts:]), (machine.used - used) / half / cores)


def spread(sources: int, fronts: int, *, even: bool, seed: int = 1) -> float:
    """Return how many fronts' work ``fronts`` do if each source belongs to one of them by its hash.

    Sources are equally busy (``even``), or the n-th has 1/n of the traffic of the first (Zipf's law).
    """
    chance, load = random.Random(seed), [0.0] * fronts  # noqa: S311 - a simulation
    weights = [1.0 if even else 1 / (number + 1) for number in range(sources)]
    for weight in weights:
        load[chance.randrange(fronts)] += weight
    return sum(weights) / max(load)

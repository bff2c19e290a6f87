"""The groups of processes (cgroup v2) that a launcher has for its programs: some made ahead by the master, those in use.

Runs in: launchers. Standard library only. Never makes a group or sets a limit: the master does, at this process's word.
"""

from __future__ import annotations

from superd.ipc.launcher_control import EMPTIED, WANTED
from superd.system.program_group import Group

TYPE_CHECKING = False  # as typing has it, which would cost every launcher 0.6 MiB
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

FEW = 4
"""Groups in stock below which more are asked for: the answer has eight."""
AGAIN = 1.0
"""Seconds after which an answer that has not come is asked for again: the master found no room."""
MOST_TOLD = 16
"""Numbers of groups in one word to the master."""
NEVER = float("inf")


class Groups:
    """All of one launcher. ``tell`` sends the master a word with a text, and returns whether it had room."""

    def __init__(self, tell: Callable[[bytes, str], bool]) -> None:
        self._tell = tell
        self._emptied: list[int] = []
        """Groups that the master is to hear of: they are not needed any more."""
        self._stock: dict[int, list[Group]] = {}
        self._asked: dict[int, float] = {}
        self._digests: dict[int, str] = {}
        self._ending: list[tuple[float, Group]] = []
        """Groups whose program has ended, and when what it left gets SIGKILL."""

    def __bool__(self) -> bool:
        return bool(self._ending or self._emptied)

    @property
    def due(self) -> float:
        """When ``on_time`` has something to do (monotonic); infinite for never."""
        return min((when for when, _ in self._ending), default=NEVER)

    def configure(self, digests: Iterable[tuple[int, str]], now: float) -> None:
        """Take the services with their limits: groups in stock with others are given back, and new ones asked for."""
        known = {index: digest for index, digest in digests if digest}
        for index, groups in list(self._stock.items()):
            if known.get(index) != self._digests.get(index):
                del self._stock[index]
                for group in groups:
                    self._let_go(group)
        for index in known:
            if known[index] != self._digests.get(index):
                self._asked.pop(index, None)
        self._digests = known
        for index in known:
            self._ask(index, now)

    def add(self, index: int, group: Group) -> None:
        """Take a group that the master has made."""
        if index not in self._digests:
            self._let_go(group)
            return
        self._asked.pop(index, None)
        self._stock.setdefault(index, []).append(group)

    def take(self, index: int, now: float) -> Group | None:
        """Return a group for a program of the service, which is the caller's; None: there is none yet, and one is asked for."""
        stock = self._stock.get(index)
        group = stock.pop() if stock else None
        self._ask(index, now)
        return group

    def unused(self, group: Group) -> None:
        """A program could not be started in it."""
        self._let_go(group)

    def stale(self, index: int, now: float) -> None:
        """The groups of a service are gone: the master became another program, and makes new ones."""
        for group in self._stock.pop(index, []):
            self._let_go(group)
        self._asked.pop(index, None)
        self._ask(index, now)

    def program_ended(self, group: Group, grace: float, now: float) -> None:
        """The program is gone; what it left gets SIGKILL after ``grace``, or lives on with a negative one."""
        if grace >= 0 and group.populated:
            self._ending.append((now + grace, group))
        else:
            self._let_go(group)

    def on_time(self, now: float) -> None:
        """Kill what is due."""
        if self.due > now:
            return
        for _, group in [entry for entry in self._ending if entry[0] <= now]:
            group.end()
            self._let_go(group)
        self._ending = [entry for entry in self._ending if entry[0] > now]

    def end_now(self) -> None:
        """This process ends: kill what would have been killed later."""
        for _, group in self._ending:
            group.end()

    def send(self) -> None:
        """Tell the master which groups are not needed; what it has no room for comes with the next call."""
        while self._emptied:
            some = self._emptied[:MOST_TOLD]
            if not self._tell(EMPTIED, " ".join(map(str, some))):
                return
            del self._emptied[: len(some)]

    def _ask(self, index: int, now: float) -> None:
        if len(self._stock.get(index, ())) < FEW and now - self._asked.get(index, -AGAIN) >= AGAIN:
            self._asked[index] = now
            self._tell(WANTED, str(index))

    def _let_go(self, group: Group) -> None:
        self._emptied.append(group.number)
        group.close()

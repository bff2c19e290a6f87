"""What front and panel say to each other: questions and answers as records of text. A closed table, each field checked.

What: the records; ``ipc/panel_codec.py`` writes and reads them.
Runs in: front, panel. Neither trusts the other: the front reads strangers' bytes, the panel operators' ones.
Never: answers a question.

A message from the panel is one question. The front's answer is one message: ``Answer``, then rows. A list has pages: a question
names the last key that is known, and the answer says where the next page begins.
"""

from __future__ import annotations

from typing import Any, NamedTuple

MAX_MESSAGE = 192 * 1024
"""Bytes of one message; a page of the longest rows fits into it."""
PAGE = 128
"""Rows of one answer: making them costs the front less than a millisecond."""


# ---------------------------------------------------------------------------------------------------- questions


class AskFront(NamedTuple):
    """How is the front as a whole? Answered by one ``FrontRow``."""

    number: int


class AskServices(NamedTuple):
    """The services after this name: ``ServiceRow``."""

    number: int
    after: str


class AskService(NamedTuple):
    """All about one service: ``ServiceRow``, ``MinutesRow``, ``ReasonRow``, ``LimitRow``; nothing where it is not served."""

    number: int
    service: str


class AskMinutes(NamedTuple):
    """The last hour of the services after this name: ``MinutesRow``."""

    number: int
    after: str


class AskSessions(NamedTuple):
    """The live sessions with connection numbers above ``after``, of one service or of all (""): ``SessionRow``."""

    number: int
    service: str
    after: int


class AskEvents(NamedTuple):
    """The events in the ring after number ``after``: ``EventRow``."""

    number: int
    after: int


class AskBans(NamedTuple):
    """How often each ban refused a connection, from ban ``after`` on: ``BanRow``."""

    number: int
    after: int


class AskPenalties(NamedTuple):
    """The sources that are refused for their penalties, from number ``after`` on: ``PenaltyRow``."""

    number: int
    after: int


class Lift(NamedTuple):
    """Forget the penalties of sources within ``prefix``, of one service or of all (""), and then what sensors have banned.

    Answered by the ``PenaltyRow`` of each, at most a page.
    """

    number: int
    prefix: str
    service: str


class AskClient(NamedTuple):
    """What is in force for a client of a service: ``ClientRow``; nothing where the service is not served."""

    number: int
    service: str
    address: str


class AskCounts(NamedTuple):
    """Counts since the front began, of the services after this name: ``CountRow``."""

    number: int
    after: str


class Kick(NamedTuple):
    """End a session: SIGTERM, and SIGKILL after its service's grace; ``now``: SIGKILL at once. ``ban``: because of a ban.

    Answered by its ``SessionRow``, or by nothing where it is over.
    """

    number: int
    conn: int
    now: bool
    ban: bool


# ---------------------------------------------------------------------------------------------------- answers


class Answer(NamedTuple):
    """Rows of the answer to question ``number`` follow. ``more`` is the key after which the next page begins, or ""."""

    number: int
    more: str


class FrontRow(NamedTuple):
    """The front as a whole. ``waiting`` connections have no verdict yet; ``sensor`` addresses were banned by sensors.

    ``log_waiting`` records wait for slow log targets, ``log_lost`` were dropped since the front began, ``age`` seconds ago.
    ``rules`` are those of both tables, read again in ``policy_seconds``; ``lookups`` of names took ``lookup_seconds`` in all.
    """

    sessions: int
    waiting: int
    sensor: int
    log_waiting: int
    log_lost: int
    lag: float
    age: float
    rules: int = 0
    policy_seconds: float = 0.0
    lookups: int = 0
    lookup_seconds: float = 0.0


class ServiceRow(NamedTuple):
    """One service. ``limit`` and ``per_source`` are -1 where there is none.

    ``full`` is how long its limit has refused clients, in whole minutes of seconds, 0 while it does not. ``worst`` is the
    reason of most refusals of the last hour. ``failing``: its last start failed.
    """

    name: str
    addresses: tuple[str, ...]
    runs: str
    user: str
    running: int
    limit: int
    per_source: int
    leftovers: int
    minute: int
    hour: int
    refused_minute: int
    refused_hour: int
    worst: str
    full: float
    failing: str


class MinutesRow(NamedTuple):
    """The last 60 minutes of a service, the oldest first: sessions that began, and refusals."""

    service: str
    served: tuple[str, ...]
    refused: tuple[str, ...]


class ReasonRow(NamedTuple):
    """Refusals of a service for one reason: in the last hour, since the front began, and the last client."""

    service: str
    reason: str
    hour: int
    total: int
    peer: str
    ago: float
    detail: str


class LimitRow(NamedTuple):
    """``used`` of ``limit`` (-1: no number) of what a key of a service limits; ``who`` has most of it, or what the limit is."""

    service: str
    key: str
    used: int
    limit: int
    who: str


class SessionRow(NamedTuple):
    """One live session. ``rule`` is the place of the rule that admitted it; ``age`` and ``wait`` are seconds."""

    conn: int
    service: str
    peer: str
    name: str
    user: str
    local: str
    pid: int
    stage: str
    age: float
    rule: str


class EventRow(NamedTuple):
    """One event. ``when`` is wall-clock seconds. A key begins with the type of its value: s, i or f."""

    sequence: int
    when: float
    level: str
    event: str
    service: str
    session: str
    text: str
    keys: tuple[str, ...]
    values: tuple[str, ...]


class BanRow(NamedTuple):
    """How often a ban refused a connection since the front began."""

    prefix: str
    service: str
    hits: int


class PenaltyRow(NamedTuple):
    """A source that a service refuses for ``left`` seconds more, for what it did (``why``); ``refused`` connections meanwhile.

    ``service`` is "" for what touched a sensor, which all services refuse; ``left`` is 0 for ever.
    """

    service: str
    source: str
    left: float
    refused: int
    why: str


class ClientRow(NamedTuple):
    """What is in force for a client: the prefix of the ban that refuses it, which sensors banned it, and what runs.

    ``of_source`` of the running sessions are of its source; limits are -1 where there is none. ``refused`` is the
    reason for which another limit refuses it, or "", ``detail`` more about it. ``waits``: above the limits it waits in the queue.
    """

    ban: str
    sensor: str
    running: int
    limit: int
    of_source: int
    source_limit: int
    refused: str
    detail: str
    waits: bool


class CountRow(NamedTuple):
    """Counts of one service since the front began. Lists of numbers are texts; ``reasons`` belong to ``refused``.

    ``seconds`` counts sessions by their length, ``launch`` starts by the time from accept to start, in the buckets of
    ``SECONDS`` and ``LAUNCH``; each has one more, for what is longer. ``exits`` are by kind: exit 0, another status, a signal.
    ``penalised`` sources have penalties now; ``certificate_end`` is in seconds since 1970, 0 for none.
    """

    service: str
    started: int
    running: int
    limit: int
    reasons: tuple[str, ...]
    refused: tuple[str, ...]
    seconds: tuple[str, ...]
    seconds_sum: float
    launch: tuple[str, ...]
    launch_sum: float
    exits: tuple[str, ...]
    penalised: int
    certificate_end: float


SECONDS = (0.1, 1.0, 10.0, 60.0, 600.0, 3600.0, 86400.0)
LAUNCH = (0.001, 0.005, 0.02, 0.1, 0.5, 2.0, 10.0)

Question = (
    AskFront | AskServices | AskService | AskMinutes | AskSessions | AskEvents | AskBans | AskPenalties
    | AskClient | AskCounts | Kick | Lift
)  # fmt: skip
Row = (
    FrontRow | ServiceRow | MinutesRow | ReasonRow | LimitRow | SessionRow | EventRow | BanRow | PenaltyRow | ClientRow | CountRow
)

QUESTIONS: dict[str, type[Any]] = {
    "f": AskFront, "s": AskServices, "d": AskService, "m": AskMinutes, "l": AskSessions, "e": AskEvents, "b": AskBans,
    "p": AskPenalties, "u": Lift, "c": AskClient, "n": AskCounts, "k": Kick,
}  # fmt: skip
ROWS: dict[str, type[Any]] = {
    "F": FrontRow, "S": ServiceRow, "M": MinutesRow, "R": ReasonRow, "T": LimitRow, "L": SessionRow, "E": EventRow, "B": BanRow,
    "P": PenaltyRow, "C": ClientRow, "N": CountRow,
}  # fmt: skip
ANSWER = "A"

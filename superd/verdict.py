"""The answer to "may this peer connect?", and why. Never an exception, never a log line."""

from __future__ import annotations

from enum import Enum, StrEnum
from typing import TYPE_CHECKING

from superd.frozen import frozen

if TYPE_CHECKING:
    from superd.rule import Option, Rule


class Reason(StrEnum):
    """Why; the value is the log word, the metric label and the test id."""

    NO_RULE = "no_rule"
    RULE_ALLOW = "rule_allow"
    RULE_DENY = "libwrap"
    RULE_BROKEN = "rule_broken"
    ADDRESS = "address"
    SENSOR = "sensor"
    BANNED = "banned"
    PAUSED = "paused"
    HOURS = "time"
    LOAD = "load"
    INSTANCES = "instances"
    PER_SOURCE = "per_source"
    QUEUE = "queue"
    QUEUE_TIME = "queue_time"
    PROCESSES = "process_limit"
    RATE = "cps"
    SOURCE_RATE = "source_rate"
    SOURCE_LIMIT = "source_limit"
    PENALTY = "penalty"
    STARTS = "per_minute"
    IDENT = "ident"
    PROXY = "proxy"
    TLS = "tls"
    DECIDE_TIMEOUT = "decide_timeout"
    START_LIMIT = "start_limit"
    OVERLOAD = "overload"
    BANNER = "banner"
    GONE = "gone"
    LAUNCH = "fork"
    REDIRECT = "redirect"
    STOPPING = "stopping"

    @property
    def xinetd_word(self) -> str:
        """The word xinetd's FAIL line has for this (log.c); superd's own reasons map to the nearest."""
        return _XINETD_WORDS.get(self, self.value)


_XINETD_WORDS = {
    Reason.INSTANCES: "service_limit",
    Reason.PER_SOURCE: "per_source_limit",
    Reason.QUEUE: "service_limit",
    Reason.QUEUE_TIME: "service_limit",
    Reason.REDIRECT: "fork",
    Reason.RATE: "connections per second",
    Reason.SOURCE_RATE: "connections per second",
    Reason.SOURCE_LIMIT: "per_source_limit",
    Reason.PENALTY: "address",
    Reason.STARTS: "connections per second",
    Reason.SENSOR: "address",
    Reason.BANNED: "address",
    Reason.PAUSED: "UNKNOWN",
    Reason.RULE_BROKEN: "libwrap",
    Reason.DECIDE_TIMEOUT: "libwrap",
    Reason.START_LIMIT: "UNKNOWN",
    Reason.OVERLOAD: "process_limit",
    Reason.PROXY: "address",
    Reason.TLS: "UNKNOWN",
    Reason.BANNER: "UNKNOWN",
    Reason.GONE: "UNKNOWN",
    Reason.STOPPING: "UNKNOWN",
}


class Need(Enum):
    """A fact that must be looked up before the question can be answered; asked by returning it."""

    HOST_NAME = "host_name"
    USER_NAME = "user_name"
    SERVER_NAME = "server_name"
    NETGROUP = "netgroup"
    ACLEXEC = "aclexec"
    FRESH_TABLES = "fresh_tables"
    CERTIFICATE = "certificate"


@frozen
class Verdict:
    """``admit`` or refuse, the reason, the rule that decided (if one did) and a line for people.

    ``limit`` is the value of the limit that refused, ``now`` the count it met.
    ``steps`` are the options of the matched rule to carry out, in libwrap's order, up to the first that is in error.
    """

    admit: bool
    reason: Reason
    rule: Rule | None = None
    detail: str = ""
    steps: tuple[Option, ...] = ()
    limit: int | float | None = None
    now: int | float | None = None

    def why(self) -> str:
        """One line: the word, the rule's file and line, the detail."""
        parts = [self.reason.value]
        if self.rule is not None:
            parts.append(str(self.rule.origin))
        if self.detail:
            parts.append(self.detail)
        return ": ".join(parts)


@frozen
class Ask:
    """No verdict yet: ``need`` must be found out first.

    ``option`` is the aclexec command of ``rule`` to run, ``steps`` the options before it; ``netgroup`` is (group, host).
    ``own`` says that the service's own rules ask, before the tables.
    """

    need: Need
    option: Option | None = None
    steps: tuple[Option, ...] = ()
    netgroup: tuple[str, str] = ("", "")
    rule: Rule | None = None
    own: bool = False


ADMITTED = Verdict(True, Reason.NO_RULE)
"""Nothing is against the peer and nothing has to be done for it. Compared by identity on the fast way."""
STALE = Ask(Need.FRESH_TABLES)
"""The tables have changed: they must be read before they decide."""

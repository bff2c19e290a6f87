"""How the five inetds differ: families, limits, environment, wrappers. A table and its look-ups; parses no line.

Sources: inetd(8) and inetd.c of OpenBSD (openbsd-inetd 0.20221205), FreeBSD, NetBSD, inetutils 2.4, busybox 1.35.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Name = Literal["openbsd", "freebsd", "netbsd", "inetutils", "busybox"]


@dataclass(frozen=True, slots=True)
class Dialect:
    """One inetd. ``rate`` is its starts within 60 s without a number of its own, ``pause`` the seconds behind them."""

    name: Name
    plain: tuple[str, ...]
    """Addresses of `tcp` and `udp`; `*` is both families."""
    six: tuple[str, ...]
    """Addresses of `tcp6` and `udp6`."""
    rate: int | None
    pause: float
    fewer: int
    """How many less than N the `.N` of this inetd lets in."""
    separators: str
    """What may stand between `nowait` and its number."""
    wrapped: bool
    """Whether it asks hosts.allow and hosts.deny without tcpd."""
    passenv: tuple[str, ...]
    quotes: bool
    continues: bool


_ALL = ("*",)
_V4 = ("0.0.0.0",)  # noqa: S104 - what `tcp` says there
_V6 = ("[::]",)
_EVERY = ("*",)
# OpenBSD drops PATH, HOME, LD_* and two dozen more; what superd hands on is the harmless rest by name.
_LAUNDERED = ("LANG", "LC_ALL", "LC_CTYPE", "TZ")

DIALECTS: dict[Name, Dialect] = {
    dialect.name: dialect
    for dialect in (
        Dialect("openbsd", _ALL, _V6, 256, 600.0, 1, ".", False, _LAUNDERED, False, True),
        Dialect("freebsd", _V4, _V6, 256, 600.0, 0, "/", True, _EVERY, True, True),
        Dialect("netbsd", _V4, _V6, 40, 600.0, 0, ".:", True, _EVERY, True, True),
        Dialect("inetutils", _V4, _ALL, 1000, 600.0, 0, ".", False, _EVERY, False, True),
        Dialect("busybox", _V4, _ALL, None, 60.0, 1, ".", False, _EVERY, False, False),
    )
}


def detect(lines: Iterable[str]) -> tuple[Name, str]:
    """The dialect of ``lines`` and the word that told it; OpenBSD's (Debian's) else."""
    for line in lines:
        text = line.strip()
        if text.startswith(".include"):
            return "netbsd", ".include"
        if not text or text.startswith("#"):
            continue
        words = text.split()
        if len(words) > 1 and words[1] in ("on", "off"):
            return "netbsd", f"{words[1]} …;"
        if len(words) < 5:
            continue
        if re.match(r"(no)?wait/\d", words[3]) or "/" in words[4]:
            return "freebsd", words[3] if "/" in words[3] else words[4]
        if re.match(r"(no)?wait:\d", words[3]) or re.match(r"\w+[,:]", words[1]):
            return "netbsd", words[3] if ":" in words[3] else words[1]
        if words[2].endswith("6only"):
            return "inetutils", words[2]
        if words[0] == "auth" and words[5:6] == ["internal"]:
            return "freebsd", "auth … internal"
    return "openbsd", ""

"""How the five inetds differ: families, limits, environment, wrappers. A table and its look-ups; parses no line.

Sources: inetd(8) and inetd.c of OpenBSD (openbsd-inetd 0.20221205), FreeBSD, NetBSD, inetutils 2.4, busybox 1.35. Pure; any
process.

Runs in: the reading child, the operator's commands.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import get_close_matches
from typing import Literal

from superd.frozen import frozen

Name = Literal["openbsd", "freebsd", "netbsd", "inetutils", "busybox"]


@frozen
class Dialect:
    """One inetd. ``rate`` is its starts within 60 s without a number of its own, ``pause`` the seconds after them."""

    name: Name
    plain: tuple[str, ...]
    """Addresses of `tcp` and `udp`; `*` is both families."""
    six: tuple[str, ...]
    """Addresses of `tcp6` and `udp6`."""
    rate: int | None
    pause: float
    fewer: int
    """How many less than N the `.N` of this inetd admits."""
    separators: str
    """What may stand between `nowait` and its number."""
    wrapped: bool
    """Whether it asks hosts.allow and hosts.deny without tcpd."""
    passenv: tuple[str, ...]
    quotes: bool
    continues: bool
    path: tuple[str, ...] = ()
    """Folders in which it looks for a program that is named without one."""


_ALL = ("*",)
_V4 = ("0.0.0.0",)  # noqa: S104 - what `tcp` says there
_V6 = ("[::]",)
_EVERY = ("*",)
# OpenBSD drops PATH, HOME, LD_* and two dozen more; what superd hands on is the harmless rest by name.
_LAUNDERED = ("LANG", "LC_ALL", "LC_CTYPE", "TZ")
_SEARCHED = ("/sbin", "/usr/sbin", "/bin", "/usr/bin")

DIALECTS: dict[Name, Dialect] = {
    dialect.name: dialect
    for dialect in (
        Dialect("openbsd", _ALL, _V6, 256, 600.0, 1, ".", False, _LAUNDERED, False, True),
        Dialect("freebsd", _V4, _V6, 256, 600.0, 0, "/", True, _EVERY, True, True),
        Dialect("netbsd", _V4, _V6, 40, 600.0, 0, ".:", True, _EVERY, True, True),
        Dialect("inetutils", _V4, _ALL, 1000, 600.0, 0, ".", False, _EVERY, False, True),
        Dialect("busybox", _V4, _ALL, None, 60.0, 1, ".", False, _EVERY, False, False, _SEARCHED),
    )
}

_HEADS: tuple[tuple[str, Name], ...] = (
    (r"\$(?:FreeBSD|DragonFly)\b", "freebsd"),
    (r"\$NetBSD\b", "netbsd"),
    (r"\$OpenBSD\b", "openbsd"),
    (r"#<off>#|\bupdate-inetd\b", "openbsd"),  # Debian's, whose own inetd is OpenBSD's
    (r"(?i)\bbusybox\b", "busybox"),
    (r"(?i)\binetutils\b", "inetutils"),
)
_SOCKET_TYPES = frozenset({"stream", "dgram", "raw", "rdm", "seqpacket"})


@frozen
class Detected:
    """The dialect of a file, and the word that tells it: nothing where it is in doubt.

    In doubt the closed reading counts: hosts.allow and hosts.deny are asked for every service.
    """

    name: Name
    word: str = ""
    wrapped: bool = True


def detect(lines: Iterable[str]) -> Detected:
    """The dialect of ``lines``, the comments among them; OpenBSD's grammar where nothing tells it."""
    kept = [line.strip() for line in lines]
    for text in kept:
        found = _by_syntax(text)
        if found is not None:
            return Detected(*found, wrapped=DIALECTS[found[0]].wrapped)
    for text in kept:
        for pattern, name in _HEADS if text.startswith("#") else ():
            if match := re.search(pattern, text):
                return Detected(name, match[0], wrapped=DIALECTS[name].wrapped)
    guarded = next((text for text in kept if _runs_tcpd(text)), "")
    if guarded:  # an inetd that asked the tables itself would not need it
        return Detected("openbsd", "tcpd", wrapped=False)
    return Detected("openbsd")


def _by_syntax(text: str) -> tuple[Name, str] | None:
    """What only one inetd understands."""
    if text.startswith(".include"):
        return "netbsd", ".include"
    if not text or text.startswith("#"):
        return None
    words = text.split()
    if len(words) > 1 and words[1] in ("on", "off"):
        return "netbsd", f"{words[0]} {words[1]}"
    if len(words) < 5:
        return None
    wait, user = words[3], words[4]
    if re.match(r"(no)?wait/\d", wait) or "/" in user:
        return "freebsd", wait if "/" in wait else user
    if re.match(r"(no)?wait:\d", wait) or re.match(r"\w+[,:]", words[1]):
        return "netbsd", wait if ":" in wait else words[1]
    if words[2].endswith("6only"):
        return "inetutils", words[2]
    if words[0] == "auth" and words[5:6] == ["internal"]:
        return "freebsd", "auth … internal"
    if words[1] in _SOCKET_TYPES and len(words) > 5 and re.fullmatch(r"[A-Za-z][\w.-]*", words[5]) and not _is_internal(words[5]):
        return "busybox", words[5]
    return None


def _is_internal(word: str) -> bool:
    """Whether a word is `internal`, or was meant as it: then it names no program of busybox's."""
    return word == "internal" or bool(get_close_matches(word, ("internal",), 1))


def _runs_tcpd(text: str) -> bool:
    words = text.split()
    return not text.startswith("#") and len(words) > 5 and words[5].rpartition("/")[2] == "tcpd"

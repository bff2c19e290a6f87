"""Values of systemd's settings → values of superd's keys, for settings that one key takes as they are.

Runs in: the operator's commands. Pure. Never: looks at another setting, or at the host.
"""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_network

from superd.config.systemd.unit import Unusual, seconds


def is_network(word: str) -> bool:
    """Return whether a word is an address or a network."""
    try:
        ip_network(word, strict=False)
    except ValueError:
        return False
    return True


def address(value: str) -> str:
    """Return what `listen` has for a word of ListenStream=."""
    if value.startswith(("/", "@")):
        return f"unix:{value}"
    return f"*:{value}" if value.isdecimal() else value


def rlimit(value: str) -> object:
    """Return the soft limit, which superd sets as both. Raises ``Unusual``."""
    soft = value.partition(":")[0]
    if soft == "infinity":
        return "UNLIMITED"
    if not soft[:-1].isdecimal() and not soft.isdecimal():
        raise Unusual(f"`{value}` is not a limit that an import knows")
    return soft if soft[-1:] in "KMG" else _whole(soft)


def _whole(value: str) -> int:
    try:
        return int(value)
    except ValueError:
        raise Unusual(f"`{value}` is not a number") from None


def _v6only(value: str) -> object:
    if value not in ("ipv6-only", "both", "default"):
        raise Unusual(f"`{value}` is none of default, both, ipv6-only")
    return {"ipv6-only": True, "both": False}.get(value)


SIMPLE: tuple[tuple[str, str, str, Callable[[str], object]], ...] = (
    ("Socket", "Backlog", "backlog", lambda value: min(65535, _whole(value))),
    ("Socket", "SocketMode", "socket_mode", str),
    ("Socket", "SocketUser", "socket_user", str),
    ("Socket", "SocketGroup", "socket_group", str),
    ("Socket", "BindIPv6Only", "v6only", _v6only),
    ("Service", "Group", "group", str),
    ("Service", "SupplementaryGroups", "groups", lambda value: tuple(value.split())),
    ("Service", "WorkingDirectory", "directory", lambda value: value.removeprefix("-")),
    ("Service", "UMask", "umask", str),
    ("Service", "Nice", "nice", _whole),
    ("Service", "RuntimeMaxSec", "limits.session", seconds),
    ("Service", "TimeoutStopSec", "limits.kill_grace", seconds),
)
"""Section, setting, key, and how its value is read."""

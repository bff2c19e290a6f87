"""What the ``server_args`` of the internal `auth` service say: the options of FreeBSD's inetd(8). Never answers a client."""

from __future__ import annotations

import re
from collections.abc import Iterable

from superd.frozen import frozen

_TIMEOUT = re.compile(r"\d{1,5}(\.\d{1,6})?")
_NAME = re.compile(r"[\x21-\x39\x3b-\x7e]{1,127}")
_SYSTEM = re.compile(r"[A-Za-z0-9._/-]{1,64}")


@frozen
class AuthOptions:
    """``real``: look the user up; without it every answer is ``fallback``, or that the user is hidden."""

    real: bool = False
    fallback: str = ""
    random: bool = False
    numeric: bool = False
    hide: bool = False
    """Whose home folder has a file .noident is hidden."""
    system: str = "UNIX"
    seconds: float = 10.0


def parse_auth_options(words: Iterable[str]) -> AuthOptions:
    """`-r -n -i -g -d name -o system -t seconds`. Raises ``ValueError`` naming the word that is wrong."""
    found: dict[str, object] = {}
    rest = iter(words)
    for word in rest:
        if word in ("-f", "-F"):
            raise ValueError(f"`{word}`: superd reads no .fakeid in a user's home folder")
        flag = {"-r": "real", "-g": "random", "-i": "numeric", "-n": "hide"}.get(word)
        if flag is not None:
            found[flag] = True
            continue
        if word[:2] not in ("-d", "-o", "-t"):
            raise ValueError(f"`{word}` is not an option of auth: -r -n -i -g -d name -o system -t seconds")
        value = word[2:] or next(rest, "")
        if word[1] == "d" and _NAME.fullmatch(value):
            found["fallback"] = value
        elif word[1] == "o" and _SYSTEM.fullmatch(value):
            found["system"] = value
        elif word[1] == "t" and _TIMEOUT.fullmatch(value) and float(value) > 0:
            found["seconds"] = float(value)
        else:
            raise ValueError(f"`{word[:2]}` without a value it can use")
    return AuthOptions(**found)  # type: ignore[arg-type]

"""The % expansions of hosts_access(5): their values, and how each is made harmless where it is used.

Standard library only and nothing of trio: the launcher expands its own copy of a command with values that came from the
front, and trusts none of them. Values are put in by one pass; what was put in is never looked at again.
"""

from __future__ import annotations

import re

from superd.safe_text import MAX_VALUE, safe_banner

TYPE_CHECKING = False  # as typing has it, which would cost every launcher 0.6 MiB
if TYPE_CHECKING:
    from superd.peer import Peer

MAX_COMMAND = 8190
"""Bytes of an expanded command (options.c: BUFSIZ - 2)."""
MAX_LINE = 16382
"""Bytes of one expanded line of a banner (options.c, banners_option)."""

_UNSAFE = re.compile(r"[^0-9A-Za-z:,._+\- ]")
_EXPANSION = re.compile(r"%(.)", re.DOTALL)
_SPACE = " \t\n\v\f\r"
"""As isspace(3) has it; Python's own white space is wider."""
_NAMED = {
    "a": "CLIENT_ADDRESS",
    "A": "SERVER_ADDRESS",
    "c": "CLIENT",
    "d": "DAEMON",
    "h": "CLIENT_HOST",
    "H": "SERVER_HOST",
    "n": "CLIENT_NAME",
    "N": "SERVER_NAME",
    "p": "PID",
    "r": "CLIENT_PORT",
    "R": "SERVER_PORT",
    "s": "SERVER",
    "u": "USER",
}


class ExpansionTooLong(ValueError):
    """The expanded text is longer than a command may be; the connection is refused, nothing is run."""


class Values:
    """What each letter stands for, raw, in libwrap's words for each state of knowledge (eval.c).

    A plain class: the launcher holds it, and dataclasses would cost every launcher a megabyte and a half.
    """

    __slots__ = ("A", "H", "N", "R", "a", "c", "d", "h", "n", "p", "r", "s", "u")

    def __init__(
        self,
        *,
        a: str = "unknown",
        A: str = "unknown",
        c: str = "unknown",
        d: str = "unknown",
        h: str = "unknown",
        H: str = "unknown",
        n: str = "unknown",
        N: str = "unknown",
        p: str = "0",
        r: str = "0",
        R: str = "0",
        s: str = "unknown",
        u: str = "unknown",
    ) -> None:
        self.a = a
        self.A = A
        self.c = c
        self.d = d
        self.h = h
        self.H = H
        self.n = n
        self.N = N
        self.p = p
        self.r = r
        self.R = R
        self.s = s
        self.u = u

    def letters(self) -> dict[str, str]:
        """Letter → value."""
        return {letter: getattr(self, letter) for letter in self.__slots__}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Values) and self.letters() == other.letters()

    def __hash__(self) -> int:
        return hash(tuple(self.letters().items()))

    def __repr__(self) -> str:
        return f"Values(**{self.letters()!r})"


def _host_info(end: Peer) -> str:
    known = end.name and end.name.lower() not in ("unknown", "paranoid")
    return end.name if known else (end.address or "unknown")


def values_of(daemon: str, client: Peer, server: Peer, pid: int) -> Values:
    """The values for one request (percent_x.c, eval.c). ``%c`` and ``%h`` are the address until a name is known."""
    user = client.user or "unknown"
    client_host, server_host = _host_info(client), _host_info(server)
    return Values(
        a=client.address or "unknown",
        A=server.address or "unknown",
        c=f"{user}@{client_host}" if user != "unknown" else client_host,
        d=daemon,
        h=client_host,
        H=server_host,
        n=client.name or "unknown",
        N=server.name or "unknown",
        p=str(pid),
        r=str(client.port),
        R=str(server.port),
        s=f"{daemon}@{server_host}" if server_host != "unknown" else daemon,
        u=user,
    )


def _underscores(match: re.Match[str]) -> str:
    """One for each byte, as libwrap counts them."""
    return "_" * len(match[0].encode("utf-8", "surrogateescape"))


def defuse(value: str) -> str:
    """One word that a shell and a program take as plain data: no ``/ = @ ! %``, no leading ``- + .``, no ``..``."""
    text = _UNSAFE.sub(_underscores, value).replace(" ", "_")[:MAX_VALUE]
    while ".." in text:
        text = text.replace("..", "__")
    if text[:1] in ("-", "+", "."):
        text = "_" + text[1:]
    return text or "_"


def defused(values: Values) -> dict[str, str]:
    """Every value defused; the ``@`` of %c and %s, which superd itself puts there, stays."""
    found: dict[str, str] = {}
    for letter, value in values.letters().items():
        if letter in ("c", "s") and "@" in value:
            # From the right: an ident server may well answer with a user of `root@trusted`.
            user, _, host = value.rpartition("@")
            found[letter] = f"{defuse(user)}@{defuse(host)}"
        else:
            found[letter] = defuse(value)
    return found


def put_in(words: dict[str, str], template: str) -> str:
    """The text with a word for each letter. Of an unknown one its first byte goes, as in percent_x.c: `%é` leaves the second."""

    def word(match: re.Match[str]) -> str:
        letter = match[1]
        if letter == "%":
            return letter
        return words.get(letter) or letter.encode("utf-8", "surrogateescape")[1:].decode("utf-8", "surrogateescape")

    return _EXPANSION.sub(word, template)


def expand_shell(template: str, values: Values) -> str:
    """The command with its expansions, for ``/bin/sh -c``. Raises ``ExpansionTooLong``.

    An unknown letter expands to nothing and a lone ``%`` at the end stays, as in percent_x.c.
    """
    text = put_in(defused(values), template)
    if len(text.encode("utf-8", "surrogateescape")) > MAX_COMMAND:
        raise ExpansionTooLong(f"the expanded command is longer than {MAX_COMMAND} bytes")
    return text


def split_variable(text: str) -> tuple[str, str]:
    """Name and value of an expanded `setenv` (options.c, setenv_option): any byte but these four blanks is the name's."""
    name, *value = re.split("[ \t\r\n]", text.strip(_SPACE), maxsplit=1)
    return name, "".join(value).strip(_SPACE)


def without_ampersand(command: str) -> str | None:
    """The command without the `&` at its end, which means that superd does not wait for it; ``None`` where there is none."""
    text = command.rstrip(" \t")
    if not text.endswith("&") or text.endswith(("&&", "\\&", ">&", "<&")):
        return None
    return text[:-1]


def command_environment(values: Values) -> dict[str, str]:
    """The same values as SUPERD_* variables: defused, so that no command has to quote them."""
    words = defused(values)
    return {f"SUPERD_{name}": words[letter] for letter, name in _NAMED.items()}


def asked_by(template: str) -> str:
    """Those letters of ``n``, ``N`` and ``u`` that occur: each wants something looked up that the others do without."""
    return "".join(sorted(set(_EXPANSION.findall(template)) & set("nNu")))


def expand_banner(line: bytes, values: Values) -> bytes:
    """One line of a banner with its expansions; control characters of a value become ``_``. Raises ``ExpansionTooLong``."""
    if b"%" not in line:
        return line
    words = {letter.encode(): safe_banner(value) for letter, value in values.letters().items()}
    words[b"%"] = b"%"
    text = re.sub(rb"%(.)", lambda match: words.get(match[1], b""), line, flags=re.DOTALL)
    if len(text) > MAX_LINE:
        raise ExpansionTooLong(f"an expanded line is longer than {MAX_LINE} bytes")
    return text

"""RFC 1413, both sides: the question to an ident server, what its answer means, and how to answer. Opens no connection.

Runs in: the front. Pure.
"""

from __future__ import annotations

import re

from superd.frozen import frozen
from superd.peer import UNKNOWN

MAX_REPLY = 512
"""Bytes of an answer that are looked at."""
MAX_QUESTION = 1000
"""Bytes of a question: the RFC's longest line."""

NO_USER = "NO-USER"
HIDDEN_USER = "HIDDEN-USER"
INVALID_PORT = "INVALID-PORT"

_REPLY = re.compile(rb"\s*(\d{1,5})\s*,\s*(\d{1,5})\s*:\s*USERID\s*:\s*([^:\n]+:\s*([^\s\0]{1,255})[^\n]*)")
_QUESTION = re.compile(rb"\s*(\d{1,10})\s*,\s*(\d{1,10})\s*")


@frozen
class Identity:
    """What an ident server said: the ``user``, and ``text`` as it stood after ``USERID :``. Or why there is none.

    ``failure`` is one of xinetd's words for that (ident.c); then the user is ``unknown``.
    """

    user: str = UNKNOWN
    text: str = ""
    failure: str = ""


def question(client_port: int, server_port: int) -> bytes:
    """The one line that is asked."""
    return b"%d,%d\r\n" % (client_port, server_port)


def parse_reply(reply: bytes, client_port: int, server_port: int) -> Identity:
    """The user, or none for an error, another question's answer, or no whole line (rfc931.c)."""
    line, newline, _ = reply[:MAX_REPLY].partition(b"\n")
    match = _REPLY.match(line) if newline else None
    if match is None or (int(match[1]), int(match[2])) != (client_port, server_port):
        return Identity(failure="bad response")
    # Byte for byte: a rule may name the user in whatever encoding both sides use.
    user = match[4][:127].decode("utf-8", "surrogateescape")
    return Identity(user, match[3].partition(b"\r")[0].decode("utf-8", "replace"))


def parse_question(line: bytes) -> tuple[int, int] | None:
    """(port here, port there) of a line without its end; ``None`` for what is not a question. Ports may be out of range."""
    match = _QUESTION.fullmatch(line)
    return None if match is None else (int(match[1]), int(match[2]))


def user_reply(ports: tuple[int, int], system: str, user: str) -> bytes:
    """The answer that names a user. A character that would end or split the line is left out."""
    name = "".join(character for character in user if character not in "\0\r\n")
    return f"{ports[0]} , {ports[1]} : USERID : {system} : {name}\r\n".encode("utf-8", "replace")[:MAX_REPLY]


def error_reply(ports: tuple[int, int], word: str) -> bytes:
    """The answer that names none, and why."""
    return f"{ports[0]} , {ports[1]} : ERROR : {word}\r\n".encode("ascii")

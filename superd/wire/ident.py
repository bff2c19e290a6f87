"""RFC 1413: the question to an ident server and what its answer means. Opens no connection."""

from __future__ import annotations

import re

from superd.peer import UNKNOWN

MAX_REPLY = 512
"""Bytes of an answer that are looked at."""

_REPLY = re.compile(rb"\s*(\d{1,5})\s*,\s*(\d{1,5})\s*:\s*USERID\s*:[^:\n]+:\s*([^\s\0]{1,255})")


def question(client_port: int, server_port: int) -> bytes:
    """The one line that is asked."""
    return b"%d,%d\r\n" % (client_port, server_port)


def parse_reply(reply: bytes, client_port: int, server_port: int) -> str:
    """The user, or ``unknown`` for an error, another question's answer, or no whole line (rfc931.c)."""
    line, newline, _ = reply[:MAX_REPLY].partition(b"\n")
    match = _REPLY.match(line) if newline else None
    if match is None or (int(match[1]), int(match[2])) != (client_port, server_port):
        return UNKNOWN
    user = match[3].partition(b"\r")[0].decode("utf-8", "replace")[:127]
    return user or UNKNOWN

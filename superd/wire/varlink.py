"""Varlink's framing: JSON objects that end with a NUL; calls are read and replies are made. Pure.

Runs in: panel, cli. Never: knows a method. See varlink.org, "Method Call".
"""

from __future__ import annotations

import json
from dataclasses import field
from typing import Any

from superd.frozen import frozen

MAX_CALL = 65536
"""Bytes of one call."""
SERVICE = "org.varlink.service"


class FramingError(Exception):
    """Bytes that do not make a call: the connection is of no use any more. The text names what is wrong."""


@frozen
class MethodCall:
    """``more``: several replies are welcome. ``oneway``: none is."""

    method: str
    parameters: dict[str, Any] = field(default_factory=dict)
    more: bool = False
    oneway: bool = False


def parse_call(data: bytes) -> MethodCall:
    """Return the call of one message without its NUL. Raises ``FramingError``."""
    try:
        message = json.loads(data)
    except (ValueError, RecursionError):
        raise FramingError("the message is not JSON") from None
    if not isinstance(message, dict):
        raise FramingError("the message is not an object")
    method, parameters = message.get("method"), message.get("parameters")
    flags = [message.get(name, False) for name in ("more", "oneway", "upgrade")]
    if not isinstance(method, str) or not isinstance(parameters, (dict, type(None))):
        raise FramingError("`method` must be a text and `parameters` an object")
    if not all(flag is None or isinstance(flag, bool) for flag in flags):
        raise FramingError("a flag is not true or false")
    if flags[2]:
        raise FramingError("`upgrade` is not supported")
    return MethodCall(method, parameters or {}, bool(flags[0]), bool(flags[1]))


def encode_reply(parameters: dict[str, Any], *, continues: bool = False) -> bytes:
    """Return a reply as bytes."""
    message: dict[str, Any] = {"parameters": parameters}
    if continues:
        message["continues"] = True
    return _encode(message)


def encode_error(error: str, parameters: dict[str, Any]) -> bytes:
    """Return an error reply as bytes; ``error`` is the name with its interface."""
    return _encode({"error": error, "parameters": parameters})


def encode_call(method: str, parameters: dict[str, Any], *, more: bool = False) -> bytes:
    """The client's side: return a call as bytes."""
    message: dict[str, Any] = {"method": method, "parameters": parameters}
    if more:
        message["more"] = True
    return _encode(message)


def _encode(message: dict[str, Any]) -> bytes:
    return json.dumps(message, separators=(",", ":")).encode() + b"\0"

"""The operator's end of the control socket: connects, calls, prints what is wrong, and says which exit status that is.

Runs in: the operator's commands. Never: waits for ever, or shows what superd says without making it safe.
"""

from __future__ import annotations

import json
import os
import socket
import struct
import sys
from collections.abc import Iterator
from typing import Any

from superd.cli.colours import bold
from superd.exit_status import EX_NOPERM, EX_UNAVAILABLE, EX_USAGE
from superd.safe_text import safe
from superd.system.control_path import VARIABLE, control_path
from superd.wire.varlink import encode_call

CONNECT, ANSWER = 5.0, 60.0
"""Seconds that a connection and a reply may take; a reload reads tables for up to two minutes, and has its own."""
INTERFACE = "superd.Control"
MAX_REPLY = 64 << 20


def _timeval(seconds: float) -> bytes:
    return struct.pack("@ll", int(seconds), int(seconds % 1 * 1e6))


class Failed(Exception):
    """A call that failed: the error's short name, what superd says, and the exit status."""

    def __init__(self, error: str, text: str, status: int, parameters: dict[str, Any] | None = None) -> None:
        super().__init__(text)
        self.error = error
        self.status = status
        self.parameters = parameters or {}


class Answer(dict[str, Any]):
    """An object of an answer. A field that it lacks is one that another version of superd does not know."""

    def __missing__(self, key: str) -> Any:
        text = f"the superd that runs is of another version: its answer has no `{key}`"
        raise Failed("OtherVersion", text, EX_UNAVAILABLE, {"hint": "superd upgrade; or systemctl restart superd"})


class Control:
    """One connection."""

    def __init__(self, timeout: float = ANSWER) -> None:
        """Connect. Raises ``Failed``."""
        path = control_path()
        self._sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        # A blocking connect: with a timeout of Python's own a full queue would be an error at once.
        self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, _timeval(min(CONNECT, timeout)))
        try:
            self._sock.connect(path)
        except PermissionError:
            self._sock.close()
            raise Failed("PermissionDenied", f"your user may not use `{path}`", EX_NOPERM) from None
        except OSError:
            self._sock.close()
            hint = f"start it: systemctl start superd, or superd run; another one: {VARIABLE}=PATH"
            raise Failed("NotRunning", f"no superd answers at `{path}`", EX_UNAVAILABLE, {"hint": hint}) from None
        self._sock.settimeout(timeout)
        self._rest = bytearray()

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Return the reply. Raises ``Failed``."""
        return next(self.replies(method, more=False, **parameters))

    def replies(self, method: str, *, more: bool = True, **parameters: Any) -> Iterator[dict[str, Any]]:
        """Return replies as they come. Raises ``Failed``."""
        given = {name: value for name, value in parameters.items() if value not in (None, "", False)}
        try:
            self._sock.sendall(encode_call(f"{INTERFACE}.{method}", given, more=more))
            while True:
                message = json.loads(self._message(), object_hook=Answer)
                if not isinstance(message, dict):
                    raise ValueError("no reply")
                if "error" in message:
                    raise failure(message)
                if "parameters" not in message:
                    raise ValueError("no reply")
                yield message["parameters"]
                if not message.get("continues"):
                    return
        except TimeoutError:
            raise Failed("TimedOut", "superd does not answer", EX_UNAVAILABLE, {"hint": "superd logs; ps -C superd"}) from None
        except (OSError, ValueError, KeyError):
            raise Failed("Gone", "superd closed the connection", EX_UNAVAILABLE) from None

    def _message(self) -> bytes:
        begin = 0
        while (end := self._rest.find(0, begin)) < 0:
            begin = len(self._rest)
            piece = self._sock.recv(1 << 18)
            if not piece or begin > MAX_REPLY:
                raise ValueError("no whole message")
            self._rest += piece
        data = bytes(self._rest[:end])
        del self._rest[: end + 1]
        return data

    def patience(self, seconds: float | None) -> None:
        """Wait so long for replies; None for ever."""
        self._sock.settimeout(seconds)

    def close(self) -> None:
        """Hang up."""
        self._sock.close()

    def __enter__(self) -> Control:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


_STATUS = {"PermissionDenied": EX_NOPERM, "Unavailable": EX_UNAVAILABLE, "Busy": EX_UNAVAILABLE, "NeedsYes": EX_USAGE}


def failure(message: dict[str, Any]) -> Failed:
    """Return an error reply as an exception."""
    name = str(message["error"]).rpartition(".")[2]
    parameters = message.get("parameters") or {}
    text = str(parameters.get("text", ""))
    if name == "InvalidParameter":
        return Failed(name, text or f"`{parameters.get('parameter', '')}` is wrong", EX_USAGE, parameters)
    if near := parameters.get("nearest"):
        parameters["hint"] = f"did you mean `{near}`?"
    if name == "NeedsYes":
        parameters["hint"] = "--yes does it all the same"
    return Failed(name, text or name, _STATUS.get(name, 1), parameters)


def report(problem: Failed, *, as_json: bool = False) -> int:
    """Print why a command failed; return its exit status."""
    hint = str(problem.parameters.get("hint", ""))
    if as_json:
        value = {"error": problem.error, "text": str(problem), "hint": hint}
        sys.stdout.write(json.dumps(value) + "\n")
    else:
        sys.stderr.write(f"superd: {bold('error', sys.stderr)}: {safe(str(problem), 2000)}\n")
        if hint:
            sys.stderr.write(f"  hint: {safe(hint, 2000)}\n")
    return problem.status


def print_json(value: object) -> None:
    """Print one JSON value for programs."""
    sys.stdout.write(json.dumps(value, indent=1) + "\n")


def user_name(uid: int) -> str:
    """Return how this host calls a user."""
    import pwd

    try:
        return pwd.getpwuid(uid).pw_name
    except (KeyError, OverflowError):
        return f"uid {uid}"


def own_addresses() -> list[str]:
    """Return addresses that this operator may be connected from, or needs: sshd says one, and this host's own is one."""
    ssh = [word for name in ("SSH_CLIENT", "SSH_CONNECTION") for word in os.environ.get(name, "").split()[:1]]
    return [*ssh, "127.0.0.1", "::1"]

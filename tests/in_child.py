"""Runs a function in a process of its own, for tests of what a process cannot undo."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from typing import Any


def in_child(function: Callable[[], Any]) -> Any:
    """Return what ``function`` returns, as JSON carries it; raises ``AssertionError`` with the text of its exception."""
    ours, theirs = os.pipe()
    pid = os.fork()
    if pid == 0:
        answer: dict[str, Any] = {"error": "the child died"}
        try:
            answer = {"value": function()}
        except BaseException as problem:
            answer = {"error": f"{type(problem).__name__}: {problem}"}
        finally:
            os.write(theirs, json.dumps(answer).encode())
            os._exit(0)
    os.close(theirs)
    with os.fdopen(ours, "rb") as pipe:
        data = pipe.read()
    os.waitpid(pid, 0)
    found = json.loads(data)
    if "error" in found:
        raise AssertionError(found["error"])
    return found["value"]

"""One JSON object of a process that is not trusted: bounded, and nothing but an object. The reader's table checks its fields.

Runs in: master (reads), front and panel (through the tables that they share with it).
"""

from __future__ import annotations

import json
from typing import Any

from superd.errors import ControlError


def message_of(data: bytes, most: int) -> dict[str, Any]:
    """Return the object that ``data`` is. Raises ``ControlError`` for more than ``most`` bytes and for anything else."""
    if len(data) > most:
        raise ControlError("message is too long")
    try:
        message = json.loads(data)
    except (ValueError, RecursionError):
        raise ControlError("message is not JSON") from None
    if not isinstance(message, dict):
        raise ControlError("message is not an object")
    return message

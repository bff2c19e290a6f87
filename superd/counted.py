"""A number with its noun, for lines that people read: ``1 service``, ``2 services``. Knows no irregular plurals."""

from __future__ import annotations


def counted(number: int, noun: str) -> str:
    """``number`` and ``noun``, in the plural where it belongs."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"

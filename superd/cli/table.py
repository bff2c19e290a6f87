"""Tables and times as text. Pure.

Runs in: the operator's commands. Used by the screens.
"""

from __future__ import annotations

from collections.abc import Sequence

from superd.safe_text import safe


def table(head: Sequence[str], rows: Sequence[Sequence[str]], right: frozenset[int] = frozenset(), most: int = 0) -> list[str]:
    """Return rows as lines with aligned columns; those in ``right`` to the right. Lines are cut to ``most`` columns, if given."""
    whole = [head, *rows]
    columns = len(head)
    widths = [max(len(row[column]) for row in whole if column < len(row)) for column in range(columns)]
    lines = []
    for row in whole:
        cells = [cell.rjust(widths[column]) if column in right else cell.ljust(widths[column]) for column, cell in enumerate(row)]
        line = "  ".join(cells).rstrip()
        lines.append(line[: most - 1] + "…" if most and len(line) > most else line)
    return lines


def span(seconds: float) -> str:
    """Return a time as people say it: 41 s, 8 min, 3 h, 12 days."""
    if seconds < 1:
        return f"{seconds:.1f} s"
    if seconds < 60:
        return f"{int(seconds)} s"
    if seconds < 3600:
        return f"{int(seconds // 60)} min"
    if seconds < 2 * 86400:
        hours, minutes = divmod(int(seconds // 60), 60)
        return f"{hours} h {minutes} min" if hours < 10 and minutes else f"{hours} h"
    return f"{int(seconds // 86400)} days"


def size(count: float) -> str:
    """Return bytes as people say them: 512, 2K, 88M, 1.2G."""
    for unit in ("", "K", "M", "G"):
        if count < 1024:
            return f"{count:.0f}{unit}" if count >= 10 or not unit else f"{count:.1f}{unit}"
        count /= 1024
    return f"{count:.1f}T"


def one(text: str, most: int) -> str:
    """Return text of others as one cell of at most ``most`` columns."""
    shown = safe(text, 2000)
    return shown if len(shown) <= most else shown[: most - 1] + "…"

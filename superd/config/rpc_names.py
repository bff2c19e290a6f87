"""/etc/rpc, rpc(5): names of RPC programs → numbers. Pure.

Runs in: the reading child, the operator's commands.
"""

from __future__ import annotations


def parse_rpc(text: str) -> dict[str, int]:
    """Every name and alias with its number; a line that says nothing usable is passed over, as getrpcent(3) does."""
    found: dict[str, int] = {}
    for line in text.splitlines():
        words = line.partition("#")[0].split()
        if len(words) < 2 or not words[1].isascii() or not words[1].isdecimal() or len(words[1]) > 10:
            continue
        for name in (words[0], *words[2:]):
            found.setdefault(name, int(words[1]))
    return found

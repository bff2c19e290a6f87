"""The versions of an RPC service as a value: ``n`` or ``n-m``. Parsed once, in the model. Runs in any process.

Never: changes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from superd.frozen import frozen

MOST = 100
"""Versions of one service: each is a mapping of rpcbind."""


@frozen
class RpcVersions:
    """All versions from ``first`` to ``last``."""

    first: int
    last: int

    def __iter__(self) -> Iterator[int]:
        return iter(range(self.first, self.last + 1))

    def __str__(self) -> str:
        return str(self.first) if self.first == self.last else f"{self.first}-{self.last}"


def parse_rpc_versions(text: str) -> RpcVersions:
    """Raises ``ValueError`` with the value."""
    match = re.fullmatch(r"(\d{1,9})(?:-(\d{1,9}))?", text, re.ASCII)
    if match is None or not 0 <= int(match[2] or match[1]) - int(match[1]) < MOST:
        raise ValueError(f"`{text}` is not n or n-m, of at most {MOST} versions")
    return RpcVersions(int(match[1]), int(match[2] or match[1]))

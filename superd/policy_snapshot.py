"""What: the policy's files as bytes at one moment, and how each of them looked. Frozen values.

Runs in: master (reads them), front (compiles them), cli. Never: reads a file.
"""

from __future__ import annotations

from dataclasses import field

from superd.frozen import frozen

Look = tuple[int, int, int, int, int] | str
"""What stat(2) returns for a file (device, inode, mtime and ctime in ns, size), or the error's name."""
Signature = tuple[Look, ...]


@frozen
class PolicySnapshot:
    """The two tables (``None``: absent, which is empty) and the files that patterns name, at one moment.

    ``signature`` is of ``paths``: a list of addresses in a file of its own changes as often as a table does.
    ``closed`` is the reason why hosts.deny cannot be used, if superd goes on without it: every connection that reaches
    this table is refused then.
    """

    signature: Signature
    allow_path: str = ""
    deny_path: str = ""
    allow: bytes | None = None
    deny: bytes | None = None
    files: dict[str, bytes] = field(default_factory=dict)
    closed: str = ""

    @property
    def paths(self) -> tuple[str, ...]:
        """Every file that the policy comes from."""
        return (self.allow_path, self.deny_path, *self.files)

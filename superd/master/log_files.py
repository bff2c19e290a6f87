"""The log files that root opens for the others: each service's ``log_type = FILE``, and xinetd's ``-filelog``.

Only opens: the front, which could not, writes to them. A file that cannot be opened is reported, and holds up no service.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from superd.log.log import MAIN
from superd.log_target import FileTarget
from superd.system.credentials import is_root
from superd.system.path_writes import append_to
from superd.system.paths import Trust

if TYPE_CHECKING:
    from superd.log.log import Log
    from superd.registry import Registry

MODE = 0o644
"""As xinetd has it: the readers of these files are not root."""


def open_log(path: str) -> int:
    """Return a descriptor to append to the file. Raises ``OSError``."""
    return append_to(path, Trust.own(strict=is_root(), others_folders=True), MODE)


class LogFiles:
    """Open for as long as it takes to hand them to the front. ``main`` is the path of superd's own log, if that is a file."""

    def __init__(self, log: Log, main: str = "") -> None:
        self._log = log
        self._main = main
        self._fds: dict[FileTarget, int] = {}

    def open_all(self, registry: Registry) -> tuple[FileTarget, ...]:
        """Open every file anew, which after a rotation is the new one; return those that could be opened."""
        self.close()
        if self._main:
            self._open(MAIN, self._main)
        for service in registry.services.values():
            target = service.log_type
            if isinstance(target, FileTarget) and target not in self._fds:
                self._open(target, target.path)
        return tuple(self._fds)

    def _open(self, target: FileTarget, path: str) -> None:
        try:
            self._fds[target] = open_log(path)
        except OSError as problem:
            self._log.message("error", f"log file `{path}` cannot be opened, superd's log gets its lines: {problem.strerror}")

    def fds(self, targets: tuple[FileTarget, ...]) -> list[int]:
        """Return their descriptors, which stay this object's."""
        return [self._fds[target] for target in targets]

    def follow(self) -> None:
        """The master's own log goes on in the new file."""
        if MAIN in self._fds:
            self._log.attach_file(MAIN, os.dup(self._fds[MAIN]))

    def close(self) -> None:
        """Closes them all."""
        for fd in self._fds.values():
            os.close(fd)
        self._fds.clear()

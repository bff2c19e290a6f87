"""Keys of services with TLS: read by a child when they change on disk, and given to relays as memory.

What: watches the files' folders; asks for a reading; has relays use what came of it, when it differs.
Runs in: master.
Never: has a key in its own memory, of which every front would be a copy: it holds descriptors alone.
"""

from __future__ import annotations

import fcntl
import os
from typing import TYPE_CHECKING

from superd.frozen import frozen
from superd.ipc.descriptors import SEALED, from_memory
from superd.load.tls_files import material_of
from superd.log.event import Kind
from superd.master.configuration import Unusable
from superd.master.reading_child import Reading
from superd.system.credentials import is_root
from superd.system.file_watch import FileWatch

if TYPE_CHECKING:
    import select
    from collections.abc import Callable, Mapping

    from superd.log.log import Log
    from superd.master.reading_child import ReadingChild
    from superd.problem import Problem
    from superd.service import Service

SETTLE = 0.3
"""Seconds without a change before files are read: a certificate and its key are renewed one after the other."""
MOST_KEYS = 64 << 20
"""Bytes of all keys together."""
_POLLIN = 1


@frozen
class KeysRead:
    """What a reading says of the keys that it wrote into memory. No key is in it."""

    digest: str
    ends: dict[str, float]
    kept: tuple[str, ...]
    failed: dict[str, str]
    problems: tuple[Problem, ...]


class KeyRing:
    """All keys.

    ``ends`` is when the certificate of each service that has usable keys ends, in seconds since 1970; None until that is known.
    """

    def __init__(
        self,
        log: Log,
        poll: select.poll,
        readings: ReadingChild,
        use: Callable[[int], None],
        tell: Callable[[], None],
        now: Callable[[], float],
    ) -> None:
        """``use`` takes memory with other keys, or -1; ``tell`` is called when ``ends`` is known; ``now`` is monotonic."""
        self._log = log
        self._poll = poll
        self._readings = readings
        self._use = use
        self._tell = tell
        self._now = now
        self._services: tuple[Service, ...] = ()
        self._watch = FileWatch()
        self._keys = -1
        """A copy of what relays use."""
        self._fresh = -1
        """What a reading fills just now."""
        self._digest = ""
        """Of what relays use."""
        self._again = False
        self.due: float | None = None
        self.ends: dict[str, float] | None = None
        self._failed: dict[str, str] = {}

    def configure(self, services: Mapping[str, Service]) -> None:
        """Read the keys of these services, now and when their files change."""
        self._services = tuple(service for service in services.values() if service.tls)
        if self.ends is not None and any(service.name not in self.ends for service in self._services):
            self.ends = None  # of another service: its clients wait until its keys are known
        if self._services:
            self._read()
        elif self._digest:
            self._digest = ""
            self._replace(-1)
        self._watch_files()

    def on_readable(self, fd: int) -> bool:
        """Something changed near the files. False: this descriptor is another's."""
        if fd != self._watch.fd or fd < 0:
            return False
        self._watch.drain()
        self.due = self._now() + SETTLE
        return True

    def on_timer(self, now: float) -> None:
        """Read files that have changed."""
        if self.due is not None and now >= self.due:
            self.due = None
            if self._services:
                self._read()
                self._watch_files()

    def certificates(self) -> list[dict[str, object]]:
        """Return each service with TLS: when its certificate ends, None without one, and why its files cannot be used, or ""."""
        ends = self.ends
        if ends is None:
            return []
        lost = "its files could not be read"
        return [
            {
                "service": service.name,
                "end": ends.get(service.name),
                "failed": self._failed.get(service.name, "" if service.name in ends else lost),
                "file": service.tls.cert,
            }
            for service in self._services
        ]

    def unusable(self) -> list[str]:
        """Return the services that refuse all clients: they have no certificate that can be used."""
        return [str(found["service"]) for found in self.certificates() if found["end"] is None]

    def _watch_files(self) -> None:
        if self._watch.fd >= 0:
            self._poll.unregister(self._watch.fd)
        try:
            self._watch.watch(tuple(path for service in self._services for path in service.tls.files))
        except OSError as problem:
            self._watch.close()
            text = f"certificates cannot be watched ({problem.strerror}): reload superd after they were renewed"
            self._log.message("warning", text)
        if self._watch.fd >= 0:
            self._poll.register(self._watch.fd, _POLLIN)

    # ------------------------------------------------------------------ reading

    def _read(self) -> None:
        if self._fresh >= 0:
            self._again = True
            return
        self._fresh = os.memfd_create("superd-keys", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        services, root = self._services, is_root()

        def work(fresh: int, *before: int) -> KeysRead:
            old = from_memory(before[0], MOST_KEYS) if before else b""
            found = material_of(services, root=root, before=old)
            with os.fdopen(fresh, "wb") as file:
                file.write(found.data)
            return KeysRead(found.digest if found.data else "", found.ends, found.kept, found.failed, found.problems)

        lent = (self._fresh, self._keys) if self._keys >= 0 else (self._fresh,)
        self._readings.ask(Reading("keys", work, self._take, lent))

    def _take(self, found: object) -> None:
        assert isinstance(found, (KeysRead, Unusable))
        fresh, self._fresh = self._fresh, -1
        for problem in found.problems:
            self._log.message(problem.severity, problem.line(), kind=Kind.PROBLEM)
        if isinstance(found, Unusable):
            os.close(fresh)
            self.ends = self.ends or {}
        else:
            self._failed = found.failed
            for name in found.kept:
                self._log.message("error", "the certificate on disk cannot be used: the earlier one stays in use", name)
            known, self.ends = self.ends is not None, found.ends
            if found.digest == self._digest:
                os.close(fresh)
            else:
                if known:
                    self._log.message("notice", "certificates have changed: the next handshakes use the new ones")
                self._digest = found.digest
                fcntl.fcntl(fresh, fcntl.F_ADD_SEALS, SEALED)
                self._replace(fresh if found.digest else -1)
                if not found.digest:
                    os.close(fresh)
        self._tell()
        if self._again:
            self._again = False
            self._read()

    def _replace(self, keys: int) -> None:
        if self._keys >= 0:
            os.close(self._keys)
        self._keys = os.dup(keys) if keys >= 0 else -1
        self._use(keys)

    def close_copies(self) -> None:
        """In a child: what only the master may hold."""
        self._watch.close()
        for fd in (self._keys, self._fresh):
            if fd >= 0:
                os.close(fd)

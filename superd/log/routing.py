"""Which sinks get an event, and in which format: superd's own log, or the log of one service.

Runs in the master and in the front. Opens no file: files come as descriptors. Used by log.py.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from superd.log.clock import Clock
from superd.log.journal_sink import PATH as JOURNAL
from superd.log.journal_sink import JournalSink
from superd.log.stream_sink import StreamSink
from superd.log.syslog_sink import SyslogSink
from superd.log.text_5424 import NewSyslog
from superd.log.text_journal import JournalText
from superd.log.text_json import JsonText
from superd.log.text_native import NativeText
from superd.log.text_syslog import OldSyslog, old_record
from superd.log.text_xinetd import XinetdServiceText, XinetdText
from superd.log_target import FileTarget, SyslogTarget
from superd.syslog_priority import LevelWord, facility_number

if TYPE_CHECKING:
    from superd.log.formatter import Body, Formatter
    from superd.log.sink import Sink
    from superd.service import Service
    from superd.settings import LogSettings

MAIN = FileTarget("")
"""Stands for superd's own log among the files of services."""

OnTrouble = Callable[[LevelWord, str], None]
"""(level, text): what is wrong with a target, for the other targets."""


class Route(NamedTuple):
    """One place for an event."""

    formatter: Formatter
    sink: Sink


class LogPlaces(NamedTuple):
    """What this process was started with: descriptors and sockets, other ones in tests."""

    ident: str = "superd"
    """The name in syslog; as "xinetd", superd's own lines read like xinetd's."""
    streams: tuple[int, int] = (1, 2)
    """stdout and stderr, or a log file in their place."""
    terminals: tuple[bool, bool] = (False, False)
    """Whether each was a terminal when superd started."""
    syslog: str = "/dev/log"
    journal: str = JOURNAL
    default: str = "stderr"
    """The target where the settings name none."""


class Router:
    """Sinks and formatters of one process. ``configure`` replaces them at a reload; queued records stay."""

    def __init__(self, settings: LogSettings, places: LogPlaces, on_trouble: OnTrouble) -> None:
        self.clock = Clock()
        self._places = places
        self._on_trouble = on_trouble
        self._main_fd: int | None = None
        self._streams: dict[int, StreamSink] = {}
        self._files: dict[FileTarget, StreamSink] = {}
        self._syslog: SyslogSink | None = None
        self._journal: JournalSink | None = None
        self._native = NativeText(self.clock)
        self._by_service: dict[tuple[object, str], list[Route]] = {}
        self.configure(settings)

    def configure(self, settings: LogSettings) -> None:
        """Route by these settings from now on."""
        self._settings = settings
        self._by_service.clear()
        for sink in self.sinks():
            sink.queue.limit = settings.queue
        ident = self._places.ident
        targets = settings.targets or (self._places.default,)
        self.main: list[Route] = []
        self._xinetd_main: list[Route] = []
        self.json = False
        for name in targets:
            if name in ("stdout", "stderr"):
                self._add_stream(("stdout", "stderr").index(name))
            elif name == "journal":
                entry = JournalText(self._native, ident, facility_number(settings.facility))
                self.main.append(Route(entry, self._journal_sink()))
        if "syslog" in targets:
            self._add_syslog(settings.facility)

    def _add_stream(self, index: int) -> None:
        settings, places = self._settings, self._places
        as_json = settings.format == "json" or (settings.format == "auto" and not places.terminals[index])
        sink = self._stream_sink(self._main_fd if self._main_fd is not None else places.streams[index])
        if places.ident == "xinetd":
            self.main.append(Route(XinetdText(self.clock, self._native), sink))
            self._xinetd_main.append(Route(XinetdServiceText(self.clock, self._native), sink))
        elif as_json:
            self.json = True
            self.main.append(Route(JsonText(self.clock), sink))
        else:
            self.main.append(Route(self._native, sink))
            self._xinetd_main.append(Route(XinetdServiceText(self.clock, self._native), sink))

    def _add_syslog(self, facility: str) -> None:
        sink, number, ident = self.syslog_sink(), facility_number(facility), self._places.ident
        if sink.absent and not self.main:
            # A daemon without any log would be worse than one that logs to an unexpected place.
            self._add_stream(1)
        self.main.append(Route(self._syslog_text(self._native, ident, facility=number), sink))
        if not self._xinetd_main:
            xinetd = XinetdServiceText(self.clock, self._native)
            self._xinetd_main.append(Route(self._syslog_text(xinetd, "xinetd", facility=number), sink))

    def _syslog_text(self, body: Body, tag: str, *, facility: int = 0, fixed: int | None = None) -> Formatter:
        kind = NewSyslog if self._settings.syslog_format == "rfc5424" else OldSyslog
        return kind(self.clock, body, tag, facility=facility, fixed=fixed)

    # ------------------------------------------------------------------ routes

    def of(self, service: Service | None) -> list[Route]:
        """Return where an event of the service goes; of superd itself for ``None``."""
        if service is None or (service.log_type is None and service.log_style == "native"):
            return self.main
        key = (service.log_type, service.log_style)
        routes = self._by_service.get(key)
        if routes is None:
            routes = self._of_target(service)
            if service.log_type is not None and routes is self.main:
                return routes  # a fallback: the target may exist later
            self._by_service[key] = routes
        return routes

    def _of_target(self, service: Service) -> list[Route]:
        target, as_xinetd = service.log_type, service.log_style == "xinetd"
        body = XinetdServiceText(self.clock, self._native) if as_xinetd else self._native
        if isinstance(target, SyslogTarget):
            sink = self.syslog_sink()
            if sink.absent:
                self._on_trouble("error", f"syslog `{self._places.syslog}` does not exist: `{service.name}` logs here instead")
                return self.main
            return [Route(self._syslog_text(body, "xinetd" if as_xinetd else self._places.ident, fixed=target.priority), sink)]
        if isinstance(target, FileTarget):
            file = self._files.get(target)
            if file is None:
                self._on_trouble("error", f"log file `{target.path}` is not open: `{service.name}` logs here instead")
                return self._xinetd_main or self.main if as_xinetd else self.main
            return [Route(body, file)]
        # Without log_type xinetd logs nothing. superd logs it with everything else; in JSON every line is JSON.
        return self._xinetd_main or self.main

    def policy_record(self, number: int, daemon: str, text: str, when: float) -> None:
        """Send TCP Wrappers' own line to the syslog daemon, where tcpd's readers look."""
        self.clock.set(when)
        self.syslog_sink().put(old_record(self.clock, number, daemon, text))

    @property
    def has_syslog(self) -> bool:
        """Whether this process sends to a syslog daemon."""
        return self._syslog is not None

    @contextmanager
    def full_syslog(self) -> Iterator[int]:
        """Lend a descriptor that can be written to once the syslog daemon has read more, -1 if there is nothing to wait for.

        It is a copy: a flush may close the socket meanwhile, and its number would be another connection's.
        """
        full = self._syslog.full if self._syslog is not None else -1
        try:
            copy = os.dup(full) if full >= 0 else -1
        except OSError:
            copy = -1  # no room for it: the next try is a quarter of a second away
        try:
            yield copy
        finally:
            if copy >= 0:
                os.close(copy)

    # ------------------------------------------------------------------ sinks

    def attach(self, target: FileTarget, fd: int) -> None:
        """Write to ``fd`` for the file ``target`` (``MAIN``: for superd itself). Takes ``fd`` over, closes the one before."""
        if target == MAIN:
            old = self._streams.pop(self._main_fd if self._main_fd is not None else self._places.streams[1], None)
            self._main_fd = fd
            self.configure(self._settings)
        else:
            old = self._files.get(target)
            why = f"log file `{target.path}`"
            self._files[target] = StreamSink(
                fd, self._settings.queue, soft=target.soft, hard=target.hard, on_trouble=self._trouble("alert", why)
            )
            self._by_service.clear()
        if old is not None:
            old.close()
            os.close(old.fd)

    def keep(self, targets: set[FileTarget]) -> None:
        """Close the files of all other services."""
        for target in self._files.keys() - targets:
            sink = self._files.pop(target)
            sink.close()
            os.close(sink.fd)
        self._by_service.clear()

    def _stream_sink(self, fd: int) -> StreamSink:
        sink = self._streams.get(fd)
        if sink is None:
            sink = self._streams[fd] = StreamSink(fd, self._settings.queue, on_trouble=self._trouble("alert", "superd's own log"))
        return sink

    def syslog_sink(self) -> SyslogSink:
        """Return the sink of the syslog daemon."""
        if self._syslog is None:
            path = self._places.syslog
            self._syslog = SyslogSink(self._settings.queue, path, self._trouble("error", f"syslog `{path}`", "; trying again"))
        return self._syslog

    def _journal_sink(self) -> JournalSink:
        if self._journal is None:
            path = self._places.journal
            self._journal = JournalSink(self._settings.queue, path, self._trouble("error", f"journal `{path}`", "; trying again"))
        return self._journal

    def _trouble(self, level: LevelWord, what: str, after: str = "") -> Callable[[str], None]:
        return lambda why: self._on_trouble(level, f"{what}: {why}{after}")

    def sinks(self) -> Iterator[Sink]:
        """Every sink that may hold records."""
        yield from self._files.values()
        yield from self._streams.values()
        for sink in (self._syslog, self._journal):
            if sink is not None:
                yield sink


def default_target(pid: int, stdout_is_terminal: bool, journal_stream: str, stderr: os.stat_result | None) -> str:
    """Return the target where the settings name none.

    The journal if stderr is journald's own stream (systemd.exec(5), JOURNAL_STREAM); stdout for the first process of a
    container; else stderr.
    """
    if stderr is not None and journal_stream == f"{stderr.st_dev}:{stderr.st_ino}":
        return "journal"
    return "stdout" if pid == 1 and not stdout_is_terminal else "stderr"

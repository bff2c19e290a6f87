"""The log: what happened, to whoever is to know, without ever waiting for them. Decides nothing.

Every method is plain and returns at once. ``flush`` is called once a batch; what a target does not take is queued, and
``run`` tries again. One event is one line in one place: the service's own log if it has one, else superd's.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import trio

from superd.counted import counted
from superd.expansion import safe
from superd.log import log_text
from superd.log.sinks import MAX_LINE, StreamSink, SyslogSink
from superd.syslog_priority import facility_number, level_number, priority
from superd.verdict import Reason

if TYPE_CHECKING:
    from superd.record import SessionRecord
    from superd.settings import LogSettings
    from superd.verdict import Verdict

RETRY = 0.25
"""Seconds between tries to write what a target did not take."""
MAIN = ""
"""Stands for superd's own log among the files of services."""
REPEAT_SECONDS = 5.0
"""The same message within so many seconds is written once, and then its number."""


class Log:
    """The log of one process."""

    def __init__(
        self,
        settings: LogSettings,
        *,
        stderr_is_tty: bool,
        policy_facility: str = "authpriv",
        ident: str = "superd",
        fd: int = 2,
        syslog_path: str = "/dev/log",
    ) -> None:
        """``ident`` is the name in syslog; as "xinetd", superd's own lines read as xinetd's too. ``fd`` stands for stderr."""
        targets = settings.targets or ("stderr",)
        self._ident = ident
        self._as_xinetd = ident == "xinetd"
        self._json = not self._as_xinetd and (settings.format == "json" or (settings.format == "auto" and not stderr_is_tty))
        self._facility = settings.facility
        self._policy_facility = policy_facility
        self._limit = settings.queue
        self._syslog_path = syslog_path
        self._stderr = self._main_sink(fd) if "stderr" in targets else None
        self._syslog: SyslogSink | None = self._syslog_sink() if "syslog" in targets else None
        self._files: dict[str, StreamSink] = {}
        self._said: dict[tuple[str, str], list[float]] = {}
        self._clock = (0, "", "", "")
        self._dirty = False
        self._stuck = False
        self._wake: trio.Event | None = None

    # ------------------------------------------------------------------ events

    def started(self, record: SessionRecord) -> None:
        """A session began: its program runs, or the front serves it."""
        service = record.service
        if not service.log_on_success:
            return
        if service.log_style == "xinetd":
            self._xinetd(record, log_text.xinetd_start(record))
            if record.userid and "USERID" in service.log_on_success:
                self._xinetd(record, log_text.xinetd_userid(record))
        else:
            self._event(record, "info", "START", log_text.start_fields(record))

    def exited(self, record: SessionRecord) -> None:
        """A session ended."""
        service = record.service
        if service.log_style == "xinetd":
            if record.traffic is not None and "TRAFFIC" in service.log_on_success:
                self._xinetd(record, log_text.xinetd_traffic(record))
            line = log_text.xinetd_exit(record)
            if line:
                self._xinetd(record, line)
        elif service.log_on_success & {"EXIT", "DURATION"}:
            self._event(record, "info", "EXIT", log_text.exit_fields(record))

    def refused(self, record: SessionRecord, verdict: Verdict) -> None:
        """A connection was refused, or its program could not be started."""
        service = record.service
        if verdict.reason in ("libwrap", "rule_broken"):
            self._policy_line(record, "refused connect from", "warning")
        # Of whom ident did not name, xinetd says so in every case.
        unnamed = verdict.reason is Reason.IDENT and service.log_style == "xinetd"
        if not service.log_on_failure and not unnamed:
            return
        if service.log_style == "xinetd":
            self._xinetd(record, log_text.xinetd_fail(record, verdict))
            if record.userid and "USERID" in service.log_on_failure:
                self._xinetd(record, log_text.xinetd_userid(record))
        else:
            self._event(record, "warning", "FAIL", log_text.fail_fields(record, verdict))

    def datagram(self, record: SessionRecord, verdict: Verdict | None = None) -> None:
        """What xinetd says of one datagram: START, or with ``verdict`` FAIL. Of one sender the same once in a few seconds."""
        peer = record.peer
        key = (record.service.name, f"{verdict.reason if verdict else 'START'} {peer.address if peer else ''}")
        now, seen = time.monotonic(), self._said.get(key)
        if seen is not None and now - seen[0] < REPEAT_SECONDS:
            return  # the sender may be forged: a line for each would be his second weapon
        self._say(key, now)
        if verdict is None:
            self.started(record)
        else:
            self.refused(record, verdict)

    def _policy_line(self, record: SessionRecord, text: str, level: str) -> None:
        """TCP Wrappers' own line, with the severity of the rule; only to syslog, where tcpd's readers look."""
        if self._syslog is None and not record.severity:
            return
        peer = record.peer
        assert peer is not None
        client = peer.name if peer.name not in ("", "unknown", "paranoid") else peer.address
        if peer.user and peer.user != "unknown":
            client = f"{peer.user}@{client}"
        number = priority(record.severity, self._policy_facility, level)
        daemon = safe(record.service.daemon, 64)
        self._to_syslog(number, f"{daemon}[{os.getpid()}]: {text} {safe(client)} ({safe(peer.address)})")

    def granted_by_rule(self, record: SessionRecord) -> None:
        """A rule with a severity of its own let the connection in."""
        if record.severity:
            self._policy_line(record, "connect from", "info")

    def message(self, level: str, text: str, service: str = "", *, always: bool = False) -> None:
        """Anything else. The same text again within seconds is counted, not written, but ``always`` for an answer to somebody."""
        now = time.monotonic()
        key = (service, text[:200])
        seen = self._said.get(key)
        if seen is not None and now - seen[0] < REPEAT_SECONDS and not always:
            seen[1] += 1
            return
        if seen is not None and seen[1]:
            text = f"{text} ({int(seen[1])} more like this in {now - seen[0]:.0f} s)"
        self._say(key, now)
        self._write(level, "message", service, safe(text, 1500), {})

    def _say(self, key: tuple[str, str], now: float) -> None:
        if len(self._said) >= 1024:
            self._said.clear()
        self._said[key] = [now, 0]

    # ------------------------------------------------------------------ lines

    def _event(self, record: SessionRecord, level: str, event: str, fields: log_text.Fields) -> None:
        name = record.service.name
        if record.service.log_type:
            self._service_log(record.service.log_type, log_text.native(event, name, fields), self._ident, f"{self._now()[0]} ")
        else:
            self._write(level, event, name, "", fields)

    def _xinetd(self, record: SessionRecord, line: str) -> None:
        log_type, when = record.service.log_type, f"{self._now()[1]}: "
        if log_type:
            self._service_log(log_type, line, "xinetd", when)
        else:
            # Without log_type xinetd logs nothing. superd says it where it says everything else.
            self._own(line, "xinetd", when)

    def _service_log(self, log_type: str, line: str, tag: str, when: str) -> None:
        kind, where, *rest = log_type.split()
        if kind.upper() == "SYSLOG":
            level = rest[0] if rest else "info"
            self._to_syslog(facility_number(where.lower()) | level_number(level.lower()), f"{tag}[{os.getpid()}]: {line}")
            return
        sink = self._files.get(log_type)
        if sink is None:
            self.message("error", f"log file `{where}` is not open: logging here instead")
            self._own(line, tag, when)
            return
        sink.put(f"{when}{line}\n".encode("utf-8", "replace")[:MAX_LINE])
        self._dirty = True

    def _own(self, line: str, tag: str, when: str) -> None:
        if self._stderr is not None:
            self._line(when + line)
        else:
            self._to_syslog(facility_number(self._facility) | level_number("info"), f"{tag}[{os.getpid()}]: {line}")

    def attach_file(self, log_type: str, fd: int) -> None:
        """The file of a service's ``log_type`` (``MAIN``: of superd itself) was opened by the master; ``fd`` is ours now.

        Replaces the one from before a reload.
        """
        if log_type == MAIN:
            old, self._stderr = self._stderr, self._main_sink(fd)
        else:
            old = self._files.get(log_type)
            path, soft, hard = file_limits(log_type)
            self._files[log_type] = StreamSink(
                fd, self._limit, soft=soft, hard=hard, on_trouble=lambda why: self.message("alert", f"log file `{path}`: {why}")
            )
        if old is not None:
            old.close()
            os.close(old.fd)

    def keep_files(self, log_types: set[str]) -> None:
        """Closes the files of all other services."""
        for log_type in self._files.keys() - log_types:
            sink = self._files.pop(log_type)
            sink.close()
            os.close(sink.fd)

    def _write(self, level: str, event: str, service: str, text: str, fields: log_text.Fields) -> None:
        if self._json and self._stderr is not None:
            self._line(log_text.as_json(self._now()[2], level, event, service, text, fields))
        elif self._as_xinetd:
            body = log_text.native(event, service, fields) if event != "message" else (f"{service}: {text}" if service else text)
            self._line(f"{self._now()[1]} xinetd[{os.getpid()}]: {log_text.XINETD_LEVELS[level]}: {body}")
        elif event == "message":
            body = f"{service}: {text}" if service else text
            self._line(f"{self._now()[0]} {level}: {body}")
        else:
            self._line(f"{self._now()[0]} {log_text.native(event, service, fields)}")
        if self._syslog is not None:
            number = facility_number(self._facility) | level_number("notice" if level == "note" else level)
            body = log_text.native(event, service, fields) if event != "message" else (f"{service}: {text}" if service else text)
            self._to_syslog(number, f"{self._ident}[{os.getpid()}]: {body}")

    def _line(self, text: str) -> None:
        if self._stderr is not None:
            self._stderr.put(text.encode("utf-8", "replace")[:MAX_LINE] + b"\n")
            self._dirty = True

    def _to_syslog(self, number: int, text: str) -> None:
        if self._syslog is None:
            self._syslog = self._syslog_sink()
        self._syslog.put(f"<{number}>{self._now()[3]} {text}".encode("utf-8", "replace")[:MAX_LINE])
        self._dirty = True

    def _main_sink(self, fd: int) -> StreamSink:
        return StreamSink(fd, self._limit, on_trouble=lambda why: self.message("alert", f"superd's own log: {why}"))

    def _syslog_sink(self) -> SyslogSink:
        path = self._syslog_path
        return SyslogSink(self._limit, path, lambda why: self.message("error", f"syslog `{path}`: {why}; trying again"))

    def _now(self) -> tuple[str, str, str, str]:
        """Local wall time: native, xinetd's, ISO 8601, syslog's; made once a second."""
        second = int(time.time())  # noqa: TID251 - for people to read; no limit depends on it
        if second != self._clock[0]:
            local = time.localtime(second)
            xinetd = f"{local.tm_year % 100}/{local.tm_mon}/{local.tm_mday}@{time.strftime('%H:%M:%S', local)}"
            self._clock = (  # type: ignore[assignment]
                second, time.strftime("%Y-%m-%d %H:%M:%S", local), xinetd,
                time.strftime("%Y-%m-%dT%H:%M:%S%z", local), time.strftime("%b %e %H:%M:%S", local),
            )  # fmt: skip
        return self._clock[1:]  # type: ignore[return-value]

    # ------------------------------------------------------------------ writing

    def flush(self) -> None:
        """Writes what targets take now."""
        if not self._dirty:
            return
        sinks: list[StreamSink | SyslogSink] = [*self._files.values()]
        sinks += [sink for sink in (self._stderr, self._syslog) if sink is not None]
        left = False
        for sink in sinks:
            if not sink.flush():
                left = True
            elif sink.queue.dropped:
                lost, sink.queue.dropped = sink.queue.dropped, 0
                self.message("error", f"{counted(lost, 'log record')} lost: the log did not take them")
                left = True  # the line just said
        self._dirty = self._stuck = left
        if left and self._wake is not None:
            self._wake.set()

    def flush_soon(self) -> None:
        """The same once all that ends in this pass of the loop has said so: one write for many sessions."""
        if self._dirty and not self._stuck and self._wake is not None:
            self._wake.set()

    async def run(self) -> None:
        """Writes what ``flush_soon`` left, and tries again what targets did not take, until all is written."""
        while True:
            self._wake = trio.Event()
            if not self._dirty:
                await self._wake.wait()
            if self._stuck:
                await trio.sleep(RETRY)
            self.flush()

    def close(self) -> None:
        """The last flush."""
        for sink in (*self._files.values(), self._stderr, self._syslog):
            if sink is not None:
                sink.close()


def file_limits(log_type: str) -> tuple[str, int, int]:
    """The path of ``FILE path [soft [hard]]`` and both limits; 0 is none (xinetd: parsers.c, parse_filelog)."""
    _, path, *sizes = log_type.split()
    soft = size_of(sizes[0]) if sizes else 0
    hard = size_of(sizes[1]) if len(sizes) > 1 else (soft + min(max(soft // 100, 5 << 10), 20 << 10) if soft else 0)
    return path, soft, hard


def size_of(text: str) -> int:
    """``4096``, ``64K``, ``1M`` as bytes (xinetd.conf(5), log_type)."""
    unit = text[-1:].upper()
    return int(text[:-1]) * {"K": 1024, "M": 1 << 20}[unit] if unit in ("K", "M") else int(text)

"""Every sink takes records, writes them in order, and lets go."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from superd.log.journal_sink import JournalSink
from superd.log.sink import Sink
from superd.log.stream_sink import StreamSink
from superd.log.syslog_sink import SyslogSink


@pytest.mark.parametrize("kind", ["stream", "syslog", "journal"])
def test_a_sink_writes_what_it_was_given(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "x"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as daemon:
        sink: Sink
        if kind == "stream":
            fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND)
            sink = StreamSink(fd, 10)
        else:
            daemon.bind(str(path))
            daemon.settimeout(5)
            sink = SyslogSink(10, str(path)) if kind == "syslog" else JournalSink(10, str(path))
        sink.put(b"A=1\n")
        sink.put(b"B=2\n")
        assert len(sink.queue) == 2
        assert sink.flush()
        written = path.read_bytes() if kind == "stream" else daemon.recv(100) + daemon.recv(100)
        assert written == b"A=1\nB=2\n"
        sink.close()

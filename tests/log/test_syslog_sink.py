"""The syslog daemon's socket: datagrams or a stream, alive, dead, slow and back again."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from superd.log.syslog_sink import SyslogSink


def daemon(path: Path, kind: int = socket.SOCK_DGRAM) -> socket.socket:
    path.unlink(missing_ok=True)
    sock = socket.socket(socket.AF_UNIX, kind)
    sock.bind(str(path))
    sock.settimeout(5)
    if kind == socket.SOCK_STREAM:
        sock.listen()
    return sock


@pytest.fixture
def told() -> list[str]:
    return []


@pytest.fixture
def sink(tmp_path: Path, told: list[str]) -> Iterator[SyslogSink]:
    made = SyslogSink(100, str(tmp_path / "log"), told.append)
    yield made
    made.close()


def test_each_record_is_a_datagram(sink: SyslogSink, tmp_path: Path) -> None:
    with daemon(tmp_path / "log") as log:
        sink.put(b"one")
        sink.put(b"two")
        assert sink.flush()
        assert [log.recv(100), log.recv(100)] == [b"one", b"two"]


def test_a_stream_socket_gets_records_that_end_with_nul(sink: SyslogSink, tmp_path: Path) -> None:
    with daemon(tmp_path / "log", socket.SOCK_STREAM) as log:
        sink.put(b"one")
        sink.put(b"two")
        assert sink.flush()
        with log.accept()[0] as connection:
            assert connection.recv(100) == b"one\0two\0"


def test_a_stream_that_reads_slowly_gets_every_record_whole(sink: SyslogSink, tmp_path: Path) -> None:
    with daemon(tmp_path / "log", socket.SOCK_STREAM) as log:
        for number in range(100):
            sink.put(b"%03d" % number + b"x" * 20_000)
        assert not sink.flush()
        got = b""
        with log.accept()[0] as connection:
            connection.settimeout(5)
            while got.count(b"\0") < 100:
                got += connection.recv(1 << 20)
                sink.flush()
        assert [record[:3] for record in got.split(b"\0")[:-1]] == [b"%03d" % number for number in range(100)]


def test_a_record_that_was_half_sent_to_a_stream_that_died_comes_again_whole(sink: SyslogSink, tmp_path: Path) -> None:
    with daemon(tmp_path / "log", socket.SOCK_STREAM) as log:
        sink.put(b"x" * (4 << 20))
        assert not sink.flush()
        log.accept()[0].close()
    with daemon(tmp_path / "log", socket.SOCK_STREAM) as log:
        assert not sink.flush()
        with log.accept()[0] as connection:
            got = b""
            while not got.endswith(b"\0"):
                got += connection.recv(1 << 20)
                sink.flush()
    assert got == b"x" * (4 << 20) + b"\0"


def test_a_daemon_that_is_away_is_reported_once_and_gets_all_when_it_is_back(
    sink: SyslogSink, tmp_path: Path, told: list[str]
) -> None:
    for number in range(3):
        sink.put(b"%d" % number)
        assert not sink.flush()
    assert told == ["No such file or directory"]
    with daemon(tmp_path / "log") as log:
        assert sink.flush()
        assert [log.recv(100) for _ in range(3)] == [b"0", b"1", b"2"]
    sink.put(b"3")
    assert not sink.flush()
    assert told[1:] == ["Connection refused"]
    with daemon(tmp_path / "log") as log:
        assert sink.flush()
        assert log.recv(100) == b"3"


def test_a_record_that_is_too_long_is_given_up_and_the_next_is_sent(sink: SyslogSink, tmp_path: Path) -> None:
    with daemon(tmp_path / "log") as log:
        sink.put(b"x" * (8 << 20))
        sink.put(b"next")
        assert sink.flush()
        assert log.recv(100) == b"next"


def test_a_host_without_a_daemon_is_known_until_one_comes(sink: SyslogSink, tmp_path: Path) -> None:
    assert sink.absent
    with daemon(tmp_path / "log"):
        assert not sink.absent
    (tmp_path / "log").unlink()
    assert not sink.absent  # it restarts: its records wait

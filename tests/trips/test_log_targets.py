"""A log that is full, slow or gone: connections never wait for it, and what is wrong is said once."""

from __future__ import annotations

import fcntl
import os
import select
from collections.abc import Iterator

import pytest

from tests.daemon_process import WAIT, Superd, free_port, talk
from tests.world import World

F_SETPIPE_SZ = 1031


def echo(superd: Superd, extra: str = "") -> int:
    port = free_port()
    superd.service("echo", f'type = "INTERNAL"\nlisten = ["127.0.0.1:{port}"]\ncps = [10000, 1]\n{extra}')
    return port


def configured(superd: Superd, text: str) -> None:
    config = superd.folder / "superd.toml"
    config.write_text(text)
    superd.arguments = ["--config", str(config)]


@pytest.fixture
def pipe(superd: Superd) -> Iterator[int]:
    """superd's stderr, as small as a pipe can be; only the test reads it."""
    path = superd.folder / "stderr"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    fcntl.fcntl(reader, F_SETPIPE_SZ, 4096)
    superd.prefix = ["sh", "-c", f'exec "$@" 2>{path}', "sh"]
    yield reader
    os.close(reader)


def read_until(reader: int, part: bytes) -> bytes:
    found = b""
    while part not in found:
        assert select.select([reader], [], [], WAIT)[0], f"no {part!r}"
        found += os.read(reader, 65536)
    return found


def test_a_log_without_a_reader_holds_no_connection_and_its_loss_is_reported_once(superd: Superd, pipe: int) -> None:
    port = echo(superd)
    configured(superd, '[log]\nqueue = 100\nformat = "text"\n')
    superd.start()
    # Two lines each: a hundred times what the pipe and the queue hold together.
    for _ in range(200):
        assert talk(port, b"hi") == b"hi"
    said = read_until(pipe, b"lost: the log did not take them")
    assert said.count(b"START echo") > 40
    assert talk(port, b"hi") == b"hi"
    assert b"lost" not in read_until(pipe, b"EXIT echo")


def test_a_log_whose_reader_is_gone_holds_no_connection(superd: Superd, pipe: int) -> None:
    port = echo(superd)
    superd.start()
    assert talk(port, b"hi") == b"hi"
    away = os.open("/dev/null", os.O_RDONLY)
    os.dup2(away, pipe)  # closes the only end that was read from
    os.close(away)
    for _ in range(50):
        assert talk(port, b"hi") == b"hi"
    superd.stop()
    assert superd.process is not None
    assert superd.process.returncode == 0


def test_a_full_disk_under_a_services_log_holds_no_connection_and_is_reported_once(superd: Superd) -> None:
    port = echo(superd, 'log_type = "FILE /dev/full"\n')
    superd.start()
    for _ in range(20):
        assert talk(port, b"hi") == b"hi"
    assert superd.message("log file `/dev/full`: No space left on device")["level"] == "alert"
    assert not any("/dev/full" in event.get("message", "") for event in superd.rest())


def test_a_syslog_daemon_that_is_away_holds_no_connection_is_reported_once_and_gets_all_when_it_is_back(superd: Superd) -> None:
    world = World(superd)
    configured(superd, '[log]\ntargets = ["stderr", "syslog"]\n')
    superd.service("echo", 'type = "INTERNAL"\nport = 7\ncps = [10000, 1]\n')
    superd.start()
    for _ in range(5):
        assert world.talk(7, "hi") == "hi"
    superd.message("syslog `/dev/log`: No such file or directory; trying again")
    with world.syslog() as syslog:
        starts = 0
        while starts < 5:
            record = syslog.recv(4096)
            starts += b"START echo" in record
        assert record.startswith(b"<30>")  # daemon.info
    assert world.talk(7, "hi") == "hi"
    superd.message("syslog `/dev/log`: Connection refused")
    rest = superd.rest()
    assert sum("syslog" in event.get("message", "") for event in rest) <= 2, rest  # of the master, which has its own

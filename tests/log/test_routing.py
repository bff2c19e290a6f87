"""Where an event goes: superd's own log or a service's, in the format of each, and elsewhere if a target is missing."""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from superd.log.routing import MAIN, LogPlaces, Route, Router, default_target
from superd.log.text_5424 import NewSyslog
from superd.log.text_journal import JournalText
from superd.log.text_json import JsonText
from superd.log.text_native import NativeText
from superd.log.text_syslog import OldSyslog
from superd.log.text_xinetd import XinetdServiceText, XinetdText
from superd.log_target import FileTarget
from superd.settings import LogSettings
from tests.log.events import message, refused, service


class World:
    """Two streams that are files, and sockets that do not exist yet."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.told: list[str] = []
        self.routers: list[Router] = []
        self.out, self.err = (os.open(folder / name, os.O_RDWR | os.O_CREAT | os.O_APPEND) for name in ("out", "err"))

    def router(self, *, ident: str = "superd", terminals: tuple[bool, bool] = (False, False), **keys: object) -> Router:
        places = LogPlaces(
            ident=ident, streams=(self.out, self.err), terminals=terminals,
            syslog=str(self.folder / "log"), journal=str(self.folder / "journal"),
        )  # fmt: skip
        router = Router(LogSettings.model_validate(keys), places, lambda level, text: self.told.append(f"{level}: {text}"))
        self.routers.append(router)
        return router

    def daemon(self) -> socket.socket:
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        sock.bind(str(self.folder / "log"))
        return sock


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    for router in made.routers:
        for sink in router.sinks():
            sink.close()
    os.close(made.out)


def kinds(routes: list[Route]) -> list[type]:
    return [type(route.formatter) for route in routes]


def test_stderr_is_text_on_a_terminal_and_json_elsewhere(world: World) -> None:
    assert kinds(world.router(terminals=(False, True)).main) == [NativeText]
    assert kinds(world.router().main) == [JsonText]
    assert world.router().json
    assert kinds(world.router(format="text").main) == [NativeText]
    assert kinds(world.router(terminals=(True, False), targets=["stdout"]).main) == [NativeText]


def test_each_target_has_its_format(world: World) -> None:
    with world.daemon():
        assert kinds(world.router(targets=["journal"]).main) == [JournalText]
        assert kinds(world.router(targets=["stdout", "syslog"]).main) == [JsonText, OldSyslog]
        assert kinds(world.router(targets=["syslog"], syslog_format="rfc5424").main) == [NewSyslog]
        assert kinds(world.router(ident="xinetd", format="text").main) == [XinetdText]


def test_in_json_mode_a_service_in_xinetds_style_is_json_too(world: World) -> None:
    styled = service(log_style="xinetd")
    assert kinds(world.router().of(styled)) == [JsonText]
    assert kinds(world.router(format="text").of(styled)) == [XinetdServiceText]
    assert kinds(world.router(ident="xinetd").of(styled)) == [XinetdServiceText]


def test_a_services_file_gets_its_style_and_nothing_else(world: World) -> None:
    router = world.router()
    target = FileTarget("/var/log/a", text="FILE /var/log/a")
    router.attach(target, os.open(world.folder / "a", os.O_RDWR | os.O_CREAT))
    for style, kind in (("native", NativeText), ("xinetd", XinetdServiceText)):
        [route] = router.of(service(log_type="FILE /var/log/a", log_style=style))
        assert type(route.formatter) is kind
        for record in route.formatter.records(refused()):
            route.sink.put(record)
    [sink] = [sink for sink in router.sinks() if len(sink.queue)]
    assert sink.flush()
    assert len((world.folder / "a").read_text().splitlines()) == 2
    router.keep(set())
    assert kinds(router.of(service(log_type="FILE /var/log/a"))) == [JsonText]
    assert world.told == ["error: log file `/var/log/a` is not open: `tftp` logs here instead"]


def test_syslog_without_a_daemon_goes_to_the_main_log_until_one_comes(world: World) -> None:
    router = world.router()
    owner = service(log_type="SYSLOG local3 notice")
    assert router.of(owner) is router.main
    assert world.told == [f"error: syslog `{world.folder}/log` does not exist: `tftp` logs here instead"]
    with world.daemon():
        [route] = router.of(owner)
        assert route.formatter.records(refused())[0].startswith(b"<157>")
        (world.folder / "log").unlink()
        assert kinds(router.of(owner)) == [OldSyslog]  # a daemon that restarts: the records wait


def test_a_host_whose_only_target_is_missing_logs_to_stderr_too(world: World) -> None:
    assert kinds(world.router(targets=["syslog"]).main) == [JsonText, OldSyslog]


def test_a_reload_changes_the_format_and_keeps_what_waits(world: World) -> None:
    router = world.router()
    router.main[0].sink.put(b"waits\n")
    router.configure(LogSettings(format="text", queue=100))
    assert kinds(router.main) == [NativeText]
    [sink] = router.sinks()
    assert (len(sink.queue), sink.queue.limit) == (1, 100)


@pytest.mark.parametrize(
    ("keys", "line"),
    [
        ({"targets": ["stdout"]}, ""),
        ({"facility": "mail"}, r"<21>\w{3} .* superd\[\d+\]: "),
        ({"syslog_format": "rfc5424"}, r"<29>1 \d{4}-"),
    ],
)
def test_a_reload_applies_targets_facility_and_the_form_of_syslog(world: World, keys: dict[str, object], line: str) -> None:
    with world.daemon() as daemon:
        daemon.setblocking(False)
        router = world.router(targets=["syslog"])
        router.configure(LogSettings.model_validate({"targets": ["syslog"]} | keys))
        for route in router.main:
            for record in route.formatter.records(message("hello")):
                route.sink.put(record)
        for sink in router.sinks():
            sink.flush()
        if line:
            assert re.match(line, daemon.recv(1000).decode())
        else:
            assert b"hello" in (world.folder / "out").read_bytes()
            with pytest.raises(BlockingIOError):
                daemon.recv(1000)


def test_a_new_main_file_replaces_the_old_one(world: World) -> None:
    router = world.router(ident="xinetd", format="text")
    router.main[0].sink.put(b"old\n")
    router.attach(MAIN, os.open(world.folder / "new", os.O_RDWR | os.O_CREAT))
    router.main[0].sink.put(b"new\n")
    assert all(sink.flush() for sink in router.sinks())
    assert (world.folder / "err").read_text() == "old\n"
    assert (world.folder / "new").read_text() == "new\n"


def test_the_default_target_is_the_journal_stdout_in_a_container_or_stderr(world: World) -> None:
    status = os.fstat(world.err)
    stream = f"{status.st_dev}:{status.st_ino}"
    assert default_target(7, False, stream, status) == "journal"
    assert default_target(1, False, "1:2", status) == "stdout"
    assert default_target(1, True, "", status) == "stderr"
    assert default_target(7, False, "", None) == "stderr"


def test_what_is_waited_for_while_a_daemon_stands_still_is_a_copy(tmp_path: Path) -> None:
    """A flush may close the socket meanwhile, and the front would wait for another connection's."""
    router = World(tmp_path).router(targets=["stderr"])
    ours, theirs = socket.socketpair()
    with ours, theirs:
        router._syslog = SimpleNamespace(full=ours.fileno())  # type: ignore[assignment]
        with router.full_syslog() as lent:
            assert os.path.sameopenfile(lent, ours.fileno())
            assert lent != ours.fileno()
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(lent)
    router._syslog = None
    with router.full_syslog() as lent:
        assert lent == -1

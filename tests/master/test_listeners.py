"""Sockets by address: bound, taken over, tried again, made anew, and told apart from those that could not be opened."""

from __future__ import annotations

import errno
import os
import socket
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest

from superd.address import BindAddress, SocketType
from superd.errors import BindError
from superd.master.listeners import FIRST_RETRY, LAST_RETRY, BoundSockets, explain
from superd.plan import plan
from superd.registry import Registry
from superd.service import Service
from superd.settings import Settings
from tests.clock import Clock
from tests.daemon_process import free_port
from tests.master.parts import Lines, registry

if TYPE_CHECKING:
    from superd.log.log import Log


def made(clock: Clock | None = None) -> tuple[BoundSockets, Lines]:
    log = Lines()
    return BoundSockets(cast("Log", log), clock or Clock(100.0)), log


def test_what_is_in_use_is_tried_again_more_and_more_rarely_and_reported_once() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        services = registry(a=f"127.0.0.1:{taken.getsockname()[1]}")
        clock = Clock(100.0)
        sockets, log = made(clock)
        sockets.bind_all(services, {})
        assert sockets.all_in_use()
        assert not sockets.forbidden()
        pauses = []
        for _ in range(8):
            assert sockets.due is not None
            pauses.append(sockets.due - clock.now)
            clock.now = sockets.due
            assert sockets.bind_again(services) == []
        assert (pauses[0], pauses[-1]) == (FIRST_RETRY, LAST_RETRY)
        assert len(log.lines) == 1
        assert log.lines[0].endswith("; trying again")
    (address,) = sockets.bind_again(services)
    assert list(sockets) == [address]
    assert (sockets.missing(), sockets.due) == ({}, None)
    sockets.close_all()


def test_a_service_that_was_removed_is_not_tried_again() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        sockets, _ = made()
        sockets.bind_all(registry(a=f"127.0.0.1:{taken.getsockname()[1]}"), {})
        assert sockets.bind_again(registry()) == []
        assert (sockets.missing(), sockets.due) == ({}, None)


def test_a_managers_socket_is_taken_over_and_one_that_no_service_wants_is_closed(tmp_path: Path) -> None:
    wanted, other = (BindAddress(SocketType.STREAM, path=str(tmp_path / name)) for name in "ab")
    inherited = {}
    for address in (wanted, other):
        inherited[address] = sock = socket.socket(socket.AF_UNIX)
        sock.bind(address.path)
    sockets, log = made()
    sockets.bind_all(registry(a=f"unix:{wanted.path}"), inherited)
    assert list(sockets) == [wanted]
    assert log.lines == [f"warning: closing inherited socket unix:{other.path}/stream: no service listens there"]
    sockets.close_all()
    assert Path(wanted.path).exists()  # the manager's to remove


def test_a_path_that_was_made_is_removed_at_the_end_and_another_processs_is_not(tmp_path: Path) -> None:
    path = tmp_path / "a"
    sockets, _ = made()
    sockets.bind_all(registry(a=f"unix:{path}"), {})
    path.unlink()
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(path))
        sockets.close_all()
        assert path.exists()


def test_a_datagram_program_keeps_its_socket_and_the_next_is_bound_next_to_it() -> None:
    port = free_port(socket.SOCK_DGRAM)
    keys = {"name": "a", "server": "/bin/cat", "socket_type": "dgram", "listen": [f"127.0.0.1:{port}"]}
    services = Registry({"a": Service.model_validate(keys)}, Settings())
    sockets, _ = made()
    sockets.bind_all(services, {})
    (address,) = sockets
    programs = []
    for number in range(3):
        programs.append(sockets[address].dup())
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
            peer.bind(("127.0.0.1", 0))
            programs[-1].connect(peer.getsockname())
            assert sockets.renew(address.describe(), services) == (sockets[address].fileno(), ""), number
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        stranger.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with pytest.raises(OSError, match="in use"):
            stranger.bind(("127.0.0.1", port))
    assert sockets.renew("127.0.0.1:22/stream", services) == (-1, "no such datagram service listens there")
    for sock in programs:
        sock.close()
    sockets.close_all()


def test_a_missing_right_is_explained_and_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(address: BindAddress, service: Service, **_: object) -> socket.socket:
        raise BindError(address.describe(), errno.EACCES)

    monkeypatch.setattr("superd.master.listeners.open_address", refuse)
    sockets, log = made()
    sockets.bind_all(registry(a="127.0.0.1:79"), {})
    assert sockets.forbidden()
    assert sockets.due is None
    assert "CAP_NET_BIND_SERVICE" in log.lines[0]
    assert "trying again" not in log.lines[0]


def test_the_holder_of_a_port_is_named_where_it_can_be_found() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = BindAddress(SocketType.STREAM, "127.0.0.1", taken.getsockname()[1])
        text = explain(address, BindError(address.describe(), errno.EADDRINUSE))
        # This process itself is never the holder that is meant.
        assert text == f"cannot listen on `{address.describe()}`: Address already in use"
    assert os.getpid()


def waits(where: str, *, wait: bool) -> Registry:
    keys = {"name": "a", "server": "/bin/cat", "wait": wait, "listen": [where]}
    return Registry({"a": Service.model_validate(keys)}, Settings())


@pytest.mark.parametrize("unix", [False, True])
def test_a_socket_that_a_wait_program_has_had_stops_listening_in_every_process(tmp_path: Path, unix: bool) -> None:
    port = free_port()
    where = f"unix:{tmp_path}/a" if unix else f"127.0.0.1:{port}"
    old, new = waits(where, wait=True), waits(where, wait=False)
    sockets, _ = made()
    sockets.bind_all(old, {})
    (address,) = sockets
    with sockets[address].dup() as program:
        changes = plan(old, new)
        sockets.take(sockets.open_all(changes), changes)
        with socket.socket(program.family) as client:
            client.connect(str(tmp_path / "a") if unix else ("127.0.0.1", port))
            sockets[address].accept()[0].close()
            program.setblocking(False)
            with pytest.raises(OSError, match=r"Invalid|temporarily"):
                program.accept()
        if not unix:
            with pytest.raises(OSError, match="in use"):
                program.listen()
    sockets.close_all()


@pytest.mark.parametrize("managed", [False, True])
def test_a_socket_that_cannot_be_bound_again_refuses_the_reload(managed: bool) -> None:
    sockets, _ = made()
    where = f"127.0.0.1:{free_port()}" if managed else f"unix:@superd-test-{os.getpid()}"
    old, new = waits(where, wait=True), waits(where, wait=False)
    (address,) = old.by_address()
    inherited = {address: socket.create_server((address.host, address.port))} if managed else {}
    sockets.bind_all(old, inherited)
    assert sockets.from_manager() == ({address} if managed else set())
    with pytest.raises(BindError, match="cannot be bound again while superd runs"):
        sockets.open_all(plan(old, new))
    sockets.close_all()
    assert sockets.from_manager() == set()

"""Who has an address: any process, by pid, program and unit."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from superd.address import BindAddress, SocketType
from superd.system import port_holder
from superd.system.port_holder import Holder, holder_of

if TYPE_CHECKING:
    from collections.abc import Iterator

STREAM, DGRAM = SocketType.STREAM, SocketType.DGRAM


@pytest.fixture
def other(monkeypatch: pytest.MonkeyPatch) -> None:
    """This process's own sockets count as another's."""
    monkeypatch.setattr(os, "getpid", lambda: 1 << 30)


@pytest.mark.parametrize(
    ("bound", "asked"),
    [("127.0.0.1", "127.0.0.1"), ("127.0.0.1", ""), ("", "127.0.0.1"), ("::1", "::1"), ("::", "127.0.0.1")],
)
@pytest.mark.parametrize("kind", [STREAM, DGRAM])
def test_the_holder_of_a_port_is_found_whether_the_addresses_are_equal_or_overlap(
    other: None, bound: str, asked: str, kind: SocketType
) -> None:
    family = socket.AF_INET6 if ":" in bound else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM if kind is STREAM else socket.SOCK_DGRAM) as sock:
        sock.bind((bound, 0))
        if kind is STREAM:
            sock.listen()
        holder = holder_of(BindAddress(kind, asked, sock.getsockname()[1]))
        assert holder is not None
        assert holder.pid == int(Path("/proc/self").readlink().name)
        assert holder.program == Path("/proc/self/comm").read_text().strip()


def test_the_holder_of_a_path_is_found(other: None, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(str(tmp_path / "x"))
        holder = holder_of(BindAddress(STREAM, path=str(tmp_path / "x")))
        assert holder is not None
        assert holder.pid == int(Path("/proc/self").readlink().name)


def test_another_address_of_the_same_port_is_not_a_holder(other: None) -> None:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        port = sock.getsockname()[1]
        assert holder_of(BindAddress(STREAM, "127.0.0.2", port)) is None
        assert holder_of(BindAddress(DGRAM, "127.0.0.1", port)) is None


def test_the_text_names_program_pid_and_unit() -> None:
    assert str(Holder(812, "xinetd", "xinetd.service")) == "xinetd (pid 812, xinetd.service)"
    assert str(Holder(812, "xinetd")) == "xinetd (pid 812)"


def test_a_unit_is_the_innermost_of_the_cgroup(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(port_holder, "_read", lambda path, most: "0::/system.slice/xinetd.service/sub\n")
    assert port_holder._unit("1") == "xinetd.service"


def test_of_tcp_only_the_listening_sockets_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """A hundred thousand connections would hold the master up."""
    read: list[str] = []

    def lines(path: str) -> Iterator[str]:
        for state, inode in (("0A", "1"), ("0A", "2"), ("01", "3"), ("0A", "4")):
            read.append(inode)
            yield f"0: 0100007F:1F40 00000000:0000 {state} 0:0 0:0 0 0 0 {inode} 1"

    monkeypatch.setattr(port_holder, "_lines", lines)
    found = list(port_holder._inodes(BindAddress(SocketType.STREAM, "127.0.0.1", 8000)))
    assert (found, read) == (["1", "2"] * 2, ["1", "2", "3"] * 2)

"""An address becomes a socket that listens, with the options and the path of its service."""

from __future__ import annotations

import os
import socket
import stat
from pathlib import Path
from typing import Any

import pytest

from superd.address import BindAddress, SocketType
from superd.errors import BindError
from superd.net.bind import address_of, adjust, open_address, remove_path, share
from superd.service import Service
from tests.needs import needs_root

ALICE, BOB = 54901, 54902


def service(**keys: Any) -> Service:
    return Service.model_validate({"name": "a", "server": "/bin/cat", "user": "root", **keys})


def unix(path: Path) -> BindAddress:
    return BindAddress(SocketType.STREAM, path=str(path))


def test_a_port_is_bound_with_its_options_and_known_again() -> None:
    address = BindAddress(SocketType.STREAM, "127.0.0.1", 0)
    with open_address(address, service(listen=["127.0.0.1:0"], flags=["KEEPALIVE"])) as sock:
        assert not sock.getblocking()
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN) == 1
        taken = address_of(sock)
        assert taken == BindAddress(SocketType.STREAM, "127.0.0.1", sock.getsockname()[1])
        adjust(sock, service())
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 0
        with pytest.raises(BindError, match="in use"):
            open_address(taken, service())
        with open_address(BindAddress(SocketType.STREAM, "", taken.port, dual=True), service(), beside=[sock]) as wide:
            assert wide.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT) == 0
        share([sock], 0)


def test_a_path_has_the_services_owner_and_mode_and_goes_with_the_socket(services_dir: Path) -> None:
    needs_root()
    path = services_dir / "s"
    keys = {"socket_user": str(ALICE), "socket_group": str(BOB), "socket_mode": "0600"}
    sock = open_address(unix(path), service(**keys))
    status = path.stat()
    assert (status.st_uid, status.st_gid, stat.S_IMODE(status.st_mode)) == (ALICE, BOB, 0o600)
    adjust(sock, service(socket_mode="0660"))
    assert (path.stat().st_uid, stat.S_IMODE(path.stat().st_mode)) == (0, 0o660)
    sock.close()
    remove_path(sock)
    assert not path.exists()
    remove_path(sock)  # a second time is nothing


def test_a_link_in_the_place_of_a_path_is_an_error_and_its_target_stays_as_it_was(services_dir: Path) -> None:
    needs_root()
    folder, secret = services_dir / "alice", services_dir / "shadow"
    folder.mkdir()
    os.chown(folder, ALICE, ALICE)
    secret.write_bytes(b"secret")
    secret.chmod(0o600)
    alices = service(user=str(ALICE), listen=[f"unix:{folder}/s"])
    with open_address(unix(folder / "s"), alices) as sock:
        (folder / "s").unlink()
        (folder / "s").symlink_to(secret)
        for changed in (alices, service(user=str(ALICE), socket_user=str(ALICE), socket_mode="0666")):
            with pytest.raises(PermissionError, match="is not the socket"):
                adjust(sock, changed)
    remove_path(sock)
    assert (folder / "s").is_symlink()
    assert (secret.stat().st_uid, secret.stat().st_mode & 0o777) == (0, 0o600)


def test_a_folder_of_a_third_user_is_refused_with_its_name(services_dir: Path) -> None:
    needs_root()
    os.chown(services_dir, BOB, BOB)
    with pytest.raises(BindError, match=f"the folder `{services_dir}` belongs to uid {BOB}"):
        open_address(unix(services_dir / "s"), service(user=str(ALICE)))


def test_an_unknown_owner_leaves_no_path(services_dir: Path) -> None:
    with pytest.raises(BindError):
        open_address(unix(services_dir / "s"), service(socket_user="no-such-user"))
    assert not (services_dir / "s").exists()


def test_an_abstract_name_has_no_path() -> None:
    address = BindAddress(SocketType.STREAM, path=f"@superd-test-{os.getpid()}")
    with open_address(address, service()) as sock:
        assert address_of(sock) == address
    remove_path(sock)

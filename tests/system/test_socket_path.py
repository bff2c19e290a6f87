"""A unix socket's path in a folder of the service's user, who may replace it at any time."""

from __future__ import annotations

import os
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from superd.system import socket_path
from superd.system.paths import Trust, Untrusted
from superd.system.socket_path import SocketPath
from tests.needs import needs_root

ALICE, BOB = 54901, 54902
TRUST = Trust.own(strict=True).and_also(ALICE)


@pytest.fixture
def folder(services_dir: Path) -> Path:
    needs_root()
    folder = services_dir.parent / "alice"
    folder.mkdir()
    os.chown(folder, ALICE, ALICE)
    secret = folder.parent / "secret"
    secret.write_bytes(b"")
    secret.chmod(0o600)
    return folder


@pytest.fixture
def sock() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX) as made:
        yield made


def test_the_socket_has_its_mode_at_once_and_its_owner_afterwards(folder: Path, sock: socket.socket) -> None:
    path = folder / "s"
    place = SocketPath.bind(sock, str(path), 0o660, TRUST)
    assert stat.S_IMODE(path.stat().st_mode) == 0o660
    place.own(ALICE, BOB, 0o600, TRUST)
    status = path.stat()
    assert (stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid) == (0o600, ALICE, BOB)
    folder.chmod(0o2755)
    place.own(0, -1, 0o600, TRUST)
    assert (path.stat().st_uid, path.stat().st_gid) == (0, ALICE)
    place.remove(TRUST)
    assert not path.exists()


@pytest.mark.parametrize("lay", ["link", "hard link", "file", "socket"])
def test_what_a_user_lays_in_the_place_of_the_socket_is_never_touched(folder: Path, sock: socket.socket, lay: str) -> None:
    path, secret = folder / "s", folder.parent / "secret"
    place = SocketPath.bind(sock, str(path), 0o666, TRUST)
    path.unlink()
    with socket.socket(socket.AF_UNIX) as other:
        if lay == "link":
            path.symlink_to(secret)
        elif lay == "hard link":
            os.link(secret, path)
        elif lay == "file":
            path.write_bytes(b"")
        else:
            other.bind(str(path))
        with pytest.raises(Untrusted, match="is not the socket that was bound there"):
            place.own(ALICE, ALICE, 0o666, TRUST)
        with pytest.raises(Untrusted, match="is not the socket that was bound there"):
            place.remove(TRUST)
    assert (secret.stat().st_mode & 0o777, secret.stat().st_uid) == (0o600, 0)
    assert path.is_symlink() or path.exists()


@pytest.mark.parametrize("privileged", [True, False])
def test_a_socket_that_is_replaced_while_it_is_bound_is_found_out(
    folder: Path, privileged: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, secret = folder / "s", folder.parent / "secret"
    if not privileged:
        monkeypatch.setattr(socket_path, "_SIOCUNIXFILE", 0)  # as without CAP_NET_ADMIN: the call fails

    class Raced(socket.socket):
        def bind(self, address: object) -> None:
            super().bind(address)  # type: ignore[arg-type]
            path.unlink()
            os.link(secret, path) if not privileged else path.symlink_to(secret)

    with Raced(socket.AF_UNIX) as sock, pytest.raises(Untrusted, match="was replaced"):
        SocketPath.bind(sock, str(path), 0o666, TRUST)
    assert secret.stat().st_mode & 0o777 == 0o600


def test_a_folder_that_another_user_can_change_is_refused(folder: Path, sock: socket.socket) -> None:
    os.chown(folder, BOB, BOB)
    with pytest.raises(Untrusted, match=f"belongs to uid {BOB}"):
        SocketPath.bind(sock, str(folder / "s"), 0o666, TRUST)
    os.chown(folder, ALICE, ALICE)
    folder.chmod(0o777)
    with pytest.raises(Untrusted, match="written by others"):
        SocketPath.bind(sock, str(folder / "s"), 0o666, TRUST)
    (folder.parent / "link").symlink_to(folder)
    folder.chmod(0o755)
    SocketPath.bind(sock, str(folder.parent / "link" / "s"), 0o666, TRUST)
    assert (folder / "s").is_socket()


def test_a_dead_servers_path_is_taken_and_a_living_ones_and_a_file_are_not(folder: Path, sock: socket.socket) -> None:
    path = folder / "s"
    with socket.socket(socket.AF_UNIX) as living:
        living.bind(str(path))
        living.listen()
        with pytest.raises(OSError, match="in use"):
            SocketPath.bind(sock, str(path), 0o666, TRUST)
    assert path.exists()
    SocketPath.bind(sock, str(path), 0o666, TRUST)
    with socket.socket(socket.AF_UNIX) as second:
        (folder / "file").write_bytes(b"kept")
        with pytest.raises(OSError, match="in use"):
            SocketPath.bind(second, str(folder / "file"), 0o666, TRUST)
    assert (folder / "file").read_bytes() == b"kept"

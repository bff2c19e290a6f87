"""Every path of a configuration, attacked by the user who may change its folder, through the real daemon as root."""

from __future__ import annotations

import os
import socket
import stat
from pathlib import Path

import pytest

from tests.daemon_process import WAIT, Superd, free_port, talk
from tests.needs import needs_root

ALICE, BOB = 54901, 54902


@pytest.fixture
def alices(superd: Superd) -> Path:
    """A folder of hers, next to a secret file of root's."""
    needs_root()
    folder = superd.folder / "alice"
    folder.mkdir()
    os.chown(folder, ALICE, ALICE)
    secret = superd.folder / "secret"
    secret.write_bytes(b"root's secret\n")
    secret.chmod(0o600)
    return folder


def untouched(superd: Superd) -> None:
    secret = superd.folder / "secret"
    status = secret.stat()
    assert (status.st_uid, stat.S_IMODE(status.st_mode), secret.read_bytes()) == (0, 0o600, b"root's secret\n")


def refused(superd: Superd, *arguments: str) -> str:
    """Start it, which must fail; what it said."""
    with pytest.raises(AssertionError, match="did not start"):
        superd.start(*arguments)
    assert superd.process is not None
    assert superd.process.wait(WAIT) == 78
    return "\n".join(str(event.get("message")) for event in superd.rest())


@pytest.mark.parametrize("owner", ["", f'socket_user = "{ALICE}"\nsocket_mode = "0600"\n'])
def test_a_link_in_the_place_of_a_unix_socket_gives_its_target_to_no_user(superd: Superd, alices: Path, owner: str) -> None:
    path, port = alices / "app.sock", free_port()
    text = f'server = "/bin/cat"\nuser = "{ALICE}"\nlisten = ["unix:{path}", "127.0.0.1:{port}"]\n{owner}'
    superd.service("app", text)
    superd.start()
    path.unlink()
    path.symlink_to(superd.folder / "secret")
    superd.service("app", text + "instances = 6\n")
    superd.reload()
    untouched(superd)
    assert talk(port, b"served") == b"served"
    superd.stop()
    untouched(superd)
    assert path.is_symlink()


def test_a_socket_in_a_folder_of_a_third_user_is_refused_by_check_and_start(superd: Superd, alices: Path) -> None:
    superd.service("app", f'server = "/bin/cat"\nuser = "{BOB}"\nlisten = ["unix:{alices}/app.sock"]\n')
    assert f"the folder `{alices}` belongs to uid {ALICE}" in refused(superd)


def test_a_link_in_the_place_of_a_log_is_not_written_through(superd: Superd, alices: Path) -> None:
    log, port = alices / "x.log", free_port()
    superd.service("cat", f'server = "/bin/cat"\nuser = "{ALICE}"\nlisten = ["127.0.0.1:{port}"]\nlog_type = "FILE {log}"\n')
    superd.start()
    assert talk(port, b"x") == b"x"
    log.unlink()
    for target in ("secret", "made"):
        log.symlink_to(superd.folder / target)
        assert "refused" in superd.reload()
        superd.message("is a link that another user can change")
        assert talk(port, b"x") == b"x"
        log.unlink()
    untouched(superd)
    assert not (superd.folder / "made").exists()


def test_a_banner_that_is_a_link_shows_no_client_what_the_front_can_read(superd: Superd, alices: Path) -> None:
    banner, port = alices / "banner", free_port()
    banner.write_bytes(b"welcome\n")
    superd.service("cat", f'server = "/bin/cat"\nuser = "{ALICE}"\nlisten = ["127.0.0.1:{port}"]\nbanner = "{banner}"\n')
    superd.start()
    assert talk(port) == b"welcome\n"
    for target in ("/proc/self/environ", "/proc/self/maps", "/etc/passwd"):
        banner.unlink()
        banner.symlink_to(target)
        assert talk(port, b"x") in (b"", b"x")
    banner.unlink()
    os.mkfifo(banner)
    with banner.open("r+b", buffering=0):
        assert talk(port, b"x") in (b"", b"x")


@pytest.mark.parametrize("kind", ["service", "fragment", "superd.toml", "xinetd.conf", "hosts.deny", "list"])
def test_a_file_or_a_link_of_another_user_configures_nothing(superd: Superd, alices: Path, kind: str) -> None:
    good = 'type = "INTERNAL"\nservice = "echo"\nlisten = ["127.0.0.1:{}"]\n'
    superd.service("good", good.format(free_port()))
    superd.deny.write_text("# nothing\n")
    real = superd.folder / "real"
    real.write_text("nice = 1\n")
    arguments: list[str] = []
    match kind:
        case "service":
            folder = alices
            real.write_text(good.format(free_port()))
            (folder / "theirs.toml").symlink_to(real)
            arguments = ["--services", str(folder)]
        case "fragment":
            folder = superd.services / "good.toml.d"
            folder.mkdir()
            os.chown(folder, ALICE, ALICE)
            (folder / "10.toml").symlink_to(real)
        case "superd.toml":
            real.write_text("stop_grace = 5\n")
            (alices / "superd.toml").symlink_to(real)
            arguments = ["--config", str(alices / "superd.toml")]
        case "xinetd.conf":
            real.write_text("defaults\n{\n}\n")
            (alices / "xinetd.conf").symlink_to(real)
            arguments = ["--config", str(alices / "xinetd.conf")]
        case "hosts.deny":
            real.write_text("")
            superd.deny = alices / "hosts.deny"
            superd.deny.symlink_to(real)
        case "list":
            (alices / "list").symlink_to(real)
            superd.deny.write_text(f"ALL: {alices}/list\n")
    assert f"belongs to uid {ALICE}, not to root" in refused(superd, *arguments)


def test_a_folder_of_tables_in_which_another_user_could_remove_them_is_refused(superd: Superd, alices: Path) -> None:
    superd.deny = alices / "hosts.deny"
    superd.deny.write_text("ALL: ALL\n")
    superd.service("good", f'type = "INTERNAL"\nservice = "echo"\nlisten = ["127.0.0.1:{free_port()}"]\n')
    assert f"the folder `{alices}` belongs to uid {ALICE}" in refused(superd)


def test_a_table_in_a_folder_that_the_front_cannot_search_is_refused(superd: Superd) -> None:
    needs_root()
    hidden = superd.folder / "hidden"
    hidden.mkdir(mode=0o700)
    superd.deny = hidden / "hosts.deny"
    superd.deny.write_text("ALL: ALL\n")
    superd.service("good", f'type = "INTERNAL"\nservice = "echo"\nlisten = ["127.0.0.1:{free_port()}"]\n')
    said = refused(superd)
    assert f"cannot search `{hidden}`, so it would not see a change of this file" in said
    assert f"chmod o+x {hidden}" in said


def test_nothing_that_superd_was_started_with_is_open_in_front_or_launchers(superd: Superd) -> None:
    needs_root()
    port = free_port()
    superd.service("cat", f'server = "/bin/cat"\nuser = "{ALICE}"\nlisten = ["127.0.0.1:{port}"]\n')
    secret = superd.folder / "secret"
    secret.write_bytes(b"")
    secret.chmod(0o600)
    ours, theirs = socket.socketpair()
    with secret.open("r+b") as file, ours, theirs:
        superd.pass_fds = (file.fileno(), theirs.fileno())
        superd.start()
        number = os.fstat(theirs.fileno()).st_ino
    assert talk(port, b"x") == b"x"
    assert superd.process is not None
    for pid in {superd.process.pid, superd.front(), *superd.launchers()}:
        links = {os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd")}
        assert not links & {str(secret), f"socket:[{number}]"}
        assert "Max core file size        0" in Path(f"/proc/{pid}/limits").read_text() or pid in superd.launchers()
        assert next(line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("Umask")).split()[
            1
        ] in (
            "0077",
            "0022",
        )

"""The variables of a connection: three dialects, and nothing of a peer that is not what its name says."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from superd.errors import ControlError
from superd.ipc.launch_codec import Launch
from superd.launch_spec import CONNECTION_VARIABLES
from superd.launcher.environment import connection_environment, unix_environment


def seen(
    remote: str = "192.0.2.7", local: str = "192.0.2.1", name: str = "", user: str = "", proto: str = "tcp"
) -> dict[str, str]:
    variables = connection_environment(Launch(1, "x", remote, 4711, local, 23, name, user, proto))
    found = dict(variable.decode().split("=", 1) for variable in variables)
    assert found.keys() <= CONNECTION_VARIABLES
    return found


def test_a_tcp_connection_has_the_words_of_three_dialects() -> None:
    assert seen(name="host.example", user="joe") == {
        "REMOTE_HOST": "192.0.2.7", "REMOTE_ADDR": "192.0.2.7", "REMOTE_PORT": "4711", "PROTO": "TCP",
        "TCPREMOTEIP": "192.0.2.7", "TCPREMOTEPORT": "4711", "TCPLOCALIP": "192.0.2.1", "TCPLOCALPORT": "23",
        "TCPREMOTEHOST": "host.example", "TCPREMOTEINFO": "joe",
    }  # fmt: skip


@pytest.mark.parametrize("word", ["unknown", "paranoid", "", "-n", "a b", "a\nPATH=/x", "$(reboot)", "ä.example", "x" * 300])
def test_a_name_that_is_not_known_or_not_a_name_is_left_out(word: str) -> None:
    assert "TCPREMOTEHOST" not in seen(name=word)


@pytest.mark.parametrize("word", ["unknown", "", "a b", "a\n", "ä", "x" * 300])
def test_a_user_that_is_not_known_or_not_printable_is_left_out(word: str) -> None:
    assert "TCPREMOTEINFO" not in seen(user=word)


@pytest.mark.parametrize("address", ["host.example", "1.2.3", "::g", "192.0.2.1%x\n", "a" * 100, "192.0.2.7\0", "%eth0"])
def test_what_is_not_an_address_is_refused_at_either_end(address: str) -> None:
    for ends in ({"remote": address}, {"local": address}):
        with pytest.raises(ControlError):
            seen(**ends)


@given(st.ip_addresses())
def test_every_address_is_passed_on_as_it_is(address: object) -> None:
    assert seen(remote=str(address))["REMOTE_ADDR"] == str(address)


def test_a_link_local_address_keeps_its_zone() -> None:
    assert seen(remote="fe80::1%eth0.4", local="fe80::2%eth0.4")["TCPREMOTEIP"] == "fe80::1%eth0.4"


def test_datagrams_and_unix_sockets_have_less() -> None:
    assert seen(proto="udp").keys() == {"REMOTE_HOST", "REMOTE_ADDR", "REMOTE_PORT", "PROTO"}
    assert seen(remote="", proto="udp") == {"PROTO": "UDP"}
    assert seen(proto="unix") == {"PROTO": "UNIX", "REMOTE_HOST": "localhost", "REMOTE_ADDR": "localhost"}
    assert seen(local="").keys() & {"TCPLOCALIP", "TCPLOCALPORT"} == set()


def test_more_addresses_than_are_remembered_are_checked_again() -> None:
    for number in range(5000):
        seen(remote=f"10.0.{number >> 8}.{number & 255}")
    with pytest.raises(ControlError):
        seen(remote="10.0.0.256")


def test_the_kernel_says_who_a_unix_client_is(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server, socket.socket(socket.AF_UNIX) as client:
        server.bind(str(tmp_path / "s"))
        server.listen()
        assert unix_environment(server.fileno()) == []
        client.connect(str(tmp_path / "s"))
        ours, _ = server.accept()
        with ours:
            found = dict(variable.decode().split("=", 1) for variable in unix_environment(ours.fileno()))
            ours.send(b"still open")
    assert found == {
        "REMOTE_UID": f"{os.getuid()}", "REMOTE_GID": f"{os.getgid()}", "IPCREMOTEEUID": f"{os.getuid()}",
        "IPCREMOTEEGID": f"{os.getgid()}", "IPCREMOTEPID": f"{os.getpid()}",
    }  # fmt: skip


def test_other_sockets_have_no_such_client() -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as datagrams, socket.socket() as internet:
        assert unix_environment(datagrams.fileno()) == []
        assert unix_environment(internet.fileno()) == []

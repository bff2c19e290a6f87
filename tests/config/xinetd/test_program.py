"""Who answers for a service of xinetd.conf."""

from __future__ import annotations

import pytest

from superd.config.foreign import Foreign
from tests.config.xinetd.test_findings import entry, only, read, said

REDIRECT = entry("redirect = 192.0.2.1 80", without="server")


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        (entry("server_args = -a b"), {"server": "/bin/cat", "argv": ("cat", "-a", "b")}),
        (entry("flags = NAMEINARGS", "server_args = other -a"), {"argv": ("other", "-a"), "daemon": "other"}),
        (entry("libwrap = mine"), {"daemon": "mine"}),
        (REDIRECT.replace("192.0.2.1", "2001:db8::1"), {"server": ""}),
        (entry("group = daemon"), {"group": "daemon"}),
    ],
)
def test_a_program_keeps_its_arguments_and_its_name(text: str, keys: dict[str, object]) -> None:
    service = only(read(text))
    assert {key: getattr(service, key) for key in keys} == keys


def test_a_redirect_has_its_target() -> None:
    assert str(only(read(REDIRECT)).redirect) == "192.0.2.1:80"
    assert str(only(read(REDIRECT.replace("192.0.2.1", "2001:db8::1"))).redirect) == "[2001:db8::1]:80"


def test_tcpd_is_replaced_by_the_program_it_guards() -> None:
    text = entry("flags = NAMEINARGS NOLIBWRAP", "server_args = in.cat -x").replace("/bin/cat", "/usr/sbin/tcpd")
    service = only(read(text))
    assert (service.server, service.daemon) == ("/usr/sbin/in.cat", "in.cat")
    assert "NOLIBWRAP" not in service.flags


def test_an_argument_in_the_place_of_argv0_is_reported_with_the_line() -> None:
    text = entry("flags = NAMEINARGS", "server_args = /srv/x.py").replace("/bin/cat", "/usr/bin/python3")
    (message,) = said(read(text))
    assert "reads what the client sends" in message
    assert "write `server_args = python3 /srv/x.py`" in message


def wrong(*lines: str, without: str = "") -> Foreign:
    return read(entry(*lines, without=without))


@pytest.mark.parametrize(
    ("foreign", "message"),
    [
        (wrong(without="server"), "has no `server`"),
        (wrong(without="user"), "has no `user`"),
        (wrong("redirect = 192.0.2.1 80", "flags = NAMEINARGS", without="server"), "no NAMEINARGS"),
        (wrong("type = INTERNAL UNLISTED", without="type"), "no internal service `x`"),
        (wrong("type = RPC UNLISTED", "rpc_version = 1", without="type"), "has no `rpc_number`"),
        (wrong("type = RPC UNLISTED", "rpc_number = 1", without="type"), "has no `rpc_version`"),
        (wrong("type = RPC UNLISTED", "rpc_number = 1", "rpc_version = a", without="type"), "is not n or n-m"),
    ],
)
def test_what_answers_no_client_is_one_error(foreign: Foreign, message: str) -> None:
    assert foreign.services == ()
    (text,) = said(foreign)
    assert message in text

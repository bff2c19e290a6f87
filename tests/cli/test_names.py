"""Names for the commands, from the system's own resolver and /etc/hosts."""

from __future__ import annotations

import socket

import pytest

from superd.cli.names import addresses_of, confirmed_name


def test_a_name_of_etc_hosts_has_its_addresses_once_and_stands_up_to_the_forward_check() -> None:
    assert "127.0.0.1" in addresses_of("localhost")
    assert len(set(addresses_of("localhost"))) == len(addresses_of("localhost"))
    assert confirmed_name("127.0.0.1") in ("localhost", "localhost.localdomain", "paranoid")


def test_what_is_not_a_name_has_no_address() -> None:
    for text in ("no-such-host.invalid", "", "a" * 300, "x..y", "\udc80"):
        assert addresses_of(text) == [] or text == ""


def test_an_address_without_a_name_is_unknown() -> None:
    assert confirmed_name("not an address") == "unknown"


@pytest.mark.parametrize(
    ("name", "official", "address", "expected"),
    [
        ("Host.example.com", "host.EXAMPLE.com", "192.0.2.1", "Host.example.com"),
        ("alias.example.com", "host.example.com", "192.0.2.1", "paranoid"),
        ("host.example.com", "host.example.com", "192.0.2.2", "paranoid"),
        ("192.0.2.1", "192.0.2.1", "192.0.2.1", "paranoid"),
    ],
)
def test_a_name_counts_only_if_it_is_the_official_one_of_the_address(
    name: str, official: str, address: str, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, official, (address, 0))]
    monkeypatch.setattr(socket, "getnameinfo", lambda *_: (name, "0"))
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
    assert confirmed_name("192.0.2.1") == expected

"""Names for the commands, from the system's own resolver and /etc/hosts."""

from __future__ import annotations

from superd.cli.names import addresses_of, confirmed_name


def test_a_name_of_etc_hosts_has_its_addresses_once_and_stands_up_to_the_forward_check() -> None:
    assert "127.0.0.1" in addresses_of("localhost")
    assert len(set(addresses_of("localhost"))) == len(addresses_of("localhost"))
    assert confirmed_name("127.0.0.1") in ("localhost", "localhost.localdomain", "paranoid")


def test_what_is_no_name_has_no_address() -> None:
    for text in ("no-such-host.invalid", "", "a" * 300, "x..y", "\udc80"):
        assert addresses_of(text) == [] or text == ""


def test_an_address_without_a_name_is_unknown() -> None:
    assert confirmed_name("not an address") == "unknown"

"""A name counts if it is the official one of a host that has the address: one rule for connections and commands."""

from __future__ import annotations

import pytest

from superd.net.names import can_be_confirmed, confirmed, plain


@pytest.mark.parametrize(
    ("name", "canonical", "addresses", "expected"),
    [
        ("Host.example.com", "host.EXAMPLE.com", ["192.0.2.1"], "Host.example.com"),
        ("host.example.com", "host.example.com", ["192.0.2.9", "192.0.2.1"], "host.example.com"),
        ("alias.example.com", "host.example.com", ["192.0.2.1"], "paranoid"),
        ("host.example.com", "host.example.com", ["192.0.2.2"], "paranoid"),
        ("host.example.com", "host.example.com", [], "paranoid"),
        ("192.0.2.1", "192.0.2.1", ["192.0.2.1"], "paranoid"),
        (".", ".", ["192.0.2.1"], "paranoid"),
        ("localhost", "localhost.localdomain", ["192.0.2.1"], "localhost"),
    ],
)
def test_a_name_is_confirmed_or_paranoid(name: str, canonical: str, addresses: list[str], expected: str) -> None:
    assert confirmed(name, "192.0.2.1", canonical, addresses) == expected


def test_an_address_is_the_same_in_every_spelling_and_zone() -> None:
    assert plain("FE80:0::1%eth0") == "fe80::1"
    assert confirmed("h.org", "fe80::1%eth0", "h.org", ["FE80::0:1%lo"]) == "h.org"


@pytest.mark.parametrize(
    ("name", "worth"), [("h.org", True), ("10.1", True), ("10.0.0.1", False), ("::1%lo", False), (".", False)]
)
def test_numbers_and_the_root_are_not_asked_for(name: str, worth: bool) -> None:
    assert can_be_confirmed(name) is worth

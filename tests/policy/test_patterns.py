"""Single patterns, as hosts_access(5) has them; the installed library is asked the same in tests/differential."""

from __future__ import annotations

import fnmatch
import ipaddress
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from superd.peer import peer_from_text
from superd.policy.address_pattern import atoi, inet_addr, is_numeric, network
from superd.policy.facts import NO_FACTS
from superd.policy.patterns import host_match, masked_match, string_match
from superd.verdict import Ask, Need


@given(st.text(alphabet="ab.*?", max_size=10), st.text(alphabet="ab.", max_size=10))
def test_a_wildcard_is_that_of_the_shell(token: str, text: str) -> None:
    if ("*" in token or "?" in token) and not token.endswith("**"):  # the quirk of two stars at the end is libwrap's own
        assert string_match(token, text) is fnmatch.fnmatchcase(text, token)


@pytest.mark.parametrize(
    ("token", "text", "matches"),
    [
        ("ALL", "anything", True), ("KNOWN", "unknown", False), ("KNOWN", "x", True),
        (".example.org", "a.EXAMPLE.org", True), (".example.org", "example.org", False), (".org", "evil-org", False),
        ("10.1.", "10.1.2.3", True), ("10.1.", "10.11.2.3", False), ("client", "CLIENT", True),
        ("[2001:db8::1]", "2001:DB8:0::1", True), ("[::1]", "::2", False), ("[::1%]", "::1", False),
        ("10.0.0.1", "::ffff:10.0.0.1", True),
    ],
)  # fmt: skip
def test_each_kind_of_pattern(token: str, text: str, matches: bool) -> None:
    assert string_match(token, text) is matches


def test_a_zone_that_is_named_is_one() -> None:
    assert network("[2001:db8::]", "32") == network("[2001:db8::%lo]", "32")
    assert network("[2001:db8::%]", "32") is None


@pytest.mark.parametrize("mask", ["24.300.0.0", "24.1.1.09", "024.1.1.256", "24.a.a.a", "24x", "+24"])
def test_a_mask_that_is_not_an_address_is_read_as_far_as_it_is_a_number(mask: str) -> None:
    assert network("10.1.2.0", mask) == network("10.1.2.0", "24")


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("10.1.2.3\v", 0x0A010203), ("10.1.2\f.9", 0x0A010002), ("10\v.x.y.z", 10), ("0xA.01.2.3 x", 0x0A010203),
        ("\v10.1.2.3", None), ("10.1.2.3\x1c", None), ("10.1.2.3\xa0", None), ("10.1.2.", None), ("10.1.2", None),
        ("10..2.3.4", None), ("10.1.2.3.", None), ("0x.1.2.3", None), ("10.1.2." + "9" * 5000, None), ("08.1.2.3", None),
        ("010.1.2.0377", 0x080102FF), ("10.1.2.255", 0x0A0102FF), ("10.1.2.256", None), ("10.1.256.1", None),
        ("10.256.2.1", None), ("256.1.2.3", None),
        ("10.1.65535\v.0", 0x0A01FFFF), ("10.1.65536\v.0", None), ("255.255.255.255", None), ("255.255.255.254", 0xFFFFFFFE),
        ("10.16777216\v.0.0", None), ("10.16777215\v.0.0", 0x0AFFFFFF),
    ],
)  # fmt: skip
def test_an_address_ends_at_white_space_as_inet_addr_has_it(text: str, number: int | None) -> None:
    assert inet_addr(text) == number


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("\v+24", 24), ("\x1c24", 0), ("4294967320", 24), ("-4294967272", 24), ("9" * 5000, -1), ("-" + "9" * 5000, 0),
        ("+-24", 0), ("2_4", 2), ("\u0662", 0), ("2147483648", -(2**31)),
    ],
)  # fmt: skip
def test_a_length_is_the_low_half_of_a_long(text: str, number: int) -> None:
    assert atoi(text) == number


@given(st.ip_addresses(v=4), st.integers(1, 32), st.ip_addresses(v=4))
def test_a_network_matches_its_addresses_and_one_with_host_bits_none(
    base: ipaddress.IPv4Address, length: int, address: ipaddress.IPv4Address
) -> None:
    peer = peer_from_text(str(address))
    whole = ipaddress.ip_network(f"{base}/{length}", strict=False)
    clean = str(whole.network_address) == str(base)
    # The broadcast address is inet_addr's error.
    expected = clean and address in whole and str(base) != "255.255.255.255"
    assert masked_match(str(base), str(length), peer) is expected
    mask = str(whole.netmask)
    assert masked_match(str(base), mask, peer) is (expected and mask != "255.255.255.255")


@given(st.text(alphabet="0123456789xXabf./[]:", max_size=20))
def test_any_text_is_an_address_of_32_bits_or_none(text: str) -> None:
    number = inet_addr(text)
    assert number is None or 0 <= number < 0xFFFFFFFF
    found = network(text, text)
    assert found is None or found[1] & found[2] == found[1]


def test_a_wildcard_of_digits_is_for_addresses_alone() -> None:
    assert is_numeric("10.1.2.*")
    assert not is_numeric("10.example.*")


def test_a_netgroup_needs_the_name_first_and_then_the_answer_of_the_host() -> None:
    assert host_match("@staff", peer_from_text("10.1.2.3"), NO_FACTS, {}) == Ask(Need.HOST_NAME)
    named = peer_from_text("10.1.2.3", name="a.example.org")
    assert host_match("@staff", named, NO_FACTS, {}) == Ask(Need.NETGROUP, netgroup=("staff", "a.example.org"))
    for member in (True, False):
        assert host_match("@staff", named, replace(NO_FACTS, netgroups={("staff", "a.example.org"): member}), {}) is member

"""Addresses to listen on: what is written comes back, and an overlap is one from both sides."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from superd.address import BindAddress, SocketType, parse_listen

PORTS = st.integers(1, 65535)
HOSTS = st.sampled_from(["", "0.0.0.0", "::", "127.0.0.1", "::1", "192.0.2.1"])
KINDS = st.sampled_from(list(SocketType))
ADDRESSES = st.builds(
    lambda kind, host, port: BindAddress(kind, host, port, dual=host == ""), KINDS, HOSTS, st.sampled_from([7, 9])
)


@given(st.ip_addresses(), PORTS, KINDS)
def test_an_address_reads_as_it_is_written(ip: object, port: int, kind: SocketType) -> None:
    text = f"[{ip}]:{port}" if ":" in str(ip) else f"{ip}:{port}"
    found = parse_listen(text, kind)
    assert (found.port, found.socket_type) == (port, kind)
    assert parse_listen(str(found), kind) == found


@given(ADDRESSES, ADDRESSES)
def test_an_overlap_is_one_from_both_sides_and_with_itself(one: BindAddress, other: BindAddress) -> None:
    assert one.overlaps(other) is other.overlaps(one)
    assert one.overlaps(one)


def test_a_wildcard_covers_its_family_and_the_dual_one_both() -> None:
    four, six, both = (parse_listen(text, SocketType.STREAM) for text in ("0.0.0.0:7", "[::]:7", "*:7"))
    local, local6 = (parse_listen(text, SocketType.STREAM) for text in ("127.0.0.1:7", "[::1]:7"))
    assert four.overlaps(local)
    assert not four.overlaps(local6)
    assert six.overlaps(local6)
    assert not six.overlaps(local)
    assert both.overlaps(local)
    assert both.overlaps(local6)
    assert not local.overlaps(parse_listen("127.0.0.1:8", SocketType.STREAM))
    assert not local.overlaps(parse_listen("127.0.0.1:7", SocketType.DGRAM))


@pytest.mark.parametrize(
    "text", ["127.0.0.1", "x:7", "1.2.3.4:65536", "[::1:7", "unix:relative", "unix:/" + "x" * 107, "1.2.3:7"]
)
def test_what_is_not_an_address_is_an_error_that_names_it(text: str) -> None:
    with pytest.raises(ValueError, match="`"):
        parse_listen(text, SocketType.STREAM)


@given(st.text(max_size=40))
def test_any_text_is_an_address_or_an_error(text: str) -> None:
    try:
        found = parse_listen(text, SocketType.STREAM, 7)
    except ValueError:
        return
    assert 0 <= found.port <= 65535

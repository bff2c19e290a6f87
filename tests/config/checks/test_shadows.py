"""Which of those that may connect may not: by address, network and name."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from superd.config.checks.services import Host, check
from superd.config.checks.shadows import shadowed
from superd.problem import Origin
from superd.service import Service

HOST = Host(lambda _: True, lambda _: True, lambda _: "", lambda _: True, (), True)
NETWORKS = st.builds(
    lambda number, length: str(ipaddress.ip_network((number, length), strict=False)),
    st.integers(0, 2**32 - 1),
    st.integers(8, 32),
)


@pytest.mark.parametrize(
    ("inner", "outer"),
    [
        ("192.0.2.66", "192.0.2.0/24"),
        ("192.0.2.66", "192.0.2.66"),
        ("192.0.2.0/25", "192.0.2.0/255.255.255.0"),
        ("2001:db8::1", "[2001:db8::]/32"),
        ("a.example.com", ".example.com"),
        (".sub.example.com", ".EXAMPLE.com"),
        ("anything", "ALL"),
    ],
)
def test_what_no_access_holds_is_found(inner: str, outer: str) -> None:
    assert shadowed(("198.51.100.1", inner), ("203.0.113.1", outer))[-1] == (inner, outer)


@pytest.mark.parametrize(
    ("inner", "outer"),
    [
        ("192.0.2.0/24", "192.0.2.66"),
        ("192.0.2.1", "2001:db8::/32"),
        ("badexample.com", ".example.com"),
        ("10.1.2.3-10.1.2.9", "10.0.0.0/8"),
        ("192.0.2.1", ".2.1"),
    ],
)
def test_what_may_connect_in_part_is_not(inner: str, outer: str) -> None:
    assert shadowed((inner,), (outer,)) == []


@given(st.lists(NETWORKS, max_size=4), st.lists(NETWORKS, max_size=4), st.integers(0, 2**32 - 1))
def test_no_client_of_a_shadowed_network_could_be_admitted(allowed: list[str], refused: list[str], number: int) -> None:
    client = ipaddress.ip_address(number)
    for inner, outer in shadowed(tuple(allowed), tuple(refused)):
        assert client not in ipaddress.ip_network(inner) or client in ipaddress.ip_network(outer)


def test_check_names_both_places() -> None:
    service = Service(name="x", server="/bin/cat", port=1, only_from=("192.0.2.66",), no_access=("192.0.2.0/24",))
    origins = {("x", "only_from"): Origin("conf", 3), ("x", "no_access"): Origin("conf", 4)}
    (problem,) = check({"x": service}, origins, HOST)
    assert str(problem).startswith("conf:3: warning: `192.0.2.66` can never connect: `192.0.2.0/24` in no_access (conf:4) wins")

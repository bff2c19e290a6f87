"""Values with a grammar of their own: what is taken, and which key is told where it is not."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from superd.config.checks.values import check_words
from superd.service import Service


def wrong(**keys: Any) -> list[str]:
    return [key for key, _ in check_words(Service.model_validate({"name": "a", "server": "/bin/cat", "port": 7, **keys}))]


@given(st.integers(-10, 70_000), st.sampled_from(["192.0.2.1", "[::1]", "a.org", ""]))
def test_a_redirect_is_a_host_and_a_port_that_exists(port: int, host: str) -> None:
    taken = bool(host) and 1 <= port <= 65535
    assert wrong(server="", redirect=f"{host}:{port}") == ([] if taken else ["redirect"])


@given(st.integers(0, 300), st.integers(0, 300))
def test_versions_of_an_rpc_service_rise_and_are_fewer_than_a_hundred(first: int, last: int) -> None:
    keys = {"type": "RPC", "rpc_number": 100_001, "rpc_version": f"{first}-{last}"}
    assert wrong(**keys) == ([] if 0 <= last - first < 100 else ["rpc_version"])


def test_a_port_is_a_number_of_sixteen_bits_and_a_listen_address_can_be_read() -> None:
    assert wrong(port="no-such-service") == ["port"]
    assert wrong(port=65536) == ["port"]
    assert wrong(listen="nonsense") == ["listen"]
    assert wrong(listen="[::1]:65535") == []

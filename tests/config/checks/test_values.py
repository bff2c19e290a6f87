"""Values with a grammar of their own: what is taken, and which key is reported where it is not."""

from __future__ import annotations

from typing import Any

from superd.config.checks.values import check_words
from superd.service import Service


def wrong(**keys: Any) -> list[str]:
    return [key for key, _ in check_words(Service.model_validate({"name": "a", "server": "/bin/cat", "port": 7, **keys}))]


def test_a_redirects_port_is_a_number_by_then() -> None:
    assert wrong(server="", redirect="192.0.2.1:no-such-service") == ["redirect"]
    assert wrong(server="", redirect="192.0.2.1:80") == []
    assert wrong(server="", redirect="unix:/run/x") == []


def test_an_rpc_service_has_a_version_and_a_number() -> None:
    assert wrong(type="RPC", rpc_number=100_001) == ["rpc_version"]
    assert wrong(type="RPC", rpc_version="1") == ["rpc_number"]
    assert wrong(type="RPC", rpc_version="1", rpc_number=1 << 32) == ["rpc_number"]
    assert wrong(type="RPC", rpc_version="1-3", rpc_number=100_001) == []


def test_a_port_is_a_number_of_sixteen_bits_and_a_listen_address_can_be_read() -> None:
    assert wrong(port="no-such-service") == ["port"]
    assert wrong(port=65536) == ["port"]
    assert wrong(listen="nonsense") == ["listen"]
    assert wrong(listen="[::1]:65535") == []

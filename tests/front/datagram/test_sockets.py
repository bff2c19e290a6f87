"""Each kind of socket that is not accepted from finds its part of the front."""

from __future__ import annotations

from typing import Any, cast

import pytest

from superd.front.datagram.sockets import DatagramSockets
from tests.front.fakes import service


class Part:
    def __init__(self, name: str, heard: list[str]) -> None:
        self.name, self.heard = name, heard

    def on_ready(self, *_: object) -> None:
        self.heard.append(self.name)

    def forget(self, *_: object) -> None:
        self.heard.append(f"{self.name} forgets")


@pytest.mark.parametrize(
    ("keys", "part"),
    [
        ({"wait": True}, "wait"),
        ({}, "peers"),
        ({"type": ["INTERNAL"], "service": "echo"}, "internal"),
        ({"flags": ["SENSOR"], "server": "/bin/cat", "deny_time": 5}, "internal"),
        ({"type": ["INTERNAL"], "service": "echo", "wait": True}, "internal"),
    ],
)
def test_a_service_finds_its_part(keys: dict[str, Any], part: str) -> None:
    heard: list[str] = []
    sockets = DatagramSockets(*(cast("Any", Part(name, heard)) for name in ("internal", "wait", "peers")))
    sockets.on_ready(cast("Any", None), service(socket_type="dgram", **keys))
    assert heard == [part]
    sockets.forget(cast("Any", None))
    assert sorted(heard[1:]) == ["peers forgets", "wait forgets"]

"""What rpcbind is to know: each version at each address that is really bound; what it refused is tried again."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, cast

import pytest

from superd.master.listeners import BoundSockets
from superd.master.rpc_registration import RETRY, RpcRegistrar, mappings_of
from superd.net import rpcbind
from superd.registry import Registry
from superd.service import Service
from superd.settings import Settings
from superd.wire import rpc
from tests.daemon_process import free_port
from tests.master.parts import Lines

if TYPE_CHECKING:
    from superd.log.log import Log


def services(port: int) -> Registry:
    keys = {
        "name": "rusersd", "type": "RPC", "rpc_number": 100002, "rpc_version": "2-3", "server": "/bin/cat",
        "listen": [f"127.0.0.1:{port}"],
    }  # fmt: skip
    return Registry({"rusersd": Service.model_validate(keys)}, Settings())


def test_every_version_is_registered_where_the_socket_is() -> None:
    port = free_port()
    found = services(port)
    sockets = BoundSockets(cast("Log", Lines()))
    assert mappings_of(found, sockets) == {}
    sockets.bind_all(found, {})
    assert mappings_of(found, sockets) == {
        rpc.Mapping(100002, version, "tcp", "127.0.0.1", port): "rusersd" for version in (2, 3)
    }
    sockets.close_all()


class Rpcbind:
    """An rpcbind that may be away, or refuse."""

    def __init__(self) -> None:
        self.table: set[rpc.Mapping] = set()
        self.why = ""

    def change(self, procedure: int, mappings: Iterable[rpc.Mapping], deadline: float) -> dict[rpc.Mapping, str]:
        mappings = set(mappings)
        if self.why:
            return dict.fromkeys(mappings, self.why)
        if procedure == rpc.UNSET:
            self.table -= mappings
            return {}
        refused = dict.fromkeys(mappings & self.table, "") if procedure == rpc.SET else {}
        self.table |= mappings
        return refused


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Rpcbind:
    fake = Rpcbind()
    monkeypatch.setattr(rpcbind, "change", fake.change)
    return fake


MAPPING = rpc.Mapping(100002, 2, "tcp", "127.0.0.1", 7)


def test_an_rpcbind_that_starts_later_gets_everything_then(server: Rpcbind) -> None:
    log = Lines()
    registrar = RpcRegistrar(cast("Log", log))
    server.why = "Connection refused"
    registrar.want({MAPPING: "rusersd"})
    assert registrar.due is not None
    server.why = ""
    registrar.on_timer(registrar.due - RETRY)
    assert server.table == set()
    registrar.on_timer(registrar.due)
    assert server.table == {MAPPING}
    assert registrar.due is None
    registrar.close()
    assert server.table == set()


def test_what_a_killed_superd_left_is_replaced(server: Rpcbind) -> None:
    server.table = {MAPPING}
    registrar = RpcRegistrar(cast("Log", Lines()))
    registrar.want({MAPPING: "rusersd"})
    assert (server.table, registrar.due) == ({MAPPING}, None)
    registrar.want({})
    assert server.table == set()

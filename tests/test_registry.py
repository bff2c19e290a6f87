"""The registry as one value: equal when it serves the same, and itself again after the way to another process."""

from __future__ import annotations

import pickle

from superd.problem import Origin
from superd.registry import Registry
from superd.service import Service


def service(name: str, port: int) -> Service:
    return Service.model_validate({"name": name, "server": "/bin/cat", "listen": [f"127.0.0.1:{port}", f"[::1]:{port}"]})


def test_each_address_leads_to_its_service() -> None:
    one, two = service("one", 1001), service("two", 1002)
    table = Registry({"one": one, "two": two}).by_address()
    assert {str(address): found.name for address, found in table.items()} == {
        "127.0.0.1:1001": "one", "[::1]:1001": "one", "127.0.0.1:1002": "two", "[::1]:1002": "two",
    }  # fmt: skip


def test_two_that_serve_the_same_are_equal_wherever_it_was_written() -> None:
    one = Registry({"one": service("one", 1001)}, origins={("one", ""): Origin("a", 1)})
    assert one == Registry({"one": service("one", 1001)}, origins={("one", ""): Origin("b", 2)})
    assert one != Registry({"one": service("one", 1002)})


def test_it_is_the_same_after_a_pickle() -> None:
    one = Registry({"one": service("one", 1001)}, origins={("one", ""): Origin("a", 1)})
    again = pickle.loads(pickle.dumps(one))
    assert (again, again.origins) == (one, one.origins)


def test_a_service_is_served_while_one_of_its_addresses_is_open() -> None:
    registry = Registry({"one": service("one", 1001), "two": service("two", 1002)})
    first, second = service("one", 1001).addresses()
    assert [registry.served(missing) for missing in ((), (first,), (first, second))] == [2, 2, 1]
    assert registry.described((first,)) == "2 services"
    assert registry.described((first, second)) == "1 of 2 services"

"""A reload's plan brings what listens to what shall listen, and touches nothing that stays."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from superd.plan import describe_changes, plan, summary
from superd.registry import Registry
from superd.service import Service

PORTS = st.dictionaries(st.integers(1001, 1006), st.tuples(st.sampled_from(["a", "b", "c"]), st.integers(1, 2)), max_size=5)


def registry(ports: dict[int, tuple[str, int]]) -> Registry:
    """Each port has a service of its own, of one of three programs and two backlogs."""
    return Registry(
        {
            f"{program}{port}": Service.model_validate(
                {"name": f"{program}{port}", "server": f"/bin/{program}", "port": port, "backlog": backlog}
            )
            for port, (program, backlog) in ports.items()
        }
    )


@given(PORTS, PORTS)
def test_carried_out_it_leaves_exactly_what_the_new_registry_says(
    before: dict[int, tuple[str, int]], after: dict[int, tuple[str, int]]
) -> None:
    old, new = registry(before), registry(after)
    changes = plan(old, new)
    table = old.by_address()
    for address in changes.close:
        del table[address]
    for address, service in changes.open:
        assert address not in table
        table[address] = service
    for address, service in changes.retarget:
        assert table[address] != service
        table[address] = service
    assert table == new.by_address()
    assert {address for address, _ in changes.keep} == {
        address for address, service in old.by_address().items() if new.by_address().get(address) == service
    }


def test_services_that_swap_their_ports_close_nothing() -> None:
    changes = plan(registry({1001: ("a", 1), 1002: ("b", 1)}), registry({1001: ("b", 1), 1002: ("a", 1)}))
    assert changes.summary() == "0 opened, 0 kept, 2 changed, 0 closed"


@pytest.mark.parametrize(
    ("before", "after", "renewed"),
    [
        ({"wait": True}, {"wait": False}, True),
        ({"wait": True}, {"wait": True, "backlog": 7}, False),
        ({"wait": False}, {"wait": True}, False),
        ({"wait": True, "socket_type": "dgram"}, {"wait": False, "socket_type": "dgram"}, False),
    ],
)
def test_a_socket_that_a_wait_program_has_had_is_renewed_before_superd_accepts_from_it(
    before: dict[str, object], after: dict[str, object], renewed: bool
) -> None:
    old, new = (
        Registry({"a": Service.model_validate({"name": "a", "server": "/bin/cat", "port": 1001, **keys})})
        for keys in (before, after)
    )
    assert bool(plan(old, new).renew) == renewed


def test_the_line_names_services_and_keys_and_at_most_eight_of_each() -> None:
    old = registry({1001: ("a", 1), 1002: ("b", 1), 1003: ("c", 1)})
    new = registry({1001: ("a", 1), 1002: ("b", 2), 1004: ("d", 1)})
    line = summary(describe_changes(old, plan(old, new), new))
    assert line == "opened `d1004`, changed `b1002` (backlog), closed `c1003`, 1 kept"
    assert summary(describe_changes(old, plan(old, old), old)) == "nothing changed, 3 kept"
    many = registry({2000 + number: ("a", 1) for number in range(11)})
    none = registry({})
    assert summary(describe_changes(none, plan(none, many), many)).endswith("`a2007` and 3 more, 0 kept")

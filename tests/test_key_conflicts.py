"""A key that has no effect for a service is named, and left out where it is only a default; what closes a service never is."""

from __future__ import annotations

import re

import pytest

from superd.key_conflicts import conflicts, fit, is_set
from superd.service_kinds import KINDS, TABLE
from tests.test_service_kinds import KIND_KEYS, VALUES, WAYS, built, of, with_key


@pytest.mark.parametrize("answer", KIND_KEYS)
@pytest.mark.parametrize("way", WAYS)
def test_a_key_that_has_no_effect_is_named_with_the_key_that_takes_it_away(answer: str, way: str) -> None:
    before = {(item.key, item.kind) for item in conflicts(built(of(answer, way)))}
    for key in VALUES:
        if answer == "redirect" and key in ("wait", "socket_type"):
            continue  # the model itself refuses these
        service = built(with_key(of(answer, way), key))
        kinds = [kind for kind in KINDS if kind.has(service)]
        for item in conflicts(service):
            assert f"`{item.key}`" in item.message
            assert item.kind.key in item.message
            assert item.instead or any(word in item.hint for word in re.findall(r"`(\w+)", item.kind.key))
        expected = {(key, kind) for kind in kinds if key in TABLE[kind] and is_set(service, key)}
        found = {(item.key, item.kind) for item in conflicts(service)} - before
        # A redirect keeps its own watch on silence, and tcpmux hands over streams alone.
        expected = {pair for pair in expected - before if pair[0] not in ("limits.idle", "socket_type")}
        assert expected <= found, key


def test_what_closes_a_service_is_never_left_out() -> None:
    waits = built({**KIND_KEYS["program, `wait`"], "only_from": ["192.0.2.1"], "banner": "/x", "flags": "IDONLY"})
    fitting, left_out = fit(waits, lambda _: True)
    assert {item.key for item in left_out} == {"banner"}
    assert (fitting.banner, fitting.only_from, fitting.flags) == ("", ("192.0.2.1",), frozenset({"IDONLY"}))
    assert {item.key for item in conflicts(fitting)} == {"only_from", "flags IDONLY"}


def test_what_is_left_out_of_a_table_and_of_a_list_leaves_the_rest() -> None:
    redirect = built({**KIND_KEYS["redirect"], "flags": ["NAMEINARGS", "NODELAY"], "limits": {"memory": "1M", "idle": 5}})
    fitting, left_out = fit(redirect, lambda _: True)
    assert {item.key for item in left_out} == {"limits.memory", "flags NAMEINARGS"}
    assert fitting.flags == {"NODELAY"}
    assert (fitting.limits.memory, fitting.limits.idle) == (None, 5.0)


def test_an_address_for_a_unix_socket_and_a_user_for_the_network_are_errors() -> None:
    (address,) = conflicts(built({**of("program", "unix"), "only_from": ["192.0.2.0/24"]}))
    assert address.message == (
        "`only_from` cannot be kept with `listen = unix:`: its client has a user and no address, so `192.0.2.0/24` never matches"
    )
    (user,) = conflicts(built({**of("program", "network"), "no_access": ["uid:0"]}))
    assert "`uid:0` never matches" in user.message
    (datagram,) = conflicts(built({**of("datagram program, `wait`", "unix"), "only_from": ["uid:0"]}))
    assert "does not say which user" in datagram.message
    assert not list(conflicts(built({**of("program", "unix"), "only_from": ["uid:0", "gid:0", "ALL"]})))
    assert not list(conflicts(built({**of("program", "unix"), "only_from": []})))
    assert not list(conflicts(built({**of("program", "both"), "only_from": ["192.0.2.1", "uid:0"]})))

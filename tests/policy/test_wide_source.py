"""A network as a source: which clients it has, how it is written, and when a reload keeps its count."""

from __future__ import annotations

import pytest

from superd.peer import peer_from_text
from superd.policy.wide_source import WideSource
from superd.source_limits import SourceLimit


def wide(**keys: object) -> WideSource:
    return WideSource(SourceLimit.model_validate(keys))


@pytest.mark.parametrize(
    ("keys", "one", "other", "same", "text"),
    [
        ({"v4": 24, "v6": 64}, "192.0.2.1", "192.0.2.255", True, "192.0.2.0/24"),
        ({"v4": 24, "v6": 64}, "192.0.2.1", "192.0.3.1", False, "192.0.2.0/24"),
        ({"v4": 24, "v6": 48}, "2001:db8:1::1", "2001:db8:1:ffff::", True, "2001:db8:1::/48"),
        ({"v4": 24, "v6": 48}, "2001:db8:1::1", "2001:db8:2::1", False, "2001:db8:1::/48"),
    ],
)
def test_clients_of_one_network_are_one_source(keys: dict[str, int], one: str, other: str, same: bool, text: str) -> None:
    table = wide(sessions=3, **keys)
    assert (table.network(peer_from_text(one, 1)) == table.network(peer_from_text(other, 2))) is same
    assert table.describe(peer_from_text(one, 1)) == text


def test_networks_of_two_lengths_are_never_the_same_source() -> None:
    peer = peer_from_text("0.0.0.1", 1)
    assert wide(sessions=3, v4=24).network(peer) != wide(sessions=3, v4=16).network(peer)


def test_a_count_goes_on_only_for_the_same_networks_with_the_same_rate() -> None:
    table = wide(rate=[5, 10], v4=24)
    assert table.same_as(wide(rate=[5, 10], v4=24))
    assert not table.same_as(wide(rate=[6, 10], v4=24))
    assert not table.same_as(wide(rate=[5, 10], v4=16))
    assert not table.same_as(wide(sessions=3, v4=24))

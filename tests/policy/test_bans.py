"""Bans: exact addresses, renewed, forgotten in time, and never more than so many."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from superd.peer import peer_from_text, unix_peer
from superd.policy.bans import MAX_BANS, Sensor


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 3), st.integers(0, 300)), max_size=30))
def test_a_peer_is_banned_until_the_last_ban_runs_out(events: list[tuple[int, int, int]]) -> None:
    sensor, until, now = Sensor(), dict[int, float](), 0.0
    for number, minutes, pause in events:
        peer = peer_from_text(f"192.0.2.{number}")
        assert sensor.banned(peer, now) is (until.get(number, -1.0) > now)
        if sensor.ban(peer, minutes, now):
            until[number] = now + 60 * minutes
        else:
            assert minutes == 0
        now += pause


def test_forever_is_forever_and_never_is_never() -> None:
    sensor, peer = Sensor(), peer_from_text("2001:db8::1")
    assert not sensor.ban(peer, "NEVER", 0.0)
    assert sensor.ban(peer, "FOREVER", 0.0)
    assert sensor.banned(peer, 1e12)
    assert not sensor.ban(unix_peer(0), "FOREVER", 0.0)


def test_a_mapped_address_is_the_ipv4_one() -> None:
    sensor = Sensor()
    sensor.ban(peer_from_text("::ffff:192.0.2.1"), 1, 0.0)
    assert sensor.banned(peer_from_text("192.0.2.1"), 59.0)


def test_when_it_is_full_the_oldest_ban_goes() -> None:
    sensor = Sensor()
    for number in range(MAX_BANS + 1):
        sensor.ban(peer_from_text(f"10.0.{number >> 8}.{number & 255}"), "FOREVER", 0.0)
    assert len(sensor) == MAX_BANS
    assert not sensor.banned(peer_from_text("10.0.0.0"), 1.0)
    assert sensor.banned(peer_from_text("10.0.0.1"), 1.0)


def test_bans_of_a_network_are_lifted_and_no_others() -> None:
    sensor = Sensor()
    for address in ("192.0.2.1", "192.0.2.200", "198.51.100.1", "2001:db8::1"):
        sensor.ban(peer_from_text(address), "FOREVER", 0.0)
    sensor.ban(peer_from_text("192.0.2.3"), 1, 0.0)
    first = peer_from_text("192.0.2.0").number
    assert [number - first for _, number, _ in sensor.lift(4, first, first + 255, 100.0)] == [1, 200]
    assert [version for version, _, _ in sensor.entries(0.0)] == [4, 6]

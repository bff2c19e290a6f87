"""What operators asked for, held against clients."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from superd.peer import peer_from_text
from superd.policy.wished import Wished
from superd.verdict import Reason
from superd.wishes import Ban, Hold, parse_prefix


def ban(prefix: str, service: str = "") -> Ban:
    return Ban(prefix, service, 0.0, 0.0, 0)


def wished(*bans: tuple[Ban, float], holds: tuple[Hold, ...] = ()) -> Wished:
    made = Wished()
    made.replace(bans, holds, 100.0)
    return made


def reason(of: Wished, address: str, service: str = "git", now: float = 100.0) -> Reason | None:
    refusal = of.refusal(service, peer_from_text(address), now)
    return refusal.reason if refusal is not None else None


def test_a_ban_holds_its_prefix_for_its_time() -> None:
    made = wished((ban("192.0.2.0/24"), 10.0), (ban("2001:db8::/32"), float("inf")))
    assert reason(made, "192.0.2.77") is Reason.BANNED
    assert reason(made, "::ffff:192.0.2.77") is Reason.BANNED
    assert reason(made, "192.0.3.1") is None
    assert reason(made, "2001:db8:1::1", now=1e9) is Reason.BANNED
    assert reason(made, "192.0.2.77", now=110.0) is None


def test_a_ban_of_one_service_leaves_the_others() -> None:
    made = wished((ban("192.0.2.1", "git"), 10.0))
    assert reason(made, "192.0.2.1", "git") is Reason.BANNED
    assert reason(made, "192.0.2.1", "rsync") is None


def test_hits_are_counted_and_kept_by_a_ban_that_stays() -> None:
    made = wished((ban("192.0.2.1"), 10.0))
    for _ in range(3):
        reason(made, "192.0.2.1")
    made.replace([(ban("192.0.2.1"), 9.0), (ban("192.0.2.2"), 9.0)], (), 101.0)
    assert made.hits() == [("192.0.2.1", "", 3), ("192.0.2.2", "", 0)]


def test_a_paused_service_refuses_or_waits() -> None:
    made = wished(holds=(Hold("git", 0.0, 0, refuse=True), Hold("rsync", 0.0, 0)))
    assert reason(made, "192.0.2.1", "git") is Reason.PAUSED
    assert reason(made, "192.0.2.1", "rsync") is None
    assert (made.waits("git"), made.waits("rsync"), made.any) == (False, True, True)


def test_without_wishes_nothing_is_asked() -> None:
    made = wished((ban("192.0.2.1"), 10.0))
    made.replace((), (), 0.0)
    assert not made.any


@given(st.ip_addresses(), st.integers(0, 128), st.ip_addresses())
def test_a_ban_is_its_network(base: object, length: int, client: object) -> None:
    import ipaddress

    bits = 32 if isinstance(base, ipaddress.IPv4Address) else 128
    prefix = parse_prefix(f"{base}/{min(length, bits)}")
    peer = peer_from_text(str(client))
    made = wished((ban(prefix), 1.0))
    assert (reason(made, str(client)) is Reason.BANNED) == (ipaddress.ip_address(peer.address) in ipaddress.ip_network(prefix))

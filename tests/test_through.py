"""The value that a session keeps of its proxy."""

from superd.peer import peer_from_text
from superd.through import Through


def test_a_proxy_alone_has_no_facts() -> None:
    assert Through(peer_from_text("10.0.0.1", 5)).facts == ()

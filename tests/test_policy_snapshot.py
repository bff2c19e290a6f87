"""Which files a policy comes from."""

from __future__ import annotations

from superd.policy_snapshot import PolicySnapshot


def test_the_paths_are_both_tables_and_then_every_list_in_order() -> None:
    snapshot = PolicySnapshot((), "/a", "/d", files={"/two": b"", "/one": b""})
    assert snapshot.paths == ("/a", "/d", "/two", "/one")

"""/etc/rpc as rpc(5) has it, and whatever else may stand there."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from superd.config.rpc_names import parse_rpc


def test_names_and_aliases_have_the_number() -> None:
    text = "# programs\nportmapper\t100000\tportmap sunrpc # all of them\n\nrstatd 100001 rstat\nbroken\nbad -1\nagain 1 rstat\n"
    assert parse_rpc(text) == {
        "portmapper": 100000, "portmap": 100000, "sunrpc": 100000, "rstatd": 100001, "rstat": 100001, "again": 1,
    }  # fmt: skip


@given(st.text())
def test_any_text_is_a_table(text: str) -> None:
    assert all(number >= 0 for number in parse_rpc(text).values())

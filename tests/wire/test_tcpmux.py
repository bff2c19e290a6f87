"""The name that a client of tcpmux sends: whole or in pieces, and nothing that follows it."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from superd.errors import PeerError
from superd.wire.tcpmux import MAX_LINE, NameReader, help_text

NAMES = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=MAX_LINE - 2)


def read(pieces: list[bytes]) -> tuple[str | None, bytes]:
    """The name, and what was left of the pieces after it."""
    reader = NameReader()
    for index, piece in enumerate(pieces):
        taken, name = reader.take(piece)
        if name is not None:
            return name, piece[taken:] + b"".join(pieces[index + 1 :])
        assert taken == len(piece)
    return None, b""


@given(NAMES, st.sampled_from([b"\r\n", b"\n"]), st.binary(max_size=40), st.data())
def test_the_name_is_the_same_however_it_is_cut_and_what_follows_is_untouched(
    name: str, end: bytes, rest: bytes, data: st.DataObject
) -> None:
    whole = name.encode() + end + rest
    cuts = sorted({0, len(whole), *data.draw(st.lists(st.integers(0, len(whole)), max_size=6))})
    pieces = [whole[one:two] for one, two in pairwise(cuts)]
    assert read(pieces) == (name.lower(), rest)


@given(st.binary(max_size=2 * MAX_LINE))
def test_any_bytes_are_a_name_or_the_peers_fault(data: bytes) -> None:
    try:
        taken, name = NameReader().take(data)
    except PeerError:
        return
    assert taken <= len(data) <= MAX_LINE or name is not None


@pytest.mark.parametrize("line", [b"\r\n", b"a b\r\n", b"a\0b\r\n", b"\xff\r\n", b"x" * (MAX_LINE + 1)])
def test_what_is_not_a_name_is_said_to_be_none(line: bytes) -> None:
    with pytest.raises(PeerError):
        NameReader().take(line)


def test_a_line_may_be_as_long_as_it_may_be() -> None:
    whole = b"x" * (MAX_LINE - 1) + b"\n"
    assert NameReader().take(whole) == (MAX_LINE, "x" * (MAX_LINE - 1))
    assert NameReader().take(b"x" * MAX_LINE) == (MAX_LINE, None)
    with pytest.raises(PeerError):
        NameReader().take(b"x" + whole)


def test_help_is_one_name_a_line() -> None:
    assert help_text(["a", "b"]) == b"a\r\nb\r\n"

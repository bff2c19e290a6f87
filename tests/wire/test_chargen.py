"""RFC 864's pattern."""

from __future__ import annotations

from superd.wire.chargen import LINE, LINES, ROUND


def test_each_line_begins_one_character_further_and_the_first_follows_the_last() -> None:
    lines = [ROUND[at : at + LINE] for at in range(0, len(ROUND), LINE)]
    assert len(lines) == 95
    assert all(len(line) == LINE and line.endswith(b"\r\n") for line in lines)
    assert lines[0].startswith(b"!\"#$%&'()*+,-./0123")
    for one, following in zip(lines, [*lines[1:], lines[0]], strict=True):
        assert one[1:72] == following[:71]
    assert LINES[: len(ROUND)] == LINES[len(ROUND) : 2 * len(ROUND)] == ROUND

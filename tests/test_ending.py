"""How a file ends, and whether it is what it was, cut short."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from superd.ending import ending_of

LINES = st.lists(
    st.sampled_from([b"port = 7\n", b"# a word\n", b"\n", b"  only_from = []\n", b"\t# b\n", b"[limits]\n"]), max_size=8
)


def says(line: bytes) -> bool:
    return bool(line.strip()) and not line.strip().startswith(b"#")


@given(lines=LINES, at=st.integers(0, 8))
def test_whatever_is_cut_off_is_seen_if_it_says_something(lines: list[bytes], at: int) -> None:
    before, now = (ending_of("a.toml", b"".join(part)) for part in (lines, lines[:at]))
    assert now.cut_from(before) == any(map(says, lines[at:]))
    assert not before.cut_from(now)
    assert now.lines == len(lines[:at])


@given(lines=LINES, at=st.integers(0, 8), more=st.sampled_from([b"# this is all\n", b"\n", b"x = 1\n"]))
def test_a_text_with_another_last_line_was_not_cut(lines: list[bytes], at: int, more: bytes) -> None:
    cut = [*lines[:at], more]
    before, now = ending_of("a.toml", b"".join(lines)), ending_of("a.toml", b"".join(cut))
    assert now.cut_from(before) == (lines[: len(cut)] == cut and any(map(says, lines[len(cut) :])))


def test_of_other_files_only_what_closes_counts() -> None:
    whole = b"service a\n{\n}\nservice b\n{\n}\n"
    guarded = whole + b"defaults\n{\n only_from = 10.0.0.0\n}\n"
    assert not ending_of("xinetd.conf", whole[:14]).cut_from(ending_of("xinetd.conf", whole))
    assert ending_of("xinetd.conf", whole).cut_from(ending_of("xinetd.conf", guarded))


def test_the_end_of_the_last_line() -> None:
    assert [ending_of("a.toml", data).ended for data in (b"", b"a\n", b"a")] == [True, True, False]

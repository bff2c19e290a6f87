"""How a file ends, and whether it is what it was, cut short."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from superd.file_end import file_end_of

LINES = st.lists(
    st.sampled_from([b"port = 7\n", b"# a word\n", b"\n", b"  only_from = []\n", b"\t# b\n", b"[limits]\n"]), max_size=8
)


def says(line: bytes) -> bool:
    return bool(line.strip()) and not line.strip().startswith(b"#")


@given(lines=LINES, at=st.integers(0, 8))
def test_whatever_is_cut_off_is_seen_if_it_says_something(lines: list[bytes], at: int) -> None:
    before, now = (file_end_of(b"".join(part), "service") for part in (lines, lines[:at]))
    assert now.cut_from(before) == any(map(says, lines[at:]))
    assert not before.cut_from(now)
    assert now.lines == len(lines[:at])


@given(lines=LINES, at=st.integers(0, 8), more=st.sampled_from([b"# this is all\n", b"\n", b"x = 1\n"]))
def test_a_text_with_another_last_line_was_not_cut(lines: list[bytes], at: int, more: bytes) -> None:
    cut = [*lines[:at], more]
    before, now = file_end_of(b"".join(lines), "service"), file_end_of(b"".join(cut), "service")
    assert now.cut_from(before) == (lines[: len(cut)] == cut and any(map(says, lines[len(cut) :])))


def test_of_other_files_only_what_closes_counts() -> None:
    whole = b"service a\n{\n}\nservice b\n{\n}\n"
    guarded = whole + b"defaults\n{\n only_from = 10.0.0.0\n}\n"
    assert not file_end_of(whole[:14]).cut_from(file_end_of(whole))
    assert file_end_of(whole).cut_from(file_end_of(guarded))


def test_the_end_of_the_last_line() -> None:
    assert [file_end_of(data).ended for data in (b"", b"a\n", b"a")] == [True, True, False]


def test_of_superd_toml_only_what_all_are_held_to_counts() -> None:
    head = b'xinetd = ["/etc/xinetd.conf"]\n'
    for tail, counts in (
        (b'inetd = ["/etc/inetd.conf"]\n', False),
        (b'[metrics]\nlisten = "127.0.0.1:9190"\n', False),
        (b"[defaults]\nonly_from = []\n", True),
        (b"[defaults.limits]\nidle = 60\n", True),
        (b'[log]\nformat = "json"\n[policy]\nhosts_deny = "/x"\n', True),
        (b"process_limit = 100\n", True),
        (b"policy.hosts_deny = '/x'\n", True),
    ):
        assert file_end_of(head, "settings").cut_from(file_end_of(head + tail, "settings")) == counts, tail
    defaults = b"[defaults]\nper_source = 5\nonly_from = []\n[page]\nlisten = '127.0.0.1:1'\n"
    whole = file_end_of(defaults, "settings")
    lines = defaults.splitlines(keepends=True)
    assert [file_end_of(b"".join(lines[:end]), "settings").cut_from(whole) for end in range(6)] == [*[True] * 3, *[False] * 3]

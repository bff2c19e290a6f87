"""systemd's syntax: sections, settings with their lines, quotes, time spans; what an import cannot know is refused."""

from __future__ import annotations

import pytest

from superd.config.systemd.unit import Unusual, plain, read_unit, seconds, truth, values_of, words


def test_settings_have_their_sections_and_lines() -> None:
    settings, problems = read_unit(b"# a\n[Unit]\nDescription = one \\\n; no\n  two\n\n[Socket]\nListenStream=7\n", "x.socket")
    assert problems == []
    assert [(item.section, item.key, item.value, item.origin.line) for item in settings] == [
        ("Unit", "Description", "one  two", 3),
        ("Socket", "ListenStream", "7", 8),
    ]


def test_a_line_that_is_neither_is_an_error() -> None:
    assert str(read_unit(b"[Unit]\nnonsense\n", "x")[1][0]) == "x:2: error: `nonsense` is neither a section nor a setting"


def test_an_empty_value_clears_those_before_it() -> None:
    settings, _ = read_unit(b"[S]\nK=a\nK=\nK=b\nK=c\n", "x")
    assert [item.value for item in values_of(settings, "S", "K")] == ["b", "c"]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("/bin/a b  c", ["/bin/a", "b", "c"]),
        ("""a "b c" 'd "e"' f\\sg""", ["a", "b c", 'd "e"', "f g"]),
        ('a ""', ["a", ""]),
        ("", []),
        ("a=b'c", ["a=b'c"]),
    ],
)
def test_words(text: str, found: list[str]) -> None:
    assert words(text) == found


@pytest.mark.parametrize("text", ['a "b', "a \\q", "a \\"])
def test_words_that_are_refused(text: str) -> None:
    with pytest.raises(Unusual):
        words(text)


def test_what_only_systemd_can_fill_in_is_refused() -> None:
    assert plain("100%% of $$5") == "100% of $5"
    for word in ("%i", "-p%n", "${HOME}", "$HOME"):
        with pytest.raises(Unusual):
            plain(word)


@pytest.mark.parametrize(("text", "found"), [("90", 90), ("1min 30s", 90), ("2h", 7200), ("infinity", None), ("500ms", 0.5)])
def test_a_time_span(text: str, found: float | None) -> None:
    assert seconds(text) == found


@pytest.mark.parametrize("text", ["5 fortnights", "soon", "-1"])
def test_a_time_span_that_is_refused(text: str) -> None:
    with pytest.raises(Unusual):
        seconds(text)


def test_truths() -> None:
    assert [truth(word) for word in ("yes", "Off", "1", "false")] == [True, False, True, False]
    with pytest.raises(Unusual):
        truth("maybe")


def test_a_hostile_file_is_read_in_bounds() -> None:
    settings, _ = read_unit(b"[S]\n" + b"a=b\n" * 50_000 + b"\\\n" * 1000, "x")
    assert len(settings) == 10_000

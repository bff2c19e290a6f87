"""Problems: a place, a word, a hint; and which of them are new."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from superd.problem import Origin, Problem, Severity, did_you_mean, error, errors, new_errors, note, warning

PROBLEMS = st.builds(
    Problem,
    st.builds(Origin, st.sampled_from(["a", "b"]), st.integers(0, 5)),
    st.sampled_from(list(Severity)),
    st.sampled_from(["one", "two", "three"]),
)


def test_a_problem_reads_as_a_compilers() -> None:
    assert str(error(Origin("f.toml", 3), "unknown key `usr`", "did you mean `user`?")) == (
        "f.toml:3: error: unknown key `usr`\n  hint: did you mean `user`?"
    )
    assert error(Origin("f.toml", 3), "unknown key `usr`", "did you mean `user`?").line() == (
        "f.toml:3: error: unknown key `usr` (did you mean `user`?)"
    )
    assert str(warning(Origin("f.toml"), "x")) == "f.toml: warning: x"
    assert note(Origin("f"), "x").severity is Severity.NOTE


@given(st.lists(PROBLEMS), st.lists(PROBLEMS))
def test_an_error_is_new_unless_its_file_had_it_on_whatever_line(before: list[Problem], now: list[Problem]) -> None:
    known = Counter((problem.origin.file, problem.message) for problem in errors(before))
    found = Counter((problem.origin.file, problem.message) for problem in errors(now))
    fresh = new_errors(before, now)
    assert all(problem in errors(now) for problem in fresh)
    assert Counter((problem.origin.file, problem.message) for problem in fresh) == found - known
    assert new_errors(now, now) == ()


@given(st.text(max_size=10), st.lists(st.text(min_size=1, max_size=10), max_size=5))
def test_only_what_is_known_is_suggested(word: str, known: list[str]) -> None:
    hint = did_you_mean(word, known)
    assert hint == "" or hint.removeprefix("did you mean `").removesuffix("`?") in known


def test_the_nearest_is_suggested_and_nothing_far_away() -> None:
    assert did_you_mean("instnaces", ["instances", "per_source"]) == "did you mean `instances`?"
    assert did_you_mean("zzz", ["instances"]) == ""

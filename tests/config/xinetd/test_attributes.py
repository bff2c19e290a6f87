"""What single xinetd attributes take: counts, operators and values, each closed where xinetd was not."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from superd.config.xinetd.attributes import COUNTS, collect
from superd.config.xinetd.lexer import Line
from superd.config.xinetd.section import Section
from superd.problem import Origin, Severity, errors

NAMES = st.sampled_from([*COUNTS, "interface", "mdns", "servr"])
OPERATORS = st.sampled_from(["=", "+=", "-="])
WORDS = st.lists(st.sampled_from(["a", "b", "10.0.0.1", "yes", "#", "#x", "A=b"]), max_size=3)


def line(text: str, number: int = 1) -> Line:
    name, operator, *values = text.split()
    return Line(name, operator, tuple(values), Origin("xinetd.conf", number))


@given(st.lists(st.tuples(NAMES, OPERATORS, WORDS), max_size=8), st.booleans())
def test_no_line_is_lost_without_a_word_and_each_that_counts_has_its_number_of_values(
    parts: list[tuple[str, str, list[str]]], defaults: bool
) -> None:
    lines = [Line(name, sign, tuple(values), Origin("x", at)) for at, (name, sign, values) in enumerate(parts, 1)]
    section = collect(lines, Section(), defaults=defaults)
    assert section.broken == bool(errors(section.problems))
    kept = [held for found in section.lines.values() for held in found]
    for held in kept:
        assert COUNTS[held.name] < 0 or len(held.values) == COUNTS[held.name]
    told = {problem.origin for problem in section.problems}
    begins_anew = {("bind" if one.name == "interface" else one.name) for one in lines if one.operator == "=" and not defaults}
    for one in lines:
        name = "bind" if one.name == "interface" else one.name
        replaced = COUNTS.get(name) == -2 and name in begins_anew
        assert replaced or one.origin in told or one.origin in {held.origin for held in kept}


def test_the_first_of_two_wins_and_any_disable_counts() -> None:
    section = collect(
        [line("user = a", 1), line("user = b", 2), line("disable = no", 3), line("disable = yes", 4)], Section(), defaults=False
    )
    assert [held.values for held in section.lines["user"]] == [("a",)]
    assert len(section.lines["disable"]) == 2
    assert [(problem.origin.line, problem.severity) for problem in section.problems] == [(2, Severity.WARNING)]


def test_an_equals_sign_begins_a_sum_anew_in_a_service_and_adds_in_the_defaults() -> None:
    lines = [line("only_from = 10.0.0.1", 1), line("only_from += 10.0.0.2", 2), line("only_from = 10.0.0.3", 3)]
    found = [collect(lines, Section(), defaults=defaults).lines["only_from"] for defaults in (False, True)]
    assert [[held.values for held in one] for one in found] == [
        [("10.0.0.3",)],
        [("10.0.0.1",), ("10.0.0.2",), ("10.0.0.3",)],
    ]

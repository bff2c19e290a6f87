"""A service on its way: which lines count, and what is missing once."""

from __future__ import annotations

import pytest

from superd.config.xinetd.address_lines import AddressReader
from superd.config.xinetd.attributes import collect
from superd.config.xinetd.draft import Draft, Surroundings
from superd.config.xinetd.lexer import Line
from superd.config.xinetd.section import Section
from superd.problem import Origin


def lines(*texts: str) -> list[Line]:
    parts = [text.split() for text in texts]
    return [Line(name, sign, tuple(values), Origin("x", at)) for at, (name, sign, *values) in enumerate(parts, 1)]


def draft(*own: str, defaults: tuple[str, ...] = ()) -> Draft:
    shared = collect(lines(*defaults), Section(), defaults=True)
    section = collect(lines(*own), Section(), defaults=False)
    return Draft("cat", section, Origin("x", 9), Surroundings(shared.lines, AddressReader({}), {}))


def values(found: list[Line]) -> list[tuple[str, ...]]:
    return [line.values for line in found]


def test_a_services_own_line_counts_before_that_of_defaults() -> None:
    made = draft("instances = 3", defaults=("instances = 5", "banner = /b"))
    assert made.own("banner") is None
    assert made.get("instances") == made.own("instances")
    banner = made.get("banner")
    assert banner is not None
    assert banner.values == ("/b",)


@pytest.mark.parametrize(
    ("own", "wanted"),
    [
        ("only_from += 10.0.0.2", [("10.0.0.1",), ("10.0.0.2",)]),
        ("only_from = 10.0.0.2", [("10.0.0.2",)]),
        ("only_from -= 10.0.0.1", [("10.0.0.1",), ("10.0.0.1",)]),
    ],
)
def test_lists_add_to_defaults_unless_they_begin_anew(own: str, wanted: list[tuple[str, ...]]) -> None:
    assert values(draft(own, defaults=("only_from = 10.0.0.1",)).all("only_from")) == wanted


def test_what_defaults_may_not_have_is_not_inherited() -> None:
    assert draft(defaults=("user = root",)).get("user") is None


def test_words_are_chosen_whatever_their_case_and_a_wrong_one_has_a_hint() -> None:
    made = draft("log_on_success = host pid", "log_on_success -= PID", "log_on_success += EXTI")
    assert made.choose(made.all("log_on_success"), ("HOST", "PID", "EXIT")) == {"HOST"}
    (problem,) = made.section.problems
    assert problem.hint == "did you mean `EXIT`?"


@pytest.mark.parametrize(("own", "told"), [((), 1), (("sever = /bin/cat",), 1), (("server = /bin/cat x",), 1)])
def test_what_a_wrong_line_was_meant_to_be_is_not_missing_besides(own: tuple[str, ...], told: int) -> None:
    made = draft(*own)
    made.missing("server")
    assert len(made.section.problems) == told


def test_nothing_is_missing_where_the_form_is_wrong() -> None:
    made = draft()
    made.section.torn = True
    made.missing("server")
    assert made.section.problems == []

"""Address words of several lines become one list, and every finding shows the line as it should be."""

from __future__ import annotations

from superd.config.xinetd.address_lines import _MOST_WORDS, AddressReader
from superd.config.xinetd.lexer import Line
from superd.config.xinetd.section import Section
from superd.problem import Origin, Severity


def line(text: str, number: int = 1) -> Line:
    name, operator, *values = text.split()
    return Line(name, operator, tuple(values), Origin("xinetd.conf", number))


def read(*texts: str) -> tuple[list[str] | None, Section]:
    section = Section()
    lines = [line(text, number) for number, text in enumerate(texts, 1)]
    return AddressReader({}).read(lines, section), section


def test_operators_add_and_take_away() -> None:
    assert read()[0] is None
    assert read("only_from =")[0] == []
    found, section = read("only_from = 10.0.0.1 10.0.0.2", "only_from += 10.0.0.3", "only_from -= 10.0.0.1")
    assert found == ["10.0.0.2", "10.0.0.3"]
    assert not section.problems


def test_a_word_that_admits_too_little_is_a_warning_and_one_that_refuses_nothing_an_error() -> None:
    found, section = read("only_from = 10.0.0.1 no..where")
    assert (found, section.broken) == (["10.0.0.1"], False)
    found, section = read("no_access = 10.0.0.1 no..where")
    assert section.broken
    (problem,) = section.problems
    assert problem.hint.startswith("write `no_access = 10.0.0.1")


def test_a_comment_ends_the_line() -> None:
    found, section = read("only_from = 10.0.0.1 # 10.0.0.2")
    assert found == ["10.0.0.1"]
    assert section.problems[0].message == "`# 10.0.0.2` is taken for a comment"


def test_of_many_odd_words_the_first_are_named_and_the_others_counted() -> None:
    words = " ".join(f"no..where{number}" for number in range(_MOST_WORDS + 3))
    _, section = read(f"no_access = {words}")
    assert len(section.problems) == _MOST_WORDS + 1
    assert section.problems[-1].message == "no_access: 3 more words are read otherwise than they look"


def test_a_line_that_several_services_inherit_is_read_once_and_reported_to_each() -> None:
    reader, shared = AddressReader({}), line("no_access = no..where")
    one, other = Section(), Section()
    reader.read([shared], one)
    reader.read([shared], other)
    assert one.problems == other.problems
    assert one.problems[0] is other.problems[0]
    assert one.problems[0].severity is Severity.ERROR

"""Every wrong word of the lists of a service is reported, with the word as it should be."""

from __future__ import annotations

import pytest

from superd.load.access_words import check_access_words
from superd.problem import Origin, Severity
from superd.service import Service


def service(**keys: object) -> Service:
    return Service.model_validate({"name": "x", "server": "/bin/cat", "port": 7001, **keys})


def test_every_wrong_word_of_every_list_is_reported_at_its_key() -> None:
    keys = {
        "only_from": ["10.0.0.0/33", "192.0.2.1", "10.0"],
        "no_access": ["::g", "1.2.3.300"],
        "access_times": ["Mon", "9:00-8:61"],
    }
    origins = {("x", key): Origin("x.toml", line) for line, key in enumerate(keys, 1)}
    found = check_access_words({"x": service(**keys)}, origins)
    assert [(problem.origin.line, problem.severity) for problem in found] == [
        (line, Severity.ERROR) for line in (1, 1, 2, 2, 3, 3)
    ]
    words = ["10.0.0.0/33", "10.0", "::g", "1.2.3.300", "Mon", "8:61"]
    assert all(word in problem.message for word, problem in zip(words, found, strict=True))


@pytest.mark.parametrize(
    ("word", "hint"),
    [
        ("10.0", 'write `only_from = ["10.0.0.0/16", "192.0.2.1"]`'),
        ("*", 'write `only_from = ["ALL", "192.0.2.1"]`'),
        ("10.0.0.1;10.0.0.2", 'write `only_from = ["10.0.0.1", "10.0.0.2", "192.0.2.1"]`'),
        ("http://10.0.0.1:80/", 'write `only_from = ["10.0.0.1", "192.0.2.1"]`'),
        ("*.example.com", 'write `only_from = [".example.com", "192.0.2.1"]`'),
        ("a..b", ""),
    ],
)
def test_the_line_as_it_should_be_is_in_the_hint(word: str, hint: str) -> None:
    (problem,) = check_access_words({"x": service(only_from=[word, "192.0.2.1"])}, {})
    assert problem.hint == hint


def test_of_a_key_in_a_table_and_of_a_long_list_the_words_alone_are_in_the_hint() -> None:
    (problem,) = check_access_words({"x": service(limits={"exempt": ["10.0"]})}, {})
    assert problem.hint == 'write "10.0.0.0/16"'
    (problem,) = check_access_words({"x": service(only_from=["*", *(f"10.0.0.{number}" for number in range(99))])}, {})
    assert problem.hint == 'write "ALL"'


@pytest.mark.parametrize("word", ["any", "Everyone"])
def test_a_word_for_every_client_that_is_a_name_here_is_a_warning(word: str) -> None:
    (problem,) = check_access_words({"x": service(only_from=[word])}, {})
    assert (problem.severity, problem.hint) == (Severity.WARNING, 'write `only_from = ["ALL"]`')


def test_a_list_of_thousands_of_wrong_words_is_cut() -> None:
    assert len(check_access_words({"x": service(no_access=[f"{number}.x..y" for number in range(5000)])}, {})) == 101


def test_the_name_after_dns_must_be_one_of_a_host() -> None:
    words = ["dns:a.example.org", "dns:192.0.2.1", "DNS:.example.org", "dns:", "192.0.2.0/24", ".example.org"]
    found = check_access_words({"x": service(limits={"penalties": {"refused": 1, "exempt": words}})}, {})
    assert [problem.message.partition("`: ")[2] for problem in found] == [
        "`dns:192.0.2.1` is not the name of a host",
        "`dns:.example.org` is not the name of a host",
        "`dns:` is not the name of a host",
    ]

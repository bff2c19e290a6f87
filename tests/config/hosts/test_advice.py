"""The parts of a rule, and colons within an option: what hints are made of."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from superd.config.hosts.advice import escaped, parts_of, without_colon
from superd.config.hosts.tables import parse


@pytest.mark.parametrize(
    ("line", "parts"),
    [
        ("sshd : 10.", (["sshd", "10."], "")),
        ("sshd : [2001:db8::1] : spawn a \\: b", (["sshd", "[2001:db8::1]"], " spawn a \\: b")),
        ("sshd", (["sshd"], "")),
    ],
)
def test_a_rule_has_two_lists_and_the_text_of_its_options(line: str, parts: tuple[list[str], str]) -> None:
    assert parts_of(line) == parts


@given(st.text(alphabet="ab:[] \\", max_size=12))
def test_any_value_reads_back_as_it_was_written(value: str) -> None:
    value = value.replace("\\", "").strip()
    if value:
        (rule,) = parse(f"ALL : ALL : spawn {escaped(value)}\n".encode(), "hosts", "allow")[0]
        assert [(option.name, option.value, option.error) for option in rule.options] == [("spawn", value, "")]


@given(st.text(max_size=60), st.text(max_size=60))
def test_any_line_without_a_colon_has_a_message(line: str, before: str) -> None:
    message, hint = without_colon(line, before)
    assert "not a rule" in message or "not joined" in message
    assert not hint or hint.startswith("write `")


def test_another_option_with_an_equals_sign_is_not_taken_for_setenv() -> None:
    (problem,) = parse(b"ALL : ALL : umask a=22\n", "hosts", "allow")[1]
    assert "setenv" not in problem.hint

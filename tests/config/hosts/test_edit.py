"""An edited table: whatever changed, the rules are those of the new text, with their lines."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from superd.config.hosts.edit import edited
from superd.config.hosts.scan import read_rules
from tests.config.hosts.test_scan import LINES


@given(
    st.lists(LINES, max_size=10),
    st.lists(st.tuples(st.integers(0, 12), st.integers(0, 3), st.lists(LINES, max_size=3)), max_size=4),
)
def test_edits_one_after_another_give_the_rules_of_the_text(lines: list[str], edits: list[tuple[int, int, list[str]]]) -> None:
    text = "".join(f"{line}\n" for line in lines).encode()
    rules, problems = read_rules(text, "hosts", "allow")
    for at, removed, added in edits:
        lines[at : at + removed] = added
        new = "".join(f"{line}\n" for line in lines).encode()
        found = edited(rules, problems, text, new, "hosts", "allow")
        assert found is not None
        (rules, problems), text = found, new
        whole, said = read_rules(new, "hosts", "allow")
        assert tuple(rules) == tuple(whole)
        assert set(problems) == set(said)


def test_only_what_was_appended_is_read() -> None:
    text = b"".join(b"ALL: 192.0.2.%d\n" % (number % 256) for number in range(10_000))
    rules = read_rules(text, "hosts", "deny")[0]
    found = edited(rules, (), text, text + b"ALL: 198.51.100.1\nno colon\n", "hosts", "deny")
    assert found is not None
    assert [len(piece.block) for piece in found[0].pieces] == [10_000, 1]
    assert found[0].pieces[0].block is rules.pieces[0].block
    assert [(problem.origin.line, problem.severity.value) for problem in found[1]] == [(10_002, "error")]


def test_a_table_that_is_another_one_is_read_as_a_whole() -> None:
    text = b"".join(b"ALL: 192.0.2.%d\n" % (number % 256) for number in range(10_000))
    other = b"".join(b"ALL: 198.51.100.%d\n" % (number % 256) for number in range(10_000))
    assert edited(read_rules(text, "hosts", "deny")[0], (), text, other, "hosts", "deny") is None

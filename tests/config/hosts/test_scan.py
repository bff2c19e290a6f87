"""The fast reader and the parser it spares: the same rules, the same problems, for every text."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from superd.config.hosts.scan import read_rules
from superd.config.hosts.tables import parse
from superd.rule import Table

LINES = st.sampled_from(
    [
        "ALL: 192.0.2.7", "sshd : 10.1.2.3", "sshd: 010.1.2.3", "ALL : .example.org", "ALL: a.Example.org",
        "ALL: host.", "in.ftpd:a", "ALL: 10.", "ALL: 10.0.0.0/8", "sshd: 192.0.2.8 : deny", "sshd: x.org :ALLOW",
        "sshd: x : spawn a", "# a comment", "", "  ", "no colon", "ALL: ALL", "EXCEPT: a", "ALL: except",
        "a b: 10.1.1.1", "ALL: 10.1.1.1 10.1.1.2", "ALL: KNOWN", "ALL: 1-2", "ALL: ..", "ALL: .", "ALL: 256.1.1.1",
        "ALL: 192.0.2.7 ", "ALL: 192.0.2.7\r", "ALL: 192.0.2.7\\", "ALL: x\\", "\ufeffALL: a", "7: 10.1.1.1",
        "ALL: 1.2.3", "ALL: _x", "ALL: -", "ALL:10.1.1.1:deny", "ALL: x : deny : y", "x.: a", "ALL: fail",
        "\u00a0ALL: a", "ALL: 10.1.1.1\0",
    ]
)  # fmt: skip
TABLES: st.SearchStrategy[Table] = st.sampled_from(["allow", "deny"])


@given(st.lists(LINES, max_size=12), st.booleans(), TABLES)
def test_both_readers_find_the_same(lines: list[str], ended: bool, table: Table) -> None:
    text = ("\n".join(lines) + ("\n" if ended else "")).encode()
    rules, problems = parse(text, "hosts", table)
    packed, said = read_rules(text, "hosts", table)
    assert tuple(packed) == rules
    assert set(said) == set(problems)
    assert len(packed) == len(rules)
    assert [packed[index] for index in range(len(rules))] == list(rules)


@given(st.binary(max_size=120), TABLES)
def test_both_readers_find_the_same_in_any_bytes(text: bytes, table: Table) -> None:
    rules, problems = parse(text, "hosts", table)
    packed, said = read_rules(text, "hosts", table)
    assert (tuple(packed), set(said)) == (rules, set(problems))

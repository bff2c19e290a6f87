"""What ``superd check`` says of rules that are probably not meant: all that tcpdchk warns of, and what libwrap swallows."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from superd.config.hosts.tables import parse
from superd.lint.covered import Seen
from superd.lint.rules import Host, lint

PROGRAMS = {"/bin/echo", "/bin/date", "/usr/bin/who"}


def program(path: str) -> str:
    return "is a folder" if path.endswith("/") else "" if path in PROGRAMS else "does not exist"


HOST = Host(program, {"in.ftpd", "cat"})


def said(text: str) -> list[tuple[int, str, str]]:
    rules, _ = parse(text.encode(), "hosts.deny", "deny")
    return [(found.origin.line, found.message, found.hint) for found in lint(rules, text.split("\n"), HOST, Seen())]


def test_an_id_in_place_of_a_daemon_name_has_a_hint() -> None:
    rules, _ = parse(b"motd : ALL\n", "hosts.deny", "deny")
    [problem] = lint(rules, ["motd : ALL", ""], replace(HOST, ids={"motd": "cat"}), Seen())
    assert problem.message == "no service has the daemon name `motd`"
    assert problem.hint == 'the daemon name of service `motd` is `cat`: write that, or set `libwrap = "motd"`'


def test_the_founding_documents_rule_has_three_faults_and_one_correction() -> None:
    meant = "write `ALL : 206.182.68. : spawn /bin/echo `date` %c %d >> /var/log/intruder_alert`"
    assert said("ALL : 206.182.68.0 : spawn /bin/ 'date' %c %d >> /var/log/intruder_alert\n") == [
        (1, "`206.182.68.0` is a network without a mask: it matches that one address only", meant),
        (1, "spawn: `/bin/` is a folder", meant),
        (1, "spawn: 'date' is the text itself; the output of a command stands in backquotes", meant),
    ]


@pytest.mark.parametrize(
    ("line", "part", "hint"),
    [
        ("cat : 10.1.2.3/255.255.255.0", "has host bits set", "cat : 10.1.2.0/255.255.255.0"),
        ("cat : 10.1.2.3/24", "has host bits set", "cat : 10.1.2.0/24"),
        ("cat : 10.1.2.3/255.255.255.255", "takes this mask for an error", "cat : 10.1.2.3"),
        ("cat : 10.1.2.3/33", "bad net/mask pattern", ""),
        ("cat : nowhere/24", "bad net/mask pattern", ""),
        ("cat : 10.0.0.0", "without a mask", "cat : 10."),
        ("cat : 2001:db8::1", "needs brackets", "cat : [2001:db8::1]"),
        ("cat : fe80::1%enX0", "needs brackets", "cat : [fe80::1%enX0]"),
        ("cat : 2001:db8::1 : spawn /bin/echo x", "needs brackets", "cat : [2001:db8::1] : spawn /bin/echo x"),
        ("cat : [2001:db8::1]/", "no prefix length", "cat : [2001:db8::1]/128"),
        ("cat : 10. # the office", "comment begins in column 1", "cat : 10."),
        ("cat : .10.1", "begins with a dot", "cat : 10.1."),
        ("cat : client.", "ends in a dot", "cat : .client"),
        ("cat : 10. FAIL 10.1.", "FAIL is no longer recognized", "cat : 10. EXCEPT 10.1."),
        ("cat : ALL EXCEPT", "nothing stands after EXCEPT", "cat : ALL"),
        ("cat :", "client list is empty", ""),
        ("ALL EXCEPT : ALL", "nothing stands after EXCEPT", "ALL : ALL"),
        ("@cat : ALL", "begins with `@`", ""),
        ("cat. : ALL", "begins or ends with a dot", "cat : ALL"),
        ("LOCAL : ALL", "may be a reserved word", ""),
        ("in.fptd : ALL", "no service has the daemon name `in.fptd`", "did you mean `in.ftpd`?"),
        ("cat : .bob@10.", "user name `.bob`", ""),
        ("cat : ALL : spawn /no/such %a", "`/no/such` does not exist", ""),
        ("cat : ALL : twist /bin/", "`/bin/` is a folder", ""),
        ("cat : ALL : spawn /bin/echo 'who' >> /tmp/x", "stands in backquotes", "cat : ALL : spawn /bin/echo `who` >> /tmp/x"),
    ],
)
def test_each_fault_is_named_with_its_correction(line: str, part: str, hint: str) -> None:
    found = [entry for entry in said(f"{line}\n") if part in entry[1]]
    assert len(found) == 1
    assert hint in found[0][2]


def test_rules_that_mean_what_they_say_are_left_alone() -> None:
    text = (
        "# a comment\ncat : 10. 192.168.0.0/255.255.0.0 [2001:db8::]/32 .org LOCAL bob@172.16.0.0/12 @staff /etc/friends\n"
        "sshd, in.ftpd@10.0.0.1, 8080, in.* : ALL EXCEPT 198.51.100.7 : spawn (/bin/echo 'it is %a' | /usr/bin/who) & : deny\n"
    )
    assert said(text) == []


def test_the_corrected_rule_has_no_fault() -> None:
    for line in ("cat : 10.1.2.3/24 10.0.0.0 [2001:db8::1]/ .10.1 FAIL 10.9. : spawn /bin/ 'date' %a # who",):
        hint = said(f"{line}\n")[0][2]
        assert said(hint.removeprefix("write `")[:-1] + "\n") == []


def test_a_rule_that_an_earlier_one_covers_is_named() -> None:
    assert said("cat : 10.\nALL : 192.0.2.1\ncat : 10.1.2.3\n") == [
        (3, "can never match: hosts.deny:1 covers it", "remove it, or put it before that one")
    ]


@given(st.binary(max_size=300) | st.text(alphabet="ALEXCPTFI .:/[]@#%'`0123456789\\\n", max_size=200).map(str.encode))
def test_any_bytes_are_looked_at_without_a_fault_of_ours(data: bytes) -> None:
    rules, _ = parse(data, "hosts.allow", "allow")
    for problem in lint(rules, data.decode("utf-8", "surrogateescape").split("\n"), HOST, Seen()):
        assert problem.origin.line >= 1

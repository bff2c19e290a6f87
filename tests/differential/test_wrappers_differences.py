"""Each deliberate difference from libwrap, shown on both sides; and that docs/wrappers-differences.md and its tests agree."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from superd.expansion import defused, expand_shell, values_of
from superd.peer import Peer
from tests.libwrap_adapter import DIRECTORY, decided
from tests.libwrap_process import Libwrap

ROOT = Path(__file__).parent.parent.parent
PAGE = ROOT / "docs" / "wrappers-differences.md"
CASE: dict[str, Any] = {
    "daemon": "sshd", "client_addr": "10.1.2.3", "client_name": "a.example.com", "user": "joe",
    "server_name": "server", "server_addr": "192.0.2.1", "client_port": 40000, "server_port": 22,
}  # fmt: skip


@cache
def page_entries() -> dict[str, str]:
    """Each entry of the page and the test it names."""
    entries = re.split(r"^## ", PAGE.read_text(), flags=re.MULTILINE)[1:]
    found = {}
    for entry in entries:
        named = re.findall(r"^Test: `([^`]+)`$", entry, re.MULTILINE)
        assert len(named) == 1, entry
        found[entry.splitlines()[0]] = named[0]
    return found


def test_every_entry_of_the_page_names_a_test_that_exists() -> None:
    for entry, test in page_entries().items():
        path, _, name = test.partition("::")
        assert re.search(rf"^def {name}\(", (ROOT / path).read_text(), re.MULTILINE), entry


def test_every_difference_that_is_tested_or_answered_with_is_on_the_page() -> None:
    here = Path(__file__)
    path = here.relative_to(ROOT).as_posix()
    tests = re.findall(r"^def (test_\w+)\(libwrap", here.read_text(), re.MULTILINE)
    assert {f"{path}::{name}" for name in tests} <= set(page_entries().values())
    adapter = (ROOT / "tests" / "libwrap_adapter.py").read_text()
    answered = re.findall(r'"([a-z0-9]+(?:-[a-z0-9]+){2,})"', adapter)
    assert len(answered) >= 12
    assert set(answered) <= set(page_entries())


def verdicts(libwrap: Libwrap, **case: Any) -> tuple[str, str]:
    """What superd and what libwrap says."""
    whole = {**CASE, **case}
    ours, theirs = decided(whole), libwrap.ask(whole)
    return str(ours.get("verdict", ours.get("skip"))), str(theirs["verdict"])


def test_lines_need_no_end_and_have_no_limit(libwrap: Libwrap) -> None:
    assert verdicts(libwrap, allow="sshd: 10.", deny="ALL: ALL\n") == ("allow", "deny")
    assert verdicts(libwrap, allow=f"sshd:{' ' * 2100}10.\n", deny="ALL: ALL\n") == ("allow", "deny")
    assert verdicts(libwrap, deny="# nothing") == ("allow", "deny")
    assert verdicts(libwrap, deny=f"#{' ' * 2100}\n") == ("allow", "deny")


def test_aclexec_status_is_its_rules_own(libwrap: Libwrap) -> None:
    failing: dict[str, Any] = {"aclexec_status": 1}
    # The rule's own `allow` says nothing where its command failed; nor is the rest of it carried out.
    assert decided({**CASE, **failing, "allow": "ALL: ALL: aclexec false: allow\n"}) == {
        "skip": "aclexec-status-is-its-rules-own"
    }
    assert libwrap.ask({**CASE, "allow": "ALL: ALL: aclexec false: allow\n", "deny": "ALL: ALL\n"})["verdict"] == "allow"
    assert libwrap.ask({**CASE, "allow": "ALL: ALL: aclexec false: umask 077\n"})["umask"] == 0o077
    # A failure admits clients that hosts.deny refuses with an option; and one in hosts.deny too.
    assert libwrap.ask({**CASE, "allow": "ALL: ALL: aclexec false\n", "deny": "ALL: ALL: umask 022\n"})["verdict"] == "allow"
    assert libwrap.ask({**CASE, "deny": "ALL: ALL: aclexec false\nALL: ALL\n"})["verdict"] == "allow"
    # Where superd does as libwrap.
    assert verdicts(libwrap, **failing, allow="ALL: ALL: aclexec false\nALL: ALL\n", deny="ALL: ALL\n") == ("deny", "deny")
    assert verdicts(libwrap, allow="ALL: ALL: aclexec true\n", deny="ALL: ALL\n") == ("allow", "allow")


def test_expansions_do_not_rewrite_the_request(libwrap: Libwrap) -> None:
    # After the first rule's expansion libwrap's client is called joe_x.
    tables = {"allow": "ALL: ALL: umask 022: spawn true %u: aclexec false\n", "deny": "ALL: joe;x@ALL\n"}
    assert libwrap.ask({**CASE, **tables, "user": "joe;x"})["verdict"] == "allow"
    skipped = decided({**CASE, **tables, "user": "joe;x", "aclexec_status": 1})
    assert skipped == {"skip": "expansions-do-not-rewrite-the-request"}
    client = Peer("10.1.2.3", 4, 0x0A010203, user="joe;x")
    assert expand_shell("%u", values_of("sshd", client, client, 1)) == "joe_x"
    assert client.user == "joe;x"


def test_an_expansion_too_long_refuses_one_connection(libwrap: Libwrap) -> None:
    case = {**CASE, "allow": "ALL: ALL: spawn true " + "%n" * 700 + "\n"}
    assert decided(case) == {"skip": "an-expansion-too-long-refuses-one-connection"}
    # It exits, in place of the program that asked.
    assert libwrap.ask(case)["verdict"] == "twist or exit"


def test_what_a_peer_chose_is_defused(libwrap: Libwrap) -> None:
    case = {**CASE, "user": "-rf/../=@x!%", "allow": "ALL: ALL: spawn echo %u %c > @DIR@/note\n"}
    assert libwrap.ask(case)["note"] == "-rf/../=@x!% -rf/../=@x!%@a.example.com\n"
    client = Peer("10.1.2.3", 4, 0x0A010203, name="a.example.com", user=case["user"])
    words = defused(values_of("sshd", client, client, 1))
    assert (words["u"], words["c"]) == ("_rf______x__", "_rf______x__@a.example.com")


def test_banners_show_printable_text(libwrap: Libwrap) -> None:
    from superd.banner import render

    case = {**CASE, "user": "o'neil\tx", "allow": "ALL: ALL: banners @DIR@\n", "files": {"sshd": "hello %u\n"}}
    assert libwrap.ask(case)["client_output"] == "hello o_neil_x\r\n"
    client = Peer("10.1.2.3", 4, 0x0A010203, user="o'neil\tx")
    assert render(b"hello %u\n", values_of("sshd", client, client, 1)) == b"hello o'neil_x\r\n"


def test_banner_lines_end_in_cr_lf(libwrap: Libwrap) -> None:
    from superd.banner import render

    text = "one [\ntwo\r\nthree\0four\n"
    case = {**CASE, "allow": "ALL: ALL: banners @DIR@\n", "files": {"sshd": text}}
    assert libwrap.ask(case)["client_output"] == "one [\ntwo\r\r\nthree"
    client = Peer("10.1.2.3", 4, 0x0A010203)
    assert render(text.encode(), values_of("sshd", client, client, 1)) == b"one [\r\ntwo\r\nthree\0four\r\n"


@pytest.mark.parametrize(
    "severity", ["authpriv.info", "ftp.err", "syslog.err", "security.err", "error", "mail.warn", "panic", "none"]
)
def test_severity_takes_all_of_syslog_h(libwrap: Libwrap, severity: str) -> None:
    assert verdicts(libwrap, allow=f"ALL: ALL: severity {severity}\n") == ("allow", "deny")


@pytest.mark.parametrize("option", ["nice 4294967301", "linger 4294967301", "rfc931 4294967301"])
def test_numbers_do_not_wrap_round(libwrap: Libwrap, option: str) -> None:
    assert verdicts(libwrap, allow=f"ALL: ALL: {option}\n") == ("deny", "allow")


def test_a_numeric_wildcard_is_for_addresses(libwrap: Libwrap) -> None:
    evil = {"client_addr": "192.0.2.9", "client_name": "10.1.2.evil.com", "deny": "ALL: ALL\n"}
    assert verdicts(libwrap, **evil, allow="sshd: 10.1.2.*\n") == ("deny", "allow")
    assert verdicts(libwrap, **{**evil, "client_addr": "10.1.2.7"}, allow="sshd: 10.1.2.*\n") == ("allow", "allow")


def test_a_zone_in_a_pattern_counts(libwrap: Libwrap) -> None:
    far = {"client_addr": "fe80::1", "deny": "ALL: ALL\n"}
    assert verdicts(libwrap, **far, allow="sshd: [fe80::1%lo]\n") == ("deny", "allow")
    assert verdicts(libwrap, **{**far, "client_addr": "fe80::1%lo"}, allow="sshd: [fe80::1%lo]\n") == ("allow", "allow")
    assert verdicts(libwrap, **{**far, "client_addr": "fe80::1%lo"}, allow="sshd: [fe80::1%1]\n") == ("deny", "allow")


def test_a_bracketed_address_asks_for_no_name(libwrap: Libwrap) -> None:
    from superd.config.hosts.tables import parse
    from superd.policy.hosts_access import NO_FACTS, compile_policy, decide
    from superd.rule import Policy
    from superd.verdict import Verdict

    text = "ALL: [2001:db8::2] 10.9. [2001:db8::3]\n"
    nameless = Peer("2001:db8::1", 6, 0x20010DB8 << 96 | 1)
    tables = compile_policy(Policy(deny=parse(text.encode(), "hosts.deny", "deny")[0]))
    assert isinstance(decide(tables, "sshd", nameless, nameless, NO_FACTS), Verdict)
    assert verdicts(libwrap, client_addr="2001:db8::1", deny=text) == ("allow", "allow")
    assert verdicts(libwrap, client_addr="2001:db8::3", deny=text) == ("deny", "deny")


def test_the_broadcast_address_is_an_address(libwrap: Libwrap) -> None:
    case = {"client_addr": "255.255.255.255", "deny": "ALL: ALL\n"}
    assert verdicts(libwrap, **case, allow="ALL: 255.0.0.0/8\n") == ("allow", "deny")


def test_a_text_has_one_state_of_knowledge(libwrap: Libwrap) -> None:
    case = {**CASE, "lazy": 1, "allow": "ALL: ALL: spawn echo %h %n\n"}
    assert decided(case) == {"skip": "a-text-has-one-state-of-knowledge"}
    assert decided({**case, "allow": "ALL: ALL: spawn echo %n %h\n"})["options"] == ["spawn echo a.example.com a.example.com"]
    asked = {"%h %n": "10.1.2.3 a.example.com\n", "%n %h": "a.example.com a.example.com\n"}
    for letters, note in asked.items():
        assert libwrap.ask({**case, "allow": f"ALL: ALL: spawn echo {letters} > @DIR@/note\n"})["note"] == note


def test_a_files_folder_is_not_the_tests_own() -> None:
    """The adapter hands files over; nothing of them may lie on the disk of the host."""
    assert not Path(DIRECTORY).exists()

"""hosts.allow and hosts.deny as files: what cannot be used, what others append, what includes itself; through the real daemon."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.daemon_process import WAIT, Superd, free_port, talk
from tests.needs import needs_root
from tests.world import World

ME, OTHER = "127.0.0.2", "127.0.0.3"


@pytest.fixture
def port(superd: Superd) -> int:
    """The port of a service `hello` that greets every client that is admitted."""
    found = free_port()
    superd.service("hello", f'server = "/bin/echo"\nserver_args = ["hello"]\nlisten = ["0.0.0.0:{found}"]\n')
    return found


def greeted(port: int, source: str) -> bool:
    return talk(port, source=source) == b"hello\n"


def greeted_at_last(port: int, source: str) -> bool:
    """Whether a list or table that was emptied counts in the end: superd believes it after a second."""
    end = time.monotonic() + WAIT
    while not greeted(port, source):
        assert time.monotonic() < end
    return True


def run(superd: Superd, *arguments: str) -> subprocess.CompletedProcess[str]:
    """superd, which is expected to end by itself."""
    return subprocess.run(
        [
            sys.executable, "-m", "superd", "run", "--services", str(superd.services),
            "--hosts-allow", str(superd.allow), "--hosts-deny", str(superd.deny), *arguments,
        ],
        capture_output=True, text=True, timeout=WAIT, check=False, cwd=Path(__file__).parent.parent.parent,
    )  # fmt: skip


UNUSABLE = {
    "no colon": b"echo : 127.0.0.9\necho 127.0.0.2\n",
    "a byte order mark": b"\xef\xbb\xbfecho : 127.0.0.2\n",
    "a NUL": b"echo : 127.0.0.2\0\n",
}
LINES = {
    "no colon": ":2: error: no",
    "a byte order mark": ":1: error: byte order mark",
    "a NUL": ":1: error: line contains a NUL",
}


@pytest.mark.parametrize("fault", UNUSABLE)
def test_a_broken_hosts_deny_never_fails_open(superd: Superd, port: int, fault: str) -> None:
    superd.deny.write_bytes(UNUSABLE[fault])
    superd.allow.write_text(f"echo : {OTHER}\n")
    refused = run(superd)
    assert refused.returncode == 78
    assert f"{superd.deny}{LINES[fault]}" in refused.stderr
    # Told to go on in spite of it: a client that would have reached the file is refused, one that is admitted before that is not.
    superd.start("--keep-going")
    assert not greeted(port, ME)
    assert superd.event(event="FAIL")["reason"] == "rule_broken"
    assert greeted(port, OTHER)
    # Fixed: its rules are in force.
    superd.deny.write_text("echo : 127.0.0.9\n")
    assert greeted(port, ME)
    # Broken while it runs: the last good one stays, and that is said.
    superd.deny.write_bytes(UNUSABLE[fault])
    assert greeted(port, ME)
    assert not greeted(port, "127.0.0.9")
    superd.message("policy unchanged")


@pytest.mark.parametrize("table", ["allow", "deny"])
def test_a_table_that_is_not_a_file_refuses_to_start(superd: Superd, port: int, table: str) -> None:
    path = superd.allow if table == "allow" else superd.deny
    path.mkdir()
    refused = run(superd)
    assert refused.returncode == 78
    assert f"{path}: error: cannot be read" in refused.stderr
    superd.start("--keep-going")
    assert greeted(port, ME) == (table == "allow")


def test_a_broken_line_of_hosts_allow_grants_nothing_and_is_reported(superd: Superd, port: int) -> None:
    superd.allow.write_text(f"echo {ME}\necho : {OTHER}\n")
    superd.deny.write_text("ALL : ALL\n")
    superd.start()
    assert not greeted(port, ME)
    assert greeted(port, OTHER)
    superd.message("hosts.allow:1: warning: no")


def test_a_last_line_without_newline_and_a_long_one_are_rules(superd: Superd, port: int) -> None:
    superd.deny.write_text(f"echo : {ME} {' ' * 5000} {OTHER}\necho : 127.0.0.4")
    superd.start()
    for source in (ME, OTHER, "127.0.0.4"):
        assert not greeted(port, source)
    assert greeted(port, "127.0.0.5")
    superd.message("last line has no newline")


@pytest.mark.parametrize(
    "append",
    [
        # fail2ban, action.d/hostsdeny.conf: actionban with <daemon_list>, <_ip_value> and <file> filled in.
        'printf %b "ALL: 127.0.0.2\\n" >> {deny}',
        # denyhosts, plugin of 2.6: a comment line and the entry, in one append.
        "printf '# DenyHosts: Mon Nov 23 12:00:00 2026 | echo: 127.0.0.2\\necho: 127.0.0.2\\n' >> {deny}",
        # A whole new file in its place, as editors and denyhosts' purge write it.
        "printf 'echo: 127.0.0.2\\n' > {deny}.new && mv {deny}.new {deny}",
    ],
    ids=["fail2ban", "denyhosts", "rename"],
)
def test_what_is_added_to_hosts_deny_counts_for_the_next_connection(superd: Superd, port: int, append: str) -> None:
    superd.deny.write_text("# empty\n")
    superd.start()
    assert greeted(port, ME)
    subprocess.run(["/bin/sh", "-c", append.format(deny=superd.deny)], check=True)
    assert not greeted(port, ME)
    assert greeted(port, OTHER)
    # fail2ban's actionunban.
    subprocess.run(["sed", "-i", "/127\\.0\\.0\\.2$/d", str(superd.deny)], check=True)
    assert greeted_at_last(port, ME)


def test_files_that_name_one_another_end_with_a_warning_and_still_match(superd: Superd, port: int) -> None:
    one, two = superd.folder / "one", superd.folder / "two"
    one.write_text(f"127.0.0.9\n{two}\n")
    two.write_text(f"{one} {two} {superd.folder}/none\n{ME}\n")
    superd.deny.write_text(f"echo : {one}\n")
    superd.start()
    assert not greeted(port, ME)
    assert greeted(port, OTHER)
    superd.message("names it again")


def test_what_changes_in_a_file_that_a_pattern_names_counts_for_the_next_connection(superd: Superd, port: int) -> None:
    one, two = superd.folder / "one", superd.folder / "two"
    superd.deny.write_text(f"echo : {one}\n")
    superd.start()
    assert greeted(port, ME)
    one.write_text(f"{two}\n")
    assert greeted(port, ME)
    two.write_text(f"{ME}\n")
    assert not greeted(port, ME)
    assert greeted(port, OTHER)
    two.unlink()
    assert greeted_at_last(port, ME)


def test_a_list_that_cannot_be_used_is_not_an_empty_list(superd: Superd, port: int) -> None:
    bad = superd.folder / "bad"
    bad.write_text(f"{ME}\n")
    superd.deny.write_text(f"echo : {bad}\n")
    superd.start()
    assert not greeted(port, ME)
    # While it runs: the last good list stays.
    bad.unlink()
    bad.mkdir()
    assert not greeted(port, ME)
    assert greeted(port, OTHER)
    superd.message("policy unchanged")
    superd.stop()
    refused = run(superd)
    assert refused.returncode == 78
    assert f"{bad}: error: cannot be read" in refused.stderr
    superd.start("--keep-going")
    assert not greeted(port, OTHER)
    # Fixed: its addresses count again.
    bad.rmdir()
    bad.write_text(f"{ME}\n")
    assert not greeted(port, ME)
    assert greeted(port, OTHER)


def test_a_list_that_made_a_new_table_unusable_and_is_fixed_alone_counts_for_the_next_connection(
    superd: Superd, port: int
) -> None:
    good, bad = superd.folder / "good", superd.folder / "bad"
    good.write_text(f"{OTHER}\n")
    superd.deny.write_text(f"echo : {good}\n")
    superd.start()
    assert not greeted(port, OTHER)
    # The new table names a list that is none: the old one stays in force, with its own list.
    bad.mkdir()
    superd.deny.write_text(f"echo : {bad}\n")
    assert greeted(port, ME)
    assert not greeted(port, OTHER)
    superd.message("policy unchanged")
    good.write_text(f"{OTHER} 127.0.0.4\n")
    assert greeted(port, ME)
    bad.rmdir()
    bad.write_text(f"{ME}\n")
    assert not greeted(port, ME)
    assert greeted(port, OTHER)


def test_tables_that_cannot_be_used_take_no_user_from_a_rule_in_force(superd: Superd, port: int) -> None:
    needs_root()
    superd.allow.write_text(f"echo : {ME} : user nobody\n")
    superd.deny.write_text(f"echo : {OTHER}\n")
    superd.start()
    assert greeted(port, ME)
    superd.deny.write_text("echo\n")
    assert greeted(port, ME)
    superd.message("policy unchanged")
    assert not greeted(port, OTHER)


def test_a_table_full_of_mistakes_does_not_fill_the_log(superd: Superd, port: int) -> None:
    superd.deny.write_text("# empty\n")
    superd.start()
    superd.deny.write_text("echo : 2001:db8::1\n" * 500)
    assert greeted(port, ME)
    superd.message("the tables have 450 more such problems")


def test_a_file_pattern_deeper_than_the_limit_matches_no_client_and_is_warned_of(superd: Superd, port: int) -> None:
    for number in range(12):
        (superd.folder / f"list{number}").write_text(f"127.0.1.{number}\n{superd.folder}/list{number + 1}\n")
    superd.deny.write_text(f"echo : {superd.folder}/list0\n")
    superd.start()
    assert not greeted(port, "127.0.1.7")
    assert greeted(port, "127.0.1.8")
    superd.message("more than 8 files deep")


def test_a_netgroup_is_asked_of_the_c_library_with_the_clients_name(superd: Superd) -> None:
    world = World(superd, addresses=("10.9.0.1", "10.9.0.2"))
    (world.etc / "hosts").write_text("127.0.0.1 localhost\n10.9.0.1 friend.example.com\n10.9.0.2 other.example.com\n")
    (world.etc / "nsswitch.conf").write_text("passwd: files\ngroup: files\nhosts: files\nnetgroup: files\n")
    (world.etc / "netgroup").write_text("trusted (friend.example.com,,)\n")
    (world.etc / "hosts.allow").write_text("echo : @trusted\n")
    (world.etc / "hosts.deny").write_text("ALL : ALL\n")
    superd.service("echo", 'server = "/bin/echo"\nserver_args = ["hello"]\nport = 7\n')
    superd.start()
    assert world.talk(7, source="10.9.0.1", host="10.9.0.2") == "hello\n"
    assert world.talk(7, source="10.9.0.2", host="10.9.0.2") == ""

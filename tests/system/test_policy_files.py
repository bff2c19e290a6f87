"""Tables as files: whole and settled, or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from superd.system import policy_files
from superd.system.file_lease import Unsettled
from superd.system.policy_files import read_table, read_tables, signature


@pytest.fixture
def deny(services_dir: Path) -> Path:
    path = services_dir / "hosts.deny"
    path.write_bytes(b"ALL: ALL\n")
    path.chmod(0o644)
    return path


def tables(deny: Path) -> tuple[str, str]:
    return str(deny.with_name("hosts.allow")), str(deny)


def test_both_tables_are_read_and_an_absent_one_is_none(deny: Path) -> None:
    snapshot = read_tables(*tables(deny))
    assert (snapshot.allow, snapshot.deny) == (None, b"ALL: ALL\n")
    assert snapshot.signature == signature(tables(deny))
    assert read_table("") is None


def test_how_a_file_looks_changes_with_it_and_no_name_is_too_odd(deny: Path) -> None:
    before = signature([str(deny)])
    deny.write_bytes(b"ALL: 10.\n")
    assert signature([str(deny)]) != before
    assert signature(["", "/no/such", "/a\0b"]) == ("", "No such file or directory", "NUL byte")


def test_a_table_that_is_being_rewritten_is_not_read(deny: Path) -> None:
    before = read_tables(*tables(deny))
    with deny.open("wb") as writer:
        for what in (b"", b"ALL"):
            writer.write(what)
            writer.flush()
            with pytest.raises(Unsettled):
                read_tables(*tables(deny), before)
        writer.write(b": 192.0.2.1\n")
    assert read_tables(*tables(deny), before).deny == b"ALL: 192.0.2.1\n"


def test_a_writer_that_only_appends_takes_no_rule_away_and_is_not_waited_for(deny: Path) -> None:
    before = read_tables(*tables(deny))
    with deny.open("ab") as writer:
        writer.write(b"ALL: 192.0.2.1\nALL: 192.0")
        writer.flush()
        assert read_tables(*tables(deny), before).deny == b"ALL: ALL\nALL: 192.0.2.1\n"


@pytest.mark.parametrize("absent", [True, False])
def test_a_hosts_deny_that_was_emptied_a_moment_ago_is_not_believed_yet(
    deny: Path, absent: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = read_tables(*tables(deny))
    if absent:
        deny.unlink()
    else:
        deny.write_bytes(b"")
    with pytest.raises(Unsettled):
        read_tables(*tables(deny), before)
    monkeypatch.setattr(policy_files, "CUT_SETTLE", 0.0)  # as a second later
    assert not read_tables(*tables(deny), before).deny


@pytest.mark.parametrize(
    ("table", "line", "waits"),
    [("deny", "ALL: ALL\n", True), ("allow", "ALL: ALL: DENY\n", True), ("allow", "ALL: 192.0.2.1\n", False)],
)
def test_a_table_whose_last_rules_were_cut_off_a_moment_ago_is_not_believed_yet(
    deny: Path, table: str, line: str, waits: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = deny.with_name(f"hosts.{table}")
    file.write_text(f"sshd: 192.0.2.7\n{line}")
    paths = (str(file), str(deny)) if table == "allow" else (str(deny.with_name("none")), str(file))
    before = read_tables(*paths)
    file.write_text("sshd: 192.0.2.7\n")
    if waits:
        with pytest.raises(Unsettled):
            read_tables(*paths, before)
        monkeypatch.setattr(policy_files, "CUT_SETTLE", 0.0)  # as a second later
    now = read_tables(*paths, before)
    assert b"sshd: 192.0.2.7\n" in (now.allow, now.deny)


def test_a_table_that_others_can_write_or_that_has_no_end_is_refused(deny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    deny.chmod(0o646)
    if os.geteuid() == 0:
        with pytest.raises(PermissionError, match="written by others"):
            read_table(str(deny))
    deny.chmod(0o644)
    monkeypatch.setattr(policy_files, "MAX_TABLE", 3)
    with pytest.raises(OSError, match="longer than 3 bytes"):
        read_table(str(deny))
    with pytest.raises(OSError, match="not a regular file"):
        read_table("/dev/zero")

"""docs/logging.md and the journal catalog say what the code does: each event, field, reason and cause, and no other."""

from __future__ import annotations

import ast
import re
import subprocess
from dataclasses import fields as dataclass_fields
from pathlib import Path
from typing import get_args

import pytest

from superd.log.event import Kind
from superd.log.fields import exit_fields, fail_fields, session_fields
from superd.log.log import REFUSALS, REFUSALS_OF_ALL
from superd.log.repeats import WINDOW
from superd.peer import Peer, unix_peer
from superd.record import Ending
from superd.settings import LogSettings
from superd.syslog_priority import Level
from superd.through import Through
from superd.verdict import Reason, Verdict
from tests.log.events import record
from tests.needs import needs

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "logging.md").read_text()
CATALOG = ROOT / "packaging" / "superd.catalog"


def table(heading: str) -> list[list[str]]:
    """The rows of the first table after a heading, without its head."""
    section = PAGE.split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]
    rows = [re.split(r" ?\| ?", line)[1:-1] for line in section.splitlines() if line.startswith("|")]
    return rows[2:]


def words(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def test_every_event_has_its_row_with_its_message_id() -> None:
    assert [(words(row[0])[0], words(row[1])[0]) for row in table("Events")] == [(kind.word, kind.message_id) for kind in Kind]


def test_every_level_that_superd_logs_at_has_its_row() -> None:
    calls = (node for path in (ROOT / "superd").rglob("*.py") for node in ast.walk(ast.parse(path.read_text())))
    found = {
        node.args[0].value
        for node in calls
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "message"
        and node.args
        and isinstance(node.args[0], ast.Constant)
    }
    levels = [level.word for level in Level if level.word in found]
    assert [words(row[0])[0] for row in table("Levels")] == levels


def test_every_reason_has_its_row_with_xinetds_word() -> None:
    admitted = (Reason.NO_RULE, Reason.RULE_ALLOW)
    rows = [(words(row[0])[0], words(row[1])[0]) for row in table("Reasons")]
    refusing = [reason for reason in Reason if reason not in admitted]
    expected = [(reason.value, "NOID" if reason is Reason.IDENT else reason.xinetd_word) for reason in refusing]
    assert [(word, xinetd.removesuffix(" line")) for word, xinetd in rows] == expected


def test_every_cause_has_its_row() -> None:
    assert [words(row[0])[0] for row in table("What ended a session")] == [ending.value for ending in Ending]


def test_every_field_has_its_row() -> None:
    full, unix = record(through=Through(unix_peer(0))), record()
    names = [field.name for field in dataclass_fields(Peer)]
    full.peer = full.peer and type(full.peer)(**{name: getattr(full.peer, name) for name in names} | {"user": "x"})
    full.tls = (("SSL_PROTOCOL", "TLSv1.3"), ("SSL_TLS_SNI", "x"), ("SSL_CLIENT_S_DN", "CN=y"))
    unix.peer, unix.status = unix_peer(3), 9
    verdict = Verdict(False, Reason.INSTANCES, limit=1, now=1)
    made = {*exit_fields(full), *exit_fields(unix), *session_fields(unix), *fail_fields(full, verdict)}
    made |= {*fail_fields(full, Verdict(False, Reason.ADDRESS, detail="in no_access"))}
    by_log = {"of", "count", "seconds", "file", "line", "hint", "message", "time", "level", "event", "service", "session"}
    assert {name for row in table("Fields") for name in words(row[0])} == made | by_log


def test_every_target_has_its_row_and_the_numbers_are_the_codes() -> None:
    [targets] = get_args(LogSettings.model_fields["targets"].annotation)[:1]
    assert {words(row[0])[0] for row in table("Where it goes")} == set(get_args(targets))
    assert f"the first {REFUSALS} refusals for one reason within {WINDOW:g} seconds" in PAGE
    assert f"of all sources together {REFUSALS_OF_ALL} for one reason" in PAGE


def test_the_catalog_has_an_entry_for_each_event(tmp_path: Path) -> None:
    assert re.findall(r"^-- ([0-9a-f]{32})$", CATALOG.read_text(), re.MULTILINE) == [kind.message_id for kind in Kind]


@pytest.mark.parametrize("kind", [Kind.FAIL])
def test_journalctl_reads_the_catalog(tmp_path: Path, kind: Kind) -> None:
    program = needs("systemd", "journalctl")
    folder = tmp_path / "usr/lib/systemd/catalog"
    folder.mkdir(parents=True)
    (folder / "superd.catalog").write_bytes(CATALOG.read_bytes())
    subprocess.run([program, f"--root={tmp_path}", "--update-catalog"], check=True, capture_output=True)
    command = [program, f"--root={tmp_path}", "--dump-catalog", kind.message_id]
    shown = subprocess.run(command, check=True, capture_output=True, text=True)
    assert f"-- {kind.message_id}\nSubject: @SUPERD_SERVICE@ refused a client" in shown.stdout

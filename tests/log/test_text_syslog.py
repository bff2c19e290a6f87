"""Records as syslog(3) sends them."""

from __future__ import annotations

import os

from superd.log.clock import Clock
from superd.log.text_native import NativeText
from superd.log.text_syslog import MAX_RECORD, OldSyslog, old_record
from superd.syslog_priority import Level
from tests.log.events import WHEN, message

CLOCK = Clock()
CLOCK.set(WHEN)
NATIVE = NativeText(CLOCK)


def test_a_record_has_priority_time_tag_and_pid() -> None:
    [record] = OldSyslog(CLOCK, NATIVE, "superd", facility=3 << 3).records(message(level=Level.WARNING))
    assert record == f"<28>{CLOCK.syslog} superd[{os.getpid()}]: it works".encode()


def test_a_services_own_priority_counts_for_all_of_its_records() -> None:
    [record] = OldSyslog(CLOCK, NATIVE, "xinetd", fixed=19 << 3 | 5).records(message(level=Level.CRIT))
    assert record.startswith(b"<157>")


def test_a_record_is_cut_at_its_limit() -> None:
    assert len(old_record(CLOCK, 30, "superd", "é" * 4000)) == MAX_RECORD

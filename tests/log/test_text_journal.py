"""Entries of journald's native protocol, read back by a parser of the format."""

from __future__ import annotations

import os
import struct

from hypothesis import given
from hypothesis import strategies as st

from superd.log.clock import Clock
from superd.log.event import Event, Kind
from superd.log.text_journal import JournalText
from superd.log.text_native import NativeText
from superd.syslog_priority import Level
from tests.log.events import WHEN, ended, one_of_each

TEXT = JournalText(NativeText(Clock()), "superd", 3 << 3)


def parse(entry: bytes) -> dict[str, str]:
    """The fields of an entry, as journald reads them."""
    fields: dict[str, str] = {}
    while entry:
        line, _, entry = entry.partition(b"\n")
        key, equals, value = line.partition(b"=")
        if not equals:
            (length,) = struct.unpack("<Q", entry[:8])
            value, entry = entry[8 : 8 + length], entry[9 + length :]
        assert key.decode() not in fields
        fields[key.decode()] = value.decode()
    return fields


def test_an_exit_has_fields_of_its_own() -> None:
    [entry] = TEXT.records(ended())
    fields = parse(entry)
    assert fields["MESSAGE"].startswith("EXIT tftp 9f3-2a from=198.51.100.7:2071 ")
    assert fields["MESSAGE_ID"] == Kind.EXIT.message_id
    assert (fields["PRIORITY"], fields["SYSLOG_FACILITY"], fields["SYSLOG_IDENTIFIER"]) == ("6", "3", "superd")
    assert fields["SYSLOG_PID"] == str(os.getpid())
    wanted = {"EVENT": "exit", "SERVICE": "tftp", "SESSION": "9f3-2a", "PEER": "198.51.100.7", "PID": "8121", "MEMORY": "2097152"}
    assert {key: fields[f"SUPERD_{key}"] for key in wanted} == wanted


def test_every_kind_has_its_message_id() -> None:
    for event in one_of_each():
        [entry] = TEXT.records(event)
        assert parse(entry)["MESSAGE_ID"] == event.kind.message_id


@given(st.text())
def test_a_value_with_any_text_is_read_back(text: str) -> None:
    event = Event(Kind.MESSAGE, Level.INFO, WHEN, text="t", fields={"detail": text})
    [entry] = TEXT.records(event)
    assert parse(entry)["SUPERD_DETAIL"] == text.encode("utf-8", "replace").decode()

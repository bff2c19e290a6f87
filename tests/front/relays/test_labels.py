"""A label comes back as what it was written of, and other bytes are not a label."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from superd.front.relays.labels import label_of, read_label
from superd.ipc import relay_messages as messages
from superd.peer import Peer, unix_peer
from superd.record import SessionRecord
from superd.service import Service
from tests.front.fakes import peer

MODES = sorted(messages.DESCRIPTORS)


def record(name: str, client: Peer | None) -> SessionRecord:
    return SessionRecord(1, Service.model_validate({"name": name, "server": "/bin/cat"}), client, 0.0)


@given(st.text(min_size=1, max_size=30), st.ip_addresses().map(str), st.integers(0, 65535), st.sampled_from(MODES))
def test_a_label_survives_the_way(name: str, address: str, port: int, mode: int) -> None:
    client = peer(address, port)
    found = read_label(label_of(record(name, client), mode))
    assert found is not None
    assert (found[0], found[1].address, found[1].port, found[2]) == (name, client.address, port, mode)


@pytest.mark.parametrize("client", [None, unix_peer()])
def test_a_session_without_an_address_has_none_later(client: Peer | None) -> None:
    found = read_label(label_of(record("s", client), messages.RELAY))
    assert found == ("s", unix_peer(), messages.RELAY)


@given(st.binary(max_size=200))
def test_other_bytes_are_neither_a_label_nor_an_exception(data: bytes) -> None:
    assert read_label(data) is None


@pytest.mark.parametrize(
    "text",
    ['["s","192.0.2.1",70000,1]', '["s","192.0.2.1",-1,1]', '["s","nowhere",1,1]', '["s","192.0.2.1",1,99]', '["s","",0]',
     '[5,"192.0.2.1",1,1]', "[" * 50_000],
    ids=lambda text: text[:20],
)  # fmt: skip
def test_a_label_with_a_wrong_field_is_none(text: str) -> None:
    assert read_label(text.encode()) is None

"""What a process that is not trusted may send is one bounded JSON object."""

from __future__ import annotations

import pytest

from superd.errors import ControlError
from superd.ipc.closed_message import message_of


def test_an_object_is_returned_up_to_its_bound() -> None:
    data = b'{"word":"ready","number":1}'
    assert message_of(data, len(data)) == {"word": "ready", "number": 1}
    with pytest.raises(ControlError, match="too long"):
        message_of(data, len(data) - 1)


@pytest.mark.parametrize("data", [b"", b"\xff\x00{", b"{", b"[" * 40_000, b"NaN}", b'{"a":1}{"b":2}'])
def test_what_is_not_json_is_refused_without_another_exception(data: bytes) -> None:
    with pytest.raises(ControlError, match="message is not JSON"):
        message_of(data, 1 << 20)


@pytest.mark.parametrize("data", [b"1", b'"word"', b"[]", b"null", b"NaN"])
def test_what_is_not_an_object_is_refused(data: bytes) -> None:
    with pytest.raises(ControlError, match="message is not an object"):
        message_of(data, 100)

"""Records between front and relay: what is encoded is what is parsed, and everything else is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from superd.errors import ControlError
from superd.ipc import relay_messages as messages

numbers = st.integers(0, messages.MAX_NUMBER)
seconds = st.floats(0, messages.MAX_SECONDS)
labels = st.binary(max_size=messages.MAX_LABEL)
counts = st.integers(0, (1 << 62) - 1)
requests = st.one_of(
    st.builds(messages.Carry, numbers, st.sampled_from(sorted(messages.DESCRIPTORS)), seconds, seconds, labels),
    st.builds(messages.End, numbers),
    st.builds(messages.List, numbers),
    st.builds(messages.Ping, numbers),
)
reports = st.one_of(
    st.builds(
        messages.Over, numbers, counts, counts, seconds, st.sampled_from(sorted(messages.REASONS)), st.integers(0, 0xFFFF), labels
    ),
    st.builds(messages.Living, numbers, seconds, labels),
    st.builds(messages.Listed, numbers),
    st.builds(messages.Alive, numbers),
)


def fields(value: object) -> tuple[object, ...]:
    return (type(value), *(getattr(value, name) for name in type(value).__slots__))  # type: ignore[attr-defined]


@given(st.lists(requests, max_size=120), st.lists(reports, max_size=120))
def test_records_come_out_as_they_went_in_in_messages_of_a_bounded_size(
    asked: list[messages.Request], told: list[messages.Report]
) -> None:
    found = []
    for message, count in messages.batches(map(messages.encode_request, asked)):
        assert len(message) <= messages.MAX_MESSAGE
        parsed = messages.parse_requests(message)
        assert len(parsed) == count <= messages.MAX_RECORDS
        found += parsed
    assert list(map(fields, found)) == list(map(fields, asked))
    back: list[messages.Report] = []
    for message, _ in messages.batches(map(messages.encode_report, told)):
        back += messages.parse_reports(message)
    assert list(map(fields, back)) == list(map(fields, told))


@given(st.binary(max_size=200))
def test_bytes_are_a_message_or_refused(data: bytes) -> None:
    for parse in (messages.parse_requests, messages.parse_reports):
        try:
            parse(data)
        except ControlError:
            continue


ENDED = messages.encode_report(messages.Over(1, 2, 3, 4.0, messages.CLIENT))


@pytest.mark.parametrize(
    "data",
    [
        b"x",
        b"X" + ENDED[1:],
        ENDED + b"x",
        ENDED * (messages.MAX_RECORDS + 1),
        messages.encode_report(messages.Over(1, 1 << 62, 0, 0.0, 0)),
        messages.encode_report(messages.Over(1, 0, 1 << 63, 0.0, 0)),
        messages.encode_report(messages.Over(1, 0, 0, float("nan"), 0)),
        messages.encode_report(messages.Over(1, 0, 0, 0.0, 99)),
        messages.encode_report(messages.Over(1 << 63, 0, 0, 0.0, 0)),
        messages.encode_report(messages.Over(1, 0, 0, 0.0, 0, 0, b"x" * (messages.MAX_LABEL + 1))),
        bytes(messages.MAX_MESSAGE + 1),
    ],
)
def test_a_report_outside_the_table_is_refused(data: bytes) -> None:
    with pytest.raises(ControlError):
        messages.parse_reports(data)

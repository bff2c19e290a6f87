"""What front and launcher say to each other: everything comes back as it was sent, and nothing else comes through."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from superd.errors import ControlError
from superd.expansion import Values
from superd.ipc import launch_codec as messages

NUMBER = st.integers(0, 0x7FFFFFFF)
TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=100)
VALUES = st.builds(Values, **{letter: TEXT for letter in "aAcdhHnNprRsu"})
LAUNCHES = st.builds(
    messages.Launch, NUMBER, TEXT, TEXT, st.integers(0, 65535), TEXT, st.integers(0, 65535), TEXT, TEXT,
    st.sampled_from(["tcp", "udp", "unix", ""]), st.lists(st.text("0123456789abcdef", max_size=16), max_size=3).map(tuple),
    st.none() | VALUES, st.dictionaries(st.sampled_from(messages.FACTS), TEXT).map(lambda facts: tuple(facts.items())),
)  # fmt: skip
OTHERS = st.one_of(
    st.builds(messages.RunCommand, NUMBER, st.text("0123456789abcdef", max_size=16), VALUES, st.floats(0.5, 86400)),
    st.builds(messages.Signal, NUMBER, st.sampled_from([15, 9])),
    st.builds(messages.List, NUMBER),
)
FLOAT = st.floats(0, 1e6).map(lambda number: round(number, 6))
REPORTS = st.one_of(
    st.builds(messages.Started, NUMBER, NUMBER, NUMBER),
    st.builds(messages.Failed, NUMBER, st.integers(0, 133), TEXT),
    st.builds(messages.Exited, NUMBER, TEXT, NUMBER, st.integers(0, 0xFFFF), FLOAT, FLOAT, NUMBER, FLOAT),
    st.builds(messages.CommandDone, NUMBER, st.integers(-1, 255)),
    st.builds(messages.StderrPipe, TEXT, NUMBER, st.integers(0, messages.MAX_CONN)),
    st.builds(messages.Living, NUMBER, TEXT, NUMBER, TEXT, FLOAT),
    st.builds(messages.Kept, TEXT, NUMBER),
    st.builds(messages.Fresh),
    st.builds(messages.Listed, NUMBER),
)


@given(st.lists(LAUNCHES | OTHERS, min_size=1, max_size=8))
def test_requests_come_back_as_they_were_sent(requests: list[messages.Request]) -> None:
    records = [
        messages.encode_launch(request) if isinstance(request, messages.Launch) else messages.encode_request(request)
        for request in requests
    ]
    assert messages.parse_requests(messages.batch(records)) == requests


@given(st.lists(REPORTS, min_size=1, max_size=8))
def test_reports_come_back_as_they_were_sent(reports: list[messages.Report]) -> None:
    assert messages.parse_reports(messages.batch([messages.encode_report(report) for report in reports])) == reports


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.sampled_from(list("LHSQBFEDPANZK")),
    lambda inner: st.lists(inner, max_size=12),
    max_leaves=30,
)


@given(st.binary(max_size=200) | st.lists(JSON, max_size=4).map(lambda value: json.dumps(value).encode()))
def test_whatever_else_is_said_is_refused_and_never_half_taken(data: bytes) -> None:
    for parse in (messages.parse_requests, messages.parse_reports):
        try:
            found = parse(data)
        except ControlError:
            continue
        assert len(found) == len(json.loads(data))


@pytest.mark.parametrize(
    "record",
    [
        ["L", -1, "s", "1.2.3.4", 1, "", 0, "", "", "tcp", [], None],
        ["L", 1, "s", "1.2.3.4", 65536, "", 0, "", "", "tcp", [], None],
        ["L", 1, "s\0", "1.2.3.4", 1, "", 0, "", "", "tcp", [], None],
        ["L", 1, "s", "1.2.3.4", 1, "", 0, "", "", "tcp; rm", [], None],
        ["L", True, "s", "1.2.3.4", 1, "", 0, "", "", "tcp", [], None],
        ["L", 1, "s", "1.2.3.4", 1, "", 0, "n" * 256, "", "tcp", [], None],
        ["L", 1, "s", "1.2.3.4", 1, "", 0, "", "", "tcp", ["0" * 17], None],
        ["L", 1, "s", "1.2.3.4", 1, "", 0, "", "", "tcp", [], None, {"LD_PRELOAD": "x"}],
        ["L", 1, "s", "1.2.3.4", 1, "", 0, "", "", "tcp", [], None, {"PROXY_ADDR": "x" * 256}],
        ["L", 1, "s", "1.2.3.4", 1, "", 0, "", "", "tcp", [], None, {"PROXY_ADDR": 1}],
        ["L", 1, "s", "1.2.3.4", 1, "", 0, "", "", "tcp", [], None, {}, None],
        ["H", 1, "digest", None, 5], ["H", 1, "digest", ["x"] * 13, 0], ["S", 1, 11], ["S", 1, 15.0], ["Q", -1], ["X"], [],
    ],
)  # fmt: skip
def test_each_field_of_a_request_has_its_bounds(record: list[object]) -> None:
    with pytest.raises(ControlError):
        messages.parse_requests(json.dumps([record]).encode())


def test_a_name_that_is_too_long_is_cut_before_it_is_sent() -> None:
    launch = messages.Launch(1, "s", "1.2.3.4", 1, "", 0, "n" * 400 + "\0", "u\0", "tcp")
    [found] = messages.parse_requests(messages.batch([messages.encode_launch(launch)]))
    assert isinstance(found, messages.Launch)
    assert (found.name, found.user) == ("n" * 255, "u_")

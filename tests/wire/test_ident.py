"""RFC 1413, both sides of it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from superd.peer import UNKNOWN
from superd.wire.ident import MAX_REPLY, NO_USER, Identity, error_reply, parse_question, parse_reply, question, user_reply

PORTS = st.tuples(st.integers(1, 65535), st.integers(1, 65535))
USERS = st.from_regex(r"[!-~]{1,32}", fullmatch=True)


@given(PORTS)
def test_a_question_is_understood_as_it_was_meant(ports: tuple[int, int]) -> None:
    assert parse_question(question(*ports).rstrip(b"\n")) == ports


@given(PORTS, USERS)
def test_an_answer_names_who_was_named(ports: tuple[int, int], user: str) -> None:
    assert parse_reply(user_reply(ports, "UNIX", user), *ports) == Identity(user, f"UNIX : {user}")


@given(PORTS, st.text(max_size=600))
def test_an_answer_is_one_short_line_whatever_the_user_is_called(ports: tuple[int, int], user: str) -> None:
    reply = user_reply(ports, "UNIX", user)
    assert reply.count(b"\n") <= 1
    assert b"\n" not in reply[:-1]
    assert len(reply) <= MAX_REPLY


@given(st.binary(max_size=64))
def test_any_line_is_a_question_or_none(line: bytes) -> None:
    ports = parse_question(line)
    assert ports is None or min(ports) >= 0


@given(st.binary(max_size=600), PORTS)
def test_any_reply_is_a_user_or_unknown(reply: bytes, ports: tuple[int, int]) -> None:
    identity = parse_reply(reply, *ports)
    assert identity.user
    assert bool(identity.text) != bool(identity.failure)


@pytest.mark.parametrize("line", [b"", b"1", b"1,", b"a,b", b"1,2,3", b"-1,2", b"1,2:", b"1\xb2,3"])
def test_what_is_not_a_question_is_none(line: bytes) -> None:
    assert parse_question(line) is None


def test_an_error_names_no_user() -> None:
    assert error_reply((6193, 23), NO_USER) == b"6193 , 23 : ERROR : NO-USER\r\n"
    assert parse_reply(error_reply((6193, 23), NO_USER), 6193, 23) == Identity(failure="bad response")


def test_a_user_is_kept_byte_for_byte_as_far_as_libwrap_keeps_one() -> None:
    reply = b"6193, 23 : USERID : UNIX : jos\xe9" + b"\xc3\xa9" * 70 + b"\r\n"
    user = parse_reply(reply, 6193, 23).user
    assert user.encode("utf-8", "surrogateescape") == b"jos\xe9" + b"\xc3\xa9" * 61 + b"\xc3"


def test_another_questions_answer_counts_for_nothing() -> None:
    assert parse_reply(user_reply((1, 2), "UNIX", "joe"), 1, 3).user == UNKNOWN

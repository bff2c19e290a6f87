"""NetBSD's key-value statements."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from superd.config.inetd.key_value import Statement, WrongStatement, read_statement

WHOLE = "ftp on socktype = stream, protocol = tcp, wait = no, user = root, exec = /bin/cat, args = ftpd -l;"


def test_a_statement_has_the_fields_of_a_line() -> None:
    wanted = Statement("ftp", "stream", "tcp", "nowait", "root", "/bin/cat", ("ftpd", "-l"))
    assert read_statement(WHOLE) == wanted
    assert read_statement(WHOLE.replace(" on ", " off ")).off


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("x on protocol = udp, user = root, exec = /x;", {"socktype": "dgram", "wait": "wait"}),
        ("x on protocol = tcp, user = root;", {"socktype": "stream", "wait": "nowait", "server": "internal"}),
        ("x on bind = 192.0.2.1, protocol = tcp, user = a;", {"service": "192.0.2.1:x"}),
        ("x on accept_max = 3, acceptfilter = data, protocol = tcp, user = a;", {"socktype": "stream,3:data"}),
        ("x on service_max = 7, ip_max = 2, group = g, protocol = tcp, user = a;", {"service_max": 7, "ip_max": 2, "group": "g"}),
        ("x on args = \"a b\" 'c\\n' d, protocol = tcp, user = a;", {"args": ("a b", "c\n", "d")}),
    ],
)
def test_what_is_left_out_has_its_default(text: str, keys: dict[str, object]) -> None:
    statement = read_statement(text)
    assert {key: getattr(statement, key) for key in keys} == keys


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x on user = root", "does not end with `;`"),
        ("x on user;", "has no value"),
        ("x on = 3;", "`=` without a key"),
        ("x on color = red;", "unknown key `color`"),
        ("x on user = a b;", "has 2 values"),
        ("x on ip_max = many;", "is not a number"),
        ("x on ipsec = in;", "is not supported"),
        ("x on user = root; more", "cannot read `more`"),
        ('x on user = "root;', "cannot read"),
    ],
)
def test_a_wrong_statement_says_what_is_wrong(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_statement(text)


def test_all_that_is_wrong_with_a_statement_is_said_at_once() -> None:
    with pytest.raises(WrongStatement) as caught:
        read_statement("x on usr = root, user = a b, color, ip_max = many, service_max = few")
    assert caught.value.messages == (
        "unknown key `usr`: did you mean `user`?",
        "unknown key `color`",
        "`x on` does not end with `;`",
        "`user` has 2 values",
        "`service_max = few` is not a number",
        "`ip_max = many` is not a number",
    )


@given(st.text("ab=,;\"'\\ \n", max_size=40))
def test_any_text_is_a_statement_or_a_message(text: str) -> None:
    message = ""
    try:
        statement = read_statement(f"x on {text}")
    except ValueError as bad:
        message = str(bad)
    else:
        assert statement.service == "x"
    assert message or text.rstrip().endswith(";")

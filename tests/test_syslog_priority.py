"""syslog's words and their numbers, held against the C library's own."""

from __future__ import annotations

import syslog

import pytest

from superd.syslog_priority import FACILITIES, LEVELS, facility_number, level_number, priority


@pytest.mark.parametrize("word", FACILITIES)
def test_a_facility_has_the_number_of_syslog_h(word: str) -> None:
    number = getattr(syslog, f"LOG_{word.upper()}", None)
    assert facility_number(word) == (11 << 3 if word == "ftp" and number is None else number)


@pytest.mark.parametrize("word", LEVELS)
def test_a_level_has_the_number_of_syslog_h(word: str) -> None:
    assert level_number(word) == getattr(syslog, f"LOG_{word.upper()}")


def test_what_is_not_said_is_taken_from_the_defaults() -> None:
    assert priority("emerg", "authpriv", "info") == syslog.LOG_AUTHPRIV | syslog.LOG_EMERG
    assert priority("mail.warn", "authpriv", "info") == syslog.LOG_MAIL | syslog.LOG_WARNING
    assert priority("", "daemon", "notice") == syslog.LOG_DAEMON | syslog.LOG_NOTICE
    assert priority("SECURITY.Panic", "daemon", "notice") == syslog.LOG_AUTH | syslog.LOG_EMERG


def test_a_word_that_syslog_does_not_have_is_an_error() -> None:
    for word in ("nonsense", "local8", "", "daemon.nonsense", "nonsense.info"):
        with pytest.raises(KeyError):
            facility_number(word.rpartition(".")[0] or word)
            level_number(word)

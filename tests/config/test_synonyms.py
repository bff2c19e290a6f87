"""Other daemons' words for superd's keys."""

from __future__ import annotations

import pytest

from superd.config.synonyms import meant
from superd.config.xinetd.attributes import COUNTS
from superd.service import Service
from superd.settings import Settings

KEYS = tuple(Service.model_fields)


@pytest.mark.parametrize(
    ("word", "key"),
    [
        ("allow", "only_from"), ("deny", "no_access"), ("command", "server"), ("ExecStart", "server"), ("args", "server_args"),
        ("max_connections", "instances"), ("MaxConnectionsPerSource", "per_source"), ("bind", "listen"), ("Environment", "env"),
        ("rate_limit", "cps"), ("run-as", "user"), ("sever", "server"), ("Port", "port"),
    ],
)  # fmt: skip
def test_likeness_of_meaning_comes_first(word: str, key: str) -> None:
    assert meant(word, KEYS) == f"did you mean `{key}`?"


def test_what_is_in_a_table_is_said_with_its_table() -> None:
    assert meant("timeout", KEYS) == "write `idle` in [limits]"
    assert meant("log_format", tuple(Settings.model_fields)) == "write `format` in [log]"


@pytest.mark.parametrize(
    ("word", "value", "line"),
    [
        ("enable", "yes", "disable = no"), ("enabled", "no", "disable = yes"), ("enabled", True, "disable = false"),
        ("active", False, "disable = true"),
    ],
)  # fmt: skip
def test_a_word_that_says_the_opposite_is_turned_with_its_value(word: str, value: object, line: str) -> None:
    assert meant(word, KEYS, value) == f"write `{line}`"


@pytest.mark.parametrize(
    ("word", "hint"),
    [
        ("metrics", "`[metrics]` is a table of superd.toml"),
        ("id", "the file's name is the service's id: rename the file"),
    ],
)
def test_what_stands_elsewhere_is_said_with_its_place(word: str, hint: str) -> None:
    assert meant(word, KEYS) == hint
    assert meant(word, COUNTS) != hint


def test_tls_in_another_daemons_file_is_said_to_be_one_of_superds_own() -> None:
    assert "a file of superd's own has it" in meant("ssl", COUNTS)


def test_xinetds_own_names_are_given_where_superds_are_unknown() -> None:
    assert meant("address", COUNTS) == "did you mean `bind`?"
    assert "idle" not in meant("timeout", COUNTS)


def test_a_key_itself_is_never_taken_for_another_one() -> None:
    for key in (*Service.model_fields, *Settings.model_fields):
        known = tuple(Service.model_fields if key in Service.model_fields else Settings.model_fields)
        assert meant(key, known) in ("", f"did you mean `{key}`?", f"write `{key}`"), key

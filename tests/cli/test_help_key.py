"""`superd help KEY` says what the model says, and which key was meant."""

from __future__ import annotations

import pytest

from superd.cli.help_key import help_key, list_keys
from superd.cli.key_facts import all_keys


def test_a_key_is_shown_with_meaning_type_default_and_example(capsys: pytest.CaptureFixture[str]) -> None:
    assert help_key("backlog") == 0
    out = capsys.readouterr().out
    assert out.splitlines()[0] == "backlog  (a service file, or [defaults] of superd.toml)"
    assert "Length of the kernel's accept queue." in out
    assert "  default 4096\n" in out
    assert "  example backlog = 512\n" in out


def test_a_key_that_two_files_have_is_shown_for_each(capsys: pytest.CaptureFixture[str]) -> None:
    assert help_key("user") == 0
    out = capsys.readouterr().out
    assert "user  (a service file" in out
    assert "user  (superd.toml)" in out
    assert "A change needs a restart." in out


def test_the_list_cuts_no_meaning(capsys: pytest.CaptureFixture[str]) -> None:
    assert list_keys() == 0
    out = capsys.readouterr().out
    assert max(map(len, out.splitlines())) <= 80
    words = " ".join(out.split())
    assert [key.path for key in all_keys() if " ".join(key.sentence.split()) not in words] == []


def test_a_list_that_adds_and_the_table_of_defaults_are_explained(capsys: pytest.CaptureFixture[str]) -> None:
    assert help_key("only_from_add") == 0
    assert capsys.readouterr().out.startswith("only_from_add  adds to the list of `only_from`")
    assert help_key("instances_add") == 64
    assert help_key("defaults") == 0
    assert "Table of values for all services" in capsys.readouterr().out


def test_a_table_names_its_keys(capsys: pytest.CaptureFixture[str]) -> None:
    assert help_key("[limits]") == 0
    assert "  limits.idle " in capsys.readouterr().out


@pytest.mark.parametrize("word", ["limits.idle", "IDLE", " idle "])
def test_a_key_of_a_table_is_found_with_and_without_it(word: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert help_key(word) == 0
    assert 'example [limits] idle = "5m"' in capsys.readouterr().out


def test_kinds_that_the_key_has_no_effect_for_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    help_key("umask")
    assert "It has no effect for: redirect." in capsys.readouterr().out


def test_no_line_is_longer_than_80_columns(capsys: pytest.CaptureFixture[str]) -> None:
    for word in ("flags", "cps", "only_from", "limits", "policy", "type"):
        help_key(word)
    assert [line for line in capsys.readouterr().out.splitlines() if len(line) > 80] == []


def test_a_word_of_another_daemon_gets_the_key_that_is_meant(capsys: pytest.CaptureFixture[str]) -> None:
    assert help_key("max_connections") == 64
    assert capsys.readouterr().err == ("superd: error: no key is called `max_connections`\n  hint: did you mean `instances`?\n")


def test_a_word_with_escapes_does_not_reach_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    assert help_key("\x1b[31m" + "x" * 9999) == 64
    err = capsys.readouterr().err
    assert "\x1b" not in err
    assert len(err) < 300


def test_the_list_has_every_key_in_80_columns(capsys: pytest.CaptureFixture[str]) -> None:
    assert list_keys() == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if len(line) > 80] == []
    assert [line.split()[0] for line in lines if line.startswith("  ") and line[2] != " "] == [key.path for key in all_keys()]
    assert lines[0] == "A service"

"""The facts of keys say what the models say, in the words of a file."""

from __future__ import annotations

from superd.cli.key_facts import Key, all_keys


def key(path: str) -> Key:
    return next(key for key in all_keys() if key.path == path)


def test_a_key_has_the_type_unit_default_and_bounds_of_its_field() -> None:
    backlog = key("backlog")
    assert (backlog.type, backlog.unit, backlog.default) == ("whole number, 1 to 65535", "connections", "`4096`")


def test_a_duration_says_its_unit_by_its_type() -> None:
    assert (key("limits.idle").type, key("limits.idle").unit, key("limits.idle").default) == ("duration", "seconds", "unset")


def test_a_key_of_a_table_has_the_table_in_its_path() -> None:
    assert {"limits.idle", "policy.hosts_allow", "log.format"} <= {key.path for key in all_keys()}


def test_a_key_that_a_reload_cannot_change_says_so() -> None:
    users = [key for key in all_keys() if key.path == "user"]
    assert [(key.table.file.startswith("superd.toml"), key.restart) for key in users] == [(False, False), (True, True)]


def test_a_meaning_that_begins_with_a_value_keeps_its_letters() -> None:
    assert key("stop_sessions").sentence.startswith("keep: ")
    assert key("per_source").sentence.startswith("Programs ")

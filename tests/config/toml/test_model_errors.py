"""What is wrong with a key is said in an admin's words, with the key, its value and its line."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from superd.config.toml.model_errors import shown, without_truths
from superd.config.toml.service_file import make_service, parse_toml
from superd.config.toml.settings_file import parse_settings
from superd.problem import Origin
from superd.service import Service

ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


def told(line: str) -> list[str]:
    """What is said of one line in a service file that is right otherwise."""
    keys, places, problems = parse_toml(f'server = "/bin/cat"\nlisten = ["127.0.0.1:7000"]\n{line}\n'.encode(), "a.toml")
    assert problems == ()
    _, problems = make_service("a", keys, places, Origin("a.toml"))
    return [str(problem).removeprefix("a.toml:3: error: ") for problem in problems]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("nice = 99", "`nice`: `99` is more than 19"),
        ("backlog = 0", "`backlog`: `0` is less than 1"),
        ("cps = [-1, 10]", "`cps`: `-1` is not more than 0"),
        ('max_load = "much"', "`max_load`: `much` is not a number"),
        ("instances = 1.5", "`instances`: `1.5` is not a whole number"),
        ("disable = 3", "`disable`: `3` is not true or false\n  hint: write true or false"),
        ('wait = "yes"', "`wait`: `yes` is not true or false\n  hint: write `wait = true`"),
        ("v6only = 0", "`v6only`: `0` is not true or false\n  hint: write `v6only = false`"),
        ("groups = 3", "`groups`: `3` is not true or false or a list"),
        ("port = true", "`port`: `true` is not a value of this key"),
        ("limits.v4_prefix = false", "`limits.v4_prefix`: `false` is not a value of this key"),
        ("only_from = [1, 2]", "`only_from`: `1` is not a text in quotes"),
        ("type = true", "`type`: `true` is not a value of this key"),
        ("type = 1979-05-27", "`type`: `1979-05-27` is not a list"),
        ("limits = 3", "`limits`: `3` is not a table"),
        ('limits.idle = "soon"', "`limits.idle`: `soon` is not a duration like 90, 30s, 5m, 1h30m, 2d"),
        ('deny_time = "x"', "`deny_time`: `x` is not `FOREVER` or `NEVER` or a whole number"),
        ('stderr = "file"', "`stderr`: `file` is not `log` or `socket`\n  hint: did you mean `log`?"),
        ('socket_type = "x"', "`socket_type`: `x` is not `stream`, `dgram`, `seqpacket` or `raw`"),
        ('umask = "9"', "`umask`: `9` is not an octal mode like 022"),
        ('"limits"."idel" = 3', "unknown key `idel`\n  hint: did you mean `idle`?"),
        (
            '"limits"."instances" = 3',
            "unknown key `instances`\n  hint: write it above [limits]: what stands below is a key of that table",
        ),
        ("limits.service.pidz = 3", "unknown key `pidz`\n  hint: did you mean `pids`?"),
        ("limits.penalties.refuse = 3", "unknown key `refuse`\n  hint: did you mean `refused`?"),
        ('"limits"."instnaces" = 3', "unknown key `instnaces`\n  hint: did you mean `instances`? Write it above [limits]"),
        ('env = {"A=B" = "1"}', "`env`: `A=B` cannot be the name of a variable"),
    ],
)
def test_a_wrong_value_is_said_in_the_words_of_the_file(line: str, expected: str) -> None:
    [found] = told(line)
    assert found.partition("\n  hint: for example ")[0] == expected


@pytest.mark.parametrize(
    ("line", "example"),
    [
        ("nice = 99", "nice = 10"),
        ("port = true", "port = 873"),
        ("limits.v4_prefix = false", "v4_prefix = 24"),
        ("limits.session = -1", 'session = "1h"'),
        ('limits.source = [{ v4 = "x" }]', "v4 = 24"),
    ],
)
def test_a_value_that_cannot_be_guessed_has_an_example_of_its_key(line: str, example: str) -> None:
    assert any(found.endswith(f"\n  hint: for example `{example}`") for found in told(line)), told(line)


@pytest.mark.parametrize("key", sorted(Service.model_fields.keys() - {"name", "listen", "server"}))
def test_each_key_says_what_to_type_for_a_value_of_the_wrong_kind(key: str) -> None:
    found = told(f"{key} = 1979-05-27")
    assert all("\n  hint: " in one or " like " in one for one in found), found
    assert found


def test_a_pair_comes_with_what_its_two_numbers_are() -> None:
    for value in ("[]", "[1, 2, 3]", "7"):
        (message,) = told(f"cps = {value}")
        assert message.startswith(f"`cps`: `{value}` is not a list")
        assert "connections a second, seconds of pause" in message


def test_every_wrong_key_of_a_table_is_said_with_its_own_line() -> None:
    data = b'policy.hook_timeout = "x"\nlog.queue = true\n[policy]\n'
    _, _, _, problems = parse_settings(data.replace(b"[policy]\n", b"log.format = 1\n"), "superd.toml")
    assert [(problem.origin.line, problem.message.partition(":")[0]) for problem in problems] == [
        (2, "`log.queue`"),
        (1, "`policy.hook_timeout`"),
        (3, "`log.format`"),
    ]


def test_an_unknown_default_is_said_once_and_reaches_no_service() -> None:
    _, defaults, _, problems = parse_settings(b"[defaults]\nnise = 1\nnice = 2\n", "superd.toml")
    assert [str(problem) for problem in problems] == [
        "superd.toml:2: error: unknown key `nise` in [defaults]\n  hint: did you mean `nice`?"
    ]
    assert defaults == {"nice": 2}


@given(st.dictionaries(st.sampled_from(sorted(Service.model_fields)), ANY, max_size=4))
def test_whatever_the_values_are_not_one_finding_is_left_in_a_librarys_words(keys: dict[str, Any]) -> None:
    keys.pop("name", None)
    _, problems = make_service("a", keys, {}, Origin("a.toml"))
    for problem in problems:
        assert "nput should" not in problem.message
        assert "equired" not in problem.message


@given(st.dictionaries(st.sampled_from(["port", "disable", "limits", "nice"]), ANY, max_size=4))
def test_only_truths_are_taken_out_and_each_is_reported(keys: dict[str, Any]) -> None:
    left, found = without_truths(keys, {}, Origin("a.toml"), Service)
    gone = {key for key in keys if key not in left}
    truths = {key for key, value in keys.items() if isinstance(value, bool) and key != "disable"}
    words = {"disable"} if isinstance(keys.get("disable", True), (str, int, float)) and "disable" in keys else set()
    assert gone == truths | (words if not isinstance(keys.get("disable"), bool) else set())
    assert len(found) >= len(gone)


def test_a_long_value_is_shown_by_its_beginning() -> None:
    assert shown("x" * 5000) == f"`{'x' * 80}…`"
    assert shown(True) == "`true`"
    (message,) = told(f'umask = "{"x" * 5000}"')
    assert len(message) < 400


def test_each_table_of_a_list_has_its_own_line_and_hint() -> None:
    one, two, three = "v4 = 24\nsessions = 5\n", "sessionz = 5\nrate = 1\n", "nice = 3\nrate = [1, 2]"
    limits = "".join(f"[[limits.source]]\n{table}" for table in (one, two, three))
    assert [line.removeprefix("a.toml:") for line in told(limits)] == [
        "8: error: `limits.source[1].rate`: `1` is not a list\n"
        "  hint: [connections a second, burst] that one such network may make",
        "7: error: unknown key `sessionz`\n  hint: did you mean `sessions`?",
        "10: error: unknown key `nice`\n  hint: write it above [[limits.source]]: what stands below is a key of that table",
    ]

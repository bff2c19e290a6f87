"""One text where a list is meant, and the line as it should be."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest

from superd.config.toml.lists import check_lists
from superd.problem import Origin, Severity

WHOLE = Origin("a.toml", 1)


@pytest.mark.parametrize(
    ("line", "hint", "severity"),
    [
        ('server_args = "-n 3 /etc/motd"', 'server_args = ["-n", "3", "/etc/motd"]', "warning"),
        ("server_args = \"-c 'a b'\"", 'server_args = ["-c", "a b"]', "warning"),
        ('server_args_add = "-n 3"', 'server_args_add = ["-n", "3"]', "warning"),
        ('only_from = "192.0.2.1 192.0.2.2"', 'only_from = ["192.0.2.1", "192.0.2.2"]', "error"),
        ('only_from = "192.0.2.1,192.0.2.2"', 'only_from = ["192.0.2.1", "192.0.2.2"]', "error"),
        ('no_access = "192.0.2.1, 192.0.2.2"', 'no_access = ["192.0.2.1", "192.0.2.2"]', "error"),
        ('flags = "NODELAY KEEPALIVE"', 'flags = ["NODELAY", "KEEPALIVE"]', "error"),
        ('type = "INTERNAL UNLISTED"', 'type = ["INTERNAL", "UNLISTED"]', "error"),
        ('log_on_success = "HOST PID"', 'log_on_success = ["HOST", "PID"]', "error"),
        ('listen = "127.0.0.1:7 [::1]:7"', 'listen = ["127.0.0.1:7", "[::1]:7"]', "error"),
        ('passenv = "LANG TZ"', 'passenv = ["LANG", "TZ"]', "error"),
        ('cps = "25 30"', "cps = [25, 30]", "error"),
        ('env = "A=b C=d"', 'env = {A = "b", C = "d"}', "error"),
        ('env = ["A=b"]', 'env = {A = "b"}', "error"),
    ],
)
def test_a_list_written_as_a_text_is_said_with_the_list(line: str, hint: str, severity: str) -> None:
    left, (problem,) = check_lists(tomllib.loads(line), {}, WHOLE)
    assert problem.hint == f"write `{hint}`"
    assert problem.severity is Severity(severity)
    assert bool(left) is (severity == "warning")
    assert check_lists(tomllib.loads(hint), {}, WHOLE)[1] == []


@pytest.mark.parametrize(
    "keys",
    [
        {"server_args": "/etc/motd"},
        {"server_args": ["-n 3", "x"]},
        {"access_times": "Mon-Fri 08:00-18:00"},
        {"only_from": "192.0.2.1"},
        {"log_type": "SYSLOG daemon info"},
        {"env": {"A": "b c"}},
        {"server": "/bin/cat x"},
        {"cps": 3},
    ],
)
def test_what_may_be_one_text_is_left_alone(keys: dict[str, Any]) -> None:
    assert check_lists(keys, {}, WHOLE) == (keys, [])

"""Which services are served at once, and which refusals need no word."""

from __future__ import annotations

from typing import Any

import pytest

from tests.front.fakes import service


@pytest.mark.parametrize(
    ("keys", "fast", "inside"),
    [
        ({}, True, ""),
        ({"type": ["INTERNAL"], "service": "echo"}, False, "echo"),
        ({"type": ["INTERNAL"], "service": "auth"}, False, ""),
        ({"banner": "/etc/motd"}, False, ""),
        ({"banner_success": "/etc/motd"}, False, ""),
        ({"banners": "/etc/banners"}, False, ""),
        ({"limits": {"idle": 60}}, False, ""),
        ({"log_on_success": ["USERID"]}, False, ""),
        ({"redirect": "127.0.0.1:9"}, False, ""),
        ({"flags": ["SENSOR"], "deny_time": 5}, False, ""),
    ],
)
def test_a_service_is_served_at_once_unless_something_has_to_be_waited_for(keys: dict[str, Any], fast: bool, inside: str) -> None:
    one = service(**keys)
    assert (one.fast, one.inside) == (fast, inside)


@pytest.mark.parametrize(
    ("keys", "at_once"),
    [({}, True), ({"banner_fail": "/etc/motd"}, False), ({"log_on_failure": ["HOST", "USERID"]}, False)],
)
def test_a_refusal_is_at_once_unless_the_client_gets_a_word_or_is_asked_about(keys: dict[str, Any], at_once: bool) -> None:
    assert service(**keys).closes_at_once is at_once

"""[defaults] of superd.toml under the services of another daemon's file."""

from __future__ import annotations

from typing import Any

import pytest

from superd.config.live_defaults import with_defaults
from superd.config.xinetd.source import parse
from superd.problem import Origin, errors
from superd.service import Service
from tests.config.golden import MemoryFiles

WHOLE = Origin("xinetd.conf", 1)
ENTRY = b"service x\n{\ntype = UNLISTED\nport = 9001\n"
ENTRY += b"socket_type = stream\nwait = no\nuser = root\nserver = /bin/cat\numask = 027\n}\n"


def laid(defaults: dict[str, Any]) -> Service:
    foreign = parse("conf", MemoryFiles({"conf": ENTRY}))
    said = frozenset(key for _, key in foreign.origins)
    service, _, problems = with_defaults(foreign.services[0], said, defaults, {}, WHOLE)
    assert problems == ()
    return service


@pytest.mark.parametrize(
    ("defaults", "keys"),
    [
        ({"nice": 5}, {"nice": 5}),
        ({"only_from": ["192.0.2.7"]}, {"only_from": ("192.0.2.7",)}),
        ({"passenv": ["LANG"]}, {"passenv": ("LANG",)}),
        ({"log_style": "native"}, {"log_style": "native"}),
        ({"umask": "077"}, {"umask": 0o027}),
        ({"user": "nobody", "port": 1, "server": "/bin/false"}, {"user": "root", "port": 9001, "server": "/bin/cat"}),
        ({}, {"nice": 0}),
    ],
)
def test_what_the_file_leaves_open_is_superds_default(defaults: dict[str, Any], keys: dict[str, object]) -> None:
    service = laid(defaults)
    assert {key: getattr(service, key) for key in keys} == keys


def test_limits_are_laid_key_by_key() -> None:
    assert laid({"limits": {"idle": "10m"}}).limits.idle == 600
    own = Service.model_validate({"name": "x", "server": "/bin/cat", "port": 1, "limits": {"per_minute": [3, 60]}})
    service, _, _ = with_defaults(own, frozenset({"limits"}), {"limits": {"idle": 5, "per_minute": [9, 9]}}, {}, WHOLE)
    assert (service.limits.idle, service.limits.per_minute) == (5, (3, 60))


def test_a_wrong_default_is_an_error_at_its_own_place() -> None:
    foreign = parse("conf", MemoryFiles({"conf": ENTRY}))
    place = Origin("superd.toml", 3)
    service, given, problems = with_defaults(foreign.services[0], frozenset(), {"nice": 99}, {"nice": place}, WHOLE)
    assert [problem.origin for problem in errors(problems)] == [place]
    assert (service.nice, given) == (0, {})

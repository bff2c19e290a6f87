"""``log_type`` as a value: syslog or a file with rising sizes, and a reason for everything else."""

from __future__ import annotations

import pytest

from superd.log_target import FileTarget, SyslogTarget, parse_log_target
from superd.service import Service

KIB = 1 << 10


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("SYSLOG daemon", SyslogTarget("daemon")),
        ("syslog LOCAL7 Warning", SyslogTarget("local7", "warning")),
        ("FILE /var/log/a", FileTarget("/var/log/a", 0, 0, "FILE /var/log/a")),
        ("file /a 64K 1m", FileTarget("/a", 64 * KIB, KIB * KIB, "FILE /a 64K 1m")),
        ("FILE /a 100", FileTarget("/a", 100, 100 + 5 * KIB, "FILE /a 100")),
        ("FILE /a 1M", FileTarget("/a", KIB * KIB, KIB * KIB + KIB * KIB // 100, "FILE /a 1M")),
    ],
)
def test_a_target_is_parsed_once_with_its_limits(text: str, target: object) -> None:
    assert parse_log_target(text) == target


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("SYSLOG nowhere", "unknown syslog facility `nowhere`"),
        ("SYSLOG daemon loud", "unknown syslog level `loud`"),
        ("FILE /a 1M 64K", "the hard limit is below the soft limit"),
        ("FILE /a 1T", "`1T` is not a size like 4096, 64K or 1M"),
        ("FILE /a ٣", "is not a size"),
        ("FILE a", "write `SYSLOG facility [level]` or `FILE /path [soft [hard]]`"),
        ("FILE", "write `SYSLOG"),
        ("SYSLOG a b c", "write `SYSLOG"),
        (" ", "write `SYSLOG"),
    ],
)
def test_everything_else_has_a_reason(text: str, why: str) -> None:
    with pytest.raises(ValueError, match="`") as caught:
        parse_log_target(text)
    assert why in str(caught.value)
    assert str(caught.value).startswith(f"`{text}`: ")


def test_a_service_has_the_value_and_shows_the_text() -> None:
    service = Service.model_validate({"name": "a", "server": "/bin/cat", "log_type": "syslog AUTH"})
    assert service.log_type == SyslogTarget("auth")
    assert service.log_type.priority == 4 << 3 | 6
    assert service.model_dump(mode="json")["log_type"] == "SYSLOG auth"
    silent = Service.model_validate({"name": "a", "server": "/bin/cat", "log_type": ""})
    assert silent.log_type is None
    assert silent.model_dump(mode="json")["log_type"] == ""

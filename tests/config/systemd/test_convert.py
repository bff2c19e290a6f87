"""Values of systemd as superd's keys have them."""

from __future__ import annotations

import pytest

from superd.config.systemd.convert import SIMPLE, address, is_network, rlimit
from superd.config.systemd.unit import Unusual
from superd.service import Service


@pytest.mark.parametrize(
    ("word", "listen"),
    [("80", "*:80"), ("/run/x", "unix:/run/x"), ("@x", "unix:@x"), ("127.0.0.1:80", "127.0.0.1:80"), ("[::1]:80", "[::1]:80")],
)
def test_addresses(word: str, listen: str) -> None:
    assert address(word) == listen


def test_networks() -> None:
    words = ("10.0.0.1", "10.0.0.1/8", "fe80::/64", "localhost", "1.2.3", "")
    assert [is_network(word) for word in words] == [True, True, True, False, False, False]


def test_limits() -> None:
    assert [rlimit(word) for word in ("5", "5:9", "1G", "infinity")] == [5, 5, "1G", "UNLIMITED"]
    for word in ("", "-5", "abc", "1X"):
        with pytest.raises(Unusual):
            rlimit(word)


def test_every_key_exists_and_every_wrong_word_is_refused_or_kept() -> None:
    for _, setting, key, read in SIMPLE:
        assert key.partition(".")[0] in Service.model_fields, setting
        if setting in ("Backlog", "Nice", "RuntimeMaxSec", "TimeoutStopSec", "BindIPv6Only"):
            with pytest.raises(Unusual):
                read("no value")

"""Verdicts: each reason has a word of superd's, and one that xinetd's readers know."""

from __future__ import annotations

import pytest

from superd.config.hosts.tables import parse
from superd.verdict import Reason, Verdict

XINETD = {
    "libwrap", "address", "time", "load", "service_limit", "per_source_limit", "process_limit", "connections per second",
    "fork", "ident", "UNKNOWN", "no_rule", "rule_allow",
}  # fmt: skip
"""log.c's reasons, and the two that are not refusals."""


@pytest.mark.parametrize("reason", Reason)
def test_a_reason_is_one_of_xinetds_words(reason: Reason) -> None:
    assert reason.xinetd_word in XINETD


def test_why_is_the_word_the_place_and_the_detail() -> None:
    [rule] = parse(b"sh : ALL\n", "hosts.deny", "deny")[0]
    assert Verdict(False, Reason.RULE_DENY, rule).why() == "libwrap: hosts.deny:1"
    assert Verdict(False, Reason.LOAD, detail="load 3.00").why() == "load: load 3.00"

"""A call's parameters by name."""

from __future__ import annotations

from superd.panel.steps import Call, Refusal


def test_parameters_have_their_defaults() -> None:
    call = Call({"service": "git", "limit": 5, "now": True}, 0)
    assert (call.text("service"), call.text("source")) == ("git", "")
    assert (call.number("limit", 100), call.number("other", 100)) == (5, 100)
    assert (call.truth("now"), call.truth("keep")) == (True, False)


def test_a_refusal_has_a_name_and_parameters() -> None:
    refusal = Refusal("NotFound", text="x", nearest="y")
    assert (refusal.error, refusal.parameters, str(refusal)) == ("NotFound", {"text": "x", "nearest": "y"}, "NotFound")

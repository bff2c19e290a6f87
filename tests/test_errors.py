"""Errors say what failed in the system's own words."""

from __future__ import annotations

import errno
import os

from hypothesis import given
from hypothesis import strategies as st

from superd.errors import BindError, ConfigError, ControlError, PeerError, SuperdError
from superd.problem import Origin, error


@given(st.sampled_from(sorted(errno.errorcode)))
def test_an_address_that_cannot_be_opened_is_named_with_the_reason(number: int) -> None:
    problem = BindError("*:21/stream", number)
    assert str(problem) == f"cannot listen on `*:21/stream`: {os.strerror(number)}"
    assert problem.errno == number


def test_a_configuration_error_says_all_its_problems() -> None:
    problems = (error(Origin("a", 1), "x"), error(Origin("b", 2), "y", "z"))
    assert str(ConfigError(problems)) == "a:1: error: x\nb:2: error: y\n  hint: z"
    assert ConfigError(problems).line() == "a:1: error: x; b:2: error: y (z)"
    assert ConfigError(problems).problems == problems


def test_one_base_is_all_that_superd_raises_on_purpose() -> None:
    assert all(issubclass(kind, SuperdError) for kind in (ConfigError, BindError, PeerError, ControlError))

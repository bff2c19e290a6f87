"""Versions of an RPC service."""

from __future__ import annotations

import pytest

from superd.rpc_versions import parse_rpc_versions


@pytest.mark.parametrize(("text", "versions"), [("1", [1]), ("2-4", [2, 3, 4]), ("0", [0])])
def test_a_range_is_each_of_its_versions(text: str, versions: list[int]) -> None:
    found = parse_rpc_versions(text)
    assert list(found) == versions
    assert str(found) == text


@pytest.mark.parametrize("text", ["", "x", "3-2", "1-", "-1", "1-2-3", "1-200", "9999999999", "\u0661"])
def test_anything_else_is_refused_with_the_value(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not n or n-m"):
        parse_rpc_versions(text)

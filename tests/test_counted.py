"""Numbers with their nouns."""

from __future__ import annotations

import pytest

from superd.counted import counted


@pytest.mark.parametrize(("number", "text"), [(0, "0 services"), (1, "1 service"), (2, "2 services")])
def test_one_is_singular_and_all_else_is_plural(number: int, text: str) -> None:
    assert counted(number, "service") == text

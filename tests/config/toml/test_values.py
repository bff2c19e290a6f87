"""Values as TOML: whatever is written reads back."""

from __future__ import annotations

import tomllib

from hypothesis import given
from hypothesis import strategies as st

from superd.config.toml.values import as_toml

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
PLAIN = st.booleans() | st.integers(-(2**62), 2**62) | st.floats(allow_nan=False, allow_infinity=False) | TEXT
VALUES = st.recursive(
    PLAIN, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT.filter(bool), inner, max_size=3), max_leaves=6
)


@given(VALUES)
def test_a_value_reads_back_and_stands_on_one_line(value: object) -> None:
    text = as_toml(value)
    assert "\n" not in text
    assert tomllib.loads(f"key = {text}") == {"key": value}

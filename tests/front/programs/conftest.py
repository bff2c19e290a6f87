"""Whatever parts a test made are closed after it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.front.programs import parts


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    yield
    while parts.made:
        parts.made.pop().close()

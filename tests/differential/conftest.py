"""Fixtures of several comparisons."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.libwrap_process import Libwrap, installed
from tests.needs import needs


@pytest.fixture(scope="module")
def libwrap() -> Iterator[Libwrap]:
    """The installed libwrap, asked by a process of its own."""
    if not installed():
        needs("libwrap0", "/usr/lib/libwrap.so.0")
    process = Libwrap()
    yield process
    process.close()

"""prctl(2) as the kernel answers."""

from __future__ import annotations

import pytest

from superd.system import prctl


def test_the_kernels_answer_is_returned_and_its_refusal_raised() -> None:
    assert prctl.prctl(prctl.CAPBSET_READ, 0) in (0, 1)
    with pytest.raises(OSError, match=r"prctl\(23\)"):
        prctl.prctl(prctl.CAPBSET_READ, 63)

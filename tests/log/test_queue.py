"""Records wait in order, up to the bound; the others are counted."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from superd.log.queue import Queue


@given(st.integers(0, 20), st.integers(1, 20), st.integers(1, 7))
def test_what_fits_comes_out_in_order_and_the_rest_is_counted(number: int, limit: int, piece: int) -> None:
    queue = Queue(limit)
    for index in range(number):
        queue.put(b"%d\n" % index)
    assert queue.dropped == max(0, number - limit)
    out = b""
    while len(queue):
        first = queue.peek()
        taken = queue.take(piece)
        assert taken.startswith(first)
        out += taken
    assert out == b"".join(b"%d\n" % index for index in range(min(number, limit)))


def test_pop_and_clear_remove() -> None:
    queue = Queue(3)
    for record in (b"a", b"b", b"c"):
        queue.put(record)
    queue.pop()
    assert queue.peek() == b"b"
    queue.clear()
    assert len(queue) == 0

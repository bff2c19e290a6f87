"""The watch finds a process that sleeps in a call which another process can hold, and no other."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.block_watch import IN_A_ROW, BlockWatch

READS = "import os; os.write(1, b'.'); os.read(0, 1)"
POLLS = "import os, select; poll = select.poll(); poll.register(0, select.POLLIN); os.write(1, b'.'); poll.poll()"


@pytest.mark.parametrize(
    ("title", "code", "slept"),
    [("superd: front", READS, True), ("superd: front", POLLS, False), ("cat", READS, False)],
    ids=["read", "poll", "program"],
)
def test_only_a_process_of_superd_that_waits_for_no_work_is_found(title: str, code: str, *, slept: bool) -> None:
    child = subprocess.Popen(
        [title, "-I", "-S", "-c", code], executable=sys.executable, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with child:
        assert child.stdin is not None
        assert child.stdout is not None
        os.read(child.stdout.fileno(), 1)
        watch = BlockWatch(child.pid)
        watch.look(2 * IN_A_ROW)
        child.stdin.close()
        found = watch.end()
    assert ({place for name, place in found if name == title} != set()) is slept

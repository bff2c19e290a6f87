"""Memory and time of programs with what they started."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from superd.system.process_usage import usage_of


def test_descendants_are_counted_to_their_program() -> None:
    code = "import subprocess, sys; subprocess.run(['cat'])"
    with subprocess.Popen([sys.executable, "-c", f"{code}"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as program:
        assert program.stdin is not None
        assert program.stdout is not None
        program.stdin.write(b"x")
        program.stdin.flush()
        assert os.read(program.stdout.fileno(), 1) == b"x"  # cat runs
        whole = usage_of([program.pid])[program.pid][0]
        alone = int(Path(f"/proc/{program.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
        assert whole > alone
        program.stdin.close()


def test_what_does_not_run_is_left_out() -> None:
    assert usage_of([]) == {}
    assert usage_of([4_000_000]) == {}

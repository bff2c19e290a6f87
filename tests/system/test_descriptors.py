"""What a process was started with is closed, marked or kept; each in a process of its own."""

from __future__ import annotations

import resource
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def run(code: str, *prefix: str, fds: str = "exec 5</etc/passwd 7</etc/passwd 9</etc/passwd") -> str:
    shell = f'{fds}; exec "$@"'
    command = ["/bin/sh", "-c", shell, "sh", *prefix, sys.executable, "-c", code]
    return subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT, timeout=30).stdout.strip()


OPEN = "import os; print(sorted(fd for fd in range(3, 100) if os.path.exists(f'/proc/self/fd/{fd}')))"


def test_all_but_what_is_kept_is_closed() -> None:
    close = "from superd.system.descriptors import close_unknown; close_unknown(range({})); "
    assert run(close.format("0") + OPEN) == "[]"
    assert run(close.format("3, 6") + OPEN, fds="exec 3</etc/passwd 5</etc/passwd 9</etc/passwd") == "[3, 5]"


def test_programs_inherit_nothing_that_was_marked() -> None:
    code = "from superd.system.descriptors import close_on_exec; close_on_exec(); import os; "
    code += "os.execv('/bin/sh', ['sh', '-c', 'ls /proc/self/fd'])"
    assert run(code).split() == ["0", "1", "2", "3"]  # 3 is the listing's own


def test_the_soft_limit_is_raised_and_the_earlier_one_returned() -> None:
    code = "from superd.system.descriptors import raise_limit; import resource; "
    code += "resource.setrlimit(resource.RLIMIT_NOFILE, (100, 200)); print(raise_limit(), resource.getrlimit(7))"
    assert resource.RLIMIT_NOFILE == 7
    assert run(code) == "100 (200, 200)"

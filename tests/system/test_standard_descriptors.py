"""A process that is started without stdin, stdout or stderr gets /dev/null there."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = str(Path(__file__).parent.parent.parent)
CODE = (
    f"import os, sys; sys.path.insert(0, {ROOT!r}); from superd.system.standard_descriptors import open_missing; open_missing(); "
    "open(sys.argv[1], 'w').write(' '.join(os.readlink(f'/proc/self/fd/{fd}') for fd in range(3)))"
)


def test_only_what_is_closed_is_opened(tmp_path: Path) -> None:
    result = tmp_path / "result"
    subprocess.run(["sh", "-c", f'exec "$@" <&- 2>&- >{tmp_path}/out', "sh", sys.executable, "-c", CODE, str(result)], check=True)
    assert result.read_text() == f"/dev/null {tmp_path}/out /dev/null"

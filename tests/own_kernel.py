"""Runs tests under a kernel of their own (User Mode Linux), whose cgroup v2 has every controller, where this host's has not.

The kernel is an ordinary process; its root is this host's, read-only, with a /tmp, /run and /dev/shm of its own.
"""

from __future__ import annotations

import functools
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.needs import needs, needs_root

INSIDE = "SUPERD_OWN_KERNEL"
_SECONDS = 400
_MEMORY = "768M"
_INIT = """#!{python}
import ctypes, os, subprocess
os.environ["PATH"] = "/usr/sbin:/sbin:/usr/bin:/bin"
def mount(kind, where):
    subprocess.run(["/bin/mount", "-t", kind, kind, where], check=True)
try:
    mount("proc", "/proc"), mount("sysfs", "/sys"), mount("cgroup2", "/sys/fs/cgroup")
    os.makedirs("/dev/shm", exist_ok=True), os.makedirs("/dev/pts", exist_ok=True)
    mount("tmpfs", "/run"), mount("tmpfs", "/tmp"), mount("tmpfs", "/dev/shm"), mount("devpts", "/dev/pts")
    os.chmod("/tmp", 0o1777)
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    os.chdir({root!r})
    subprocess.run([{python!r}, "-m", "pytest", "-p", "no:cacheprovider", "-rA", "--tb=short", "--color=no",
        {file!r}], env={{"PATH": {path!r}, "HOME": "/tmp", "{inside}": "1", "PYTHONDONTWRITEBYTECODE": "1",
        "PYTEST_DEBUG_TEMPROOT": "/tmp"}})
finally:
    os.sync()
    ctypes.CDLL(None).reboot(0x4321FEDC)
"""


def groups_with(*controllers: str) -> Callable[[], bool]:
    """A question: may a test make groups of processes here, with limits of these kinds?"""

    @functools.cache
    def answer() -> bool:
        for line in Path("/proc/self/mountinfo").read_text().splitlines():
            fields, _, rest = line.partition(" - ")
            root, where, options = fields.split()[3:6]
            if rest.startswith("cgroup2 ") and root == "/" and "ro" not in options.split(","):
                found = Path(where, "cgroup.controllers").read_text().split()
                return os.geteuid() == 0 and not Path("/run/systemd/system").exists() and set(controllers) <= set(found)
        return False

    return answer


def under_own_kernel(here: Callable[[], bool]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """A test that runs as it is if ``here`` says so, and else under a kernel of its own."""

    def decorate(test: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(test)
        def run(*args: Any, **kwargs: Any) -> None:
            if INSIDE in os.environ or here():
                test(*args, **kwargs)
                return
            needs_root()
            file = sys.modules[test.__module__].__file__
            assert file is not None
            output = _output(file)
            outcome = re.search(rf"(?m)^(PASSED|FAILED|ERROR|SKIPPED)\b.*::{re.escape(test.__name__)}(?:$|[\[ ])", output)
            if outcome is None or outcome[1] != "PASSED":
                pytest.fail(f"under its own kernel:\n{output[-8000:]}", pytrace=False)

        return run

    return decorate


@functools.cache
def _output(file: str) -> str:
    """All that one run of the file's tests wrote."""
    kernel = needs("user-mode-linux", "linux.uml")
    root = Path(__file__).parent.parent
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:  # /tmp is another one inside
        init = Path(folder, "init")
        init.write_text(
            _INIT.format(python=sys.executable, root=str(root), file=file, path=os.environ.get("PATH", os.defpath), inside=INSIDE)
        )
        init.chmod(0o755)
        done = subprocess.run(
            [kernel, f"mem={_MEMORY}", "root=/dev/root", "rootfstype=hostfs", "rootflags=/", "ro", f"init={init}", "con=null",
             "con0=fd:0,fd:1", "quiet", f"umid=superd-{os.getpid()}", f"uml_dir={folder}/"],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=_SECONDS, check=False,
            env={"PATH": os.defpath, "HOME": folder, "TMPDIR": "/dev/shm"},
        )  # fmt: skip
    return done.stdout.decode("utf-8", "replace").replace("\r\n", "\n")

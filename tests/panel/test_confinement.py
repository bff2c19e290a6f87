"""The list of calls holds, and lets through what the panel does."""

from __future__ import annotations

import subprocess
import sys

from superd.panel.confinement import CALLS

CODE = """
import os, socket, sys, json
from superd.panel.confinement import confine
from superd.system.credentials import become
import superd.panel.process
become(-1, -1)
found = {}
if not confine():
    print("no filter"); sys.exit()
def attempt(name, call):
    try:
        call(); found[name] = 0
    except OSError as problem:
        found[name] = problem.errno
attempt("socket", lambda: socket.socket())
attempt("open", lambda: os.open("/etc/passwd", os.O_RDONLY))
attempt("fork", os.fork)
attempt("exec", lambda: os.execv("/bin/true", ["true"]))
attempt("kill", lambda: os.kill(os.getppid(), 0))
attempt("mkdir", lambda: os.mkdir("/tmp/x.panel"))
os.write(1, json.dumps(found).encode())
os._exit(0)
"""


def test_a_panel_opens_connects_and_starts_nothing() -> None:
    import json

    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, timeout=30, check=False)
    assert done.returncode == 0, done.stderr
    if done.stdout != b"no filter\n":
        assert set(json.loads(done.stdout).values()) == {1}, done.stdout


def test_the_list_has_no_call_that_reaches_out() -> None:
    assert not {"socket", "connect", "bind", "open", "openat", "execve", "clone", "fork", "kill", "prctl"} & set(CALLS)

"""The load of the row `edge`: handshakes by `openssl s_time`, bytes by `openssl s_client`. Prints one JSON object.

tls_load.py new PORT SECONDS AT_ONCE
tls_load.py recv PORT SECONDS AT_ONCE
"""

from __future__ import annotations

import json
import os
import re
import resource
import select
import subprocess
import sys
import time

PIECE = 1 << 20
PATIENCE = 20.0


def new(port: str, seconds: float, at_once: int) -> dict[str, float]:
    """Whole handshakes, one after the other, in so many processes."""
    whole = max(1, round(seconds))
    command = ["openssl", "s_time", "-new", "-connect", f"127.0.0.1:{port}", "-time", str(whole)]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) for _ in range(at_once)]
    found = [re.search(r"(\d+) connections in (\d+) real seconds", process.communicate()[0]) for process in running]
    good = [int(match[1]) for match in found if match is not None]
    return {"rate": sum(good) / whole, "good": sum(good), "errors": at_once - len(good), "seconds": whole}


def recv(port: str, seconds: float, at_once: int) -> dict[str, float]:
    """Bytes of servers that send without end."""
    command = ["openssl", "s_client", "-quiet", "-connect", f"127.0.0.1:{port}"]
    pipe, null = subprocess.PIPE, subprocess.DEVNULL
    running = [subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=null) for _ in range(at_once)]
    outs = [process.stdout.fileno() for process in running if process.stdout is not None]
    select.select(outs, [], [], PATIENCE)  # the clients start and shake hands
    count, began = 0, time.monotonic()
    while time.monotonic() - began < seconds:
        for fd in select.select(outs, [], [], 0.1)[0]:
            count += len(os.read(fd, PIECE))
    took = time.monotonic() - began
    for process in running:
        process.kill()
        process.wait()
    return {"mbs": count / took / 1e6, "errors": 0 if count else 1, "seconds": took}


def main() -> None:
    """Measure what is asked for."""
    kind, port, seconds, at_once = sys.argv[1:]
    found = {"new": new, "recv": recv}[kind](port, float(seconds), int(at_once))
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(json.dumps(found | {"cpu": used.ru_utime + used.ru_stime}))


main()

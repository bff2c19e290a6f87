"""``superd metrics``: the counts of the running superd as Prometheus reads them, also as a file for node_exporter.

Runs in: the operator's commands. Never: leaves half a file.
"""

from __future__ import annotations

import os
import sys

from superd.cli.control import Control, Failed
from superd.cli.operate import run
from superd.exit_status import EX_CANTCREAT


def metrics(output: str) -> int:
    """Print the metrics, or write them to the file ``output``, which changes as a whole."""

    def work(control: Control) -> int:
        from superd.metrics import render

        text, _ = render(control.call("GetCounts"))
        if not output:
            sys.stdout.write(text.decode())
            return 0
        try:
            _write(output, text)
        except OSError as problem:
            raise Failed("CannotWrite", f"`{output}` cannot be written: {problem.strerror}", EX_CANTCREAT) from None
        return 0

    return run(work, as_json=False)


def _write(path: str, data: bytes) -> None:
    temporary = f"{path}.{os.getpid()}"
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
        with open(descriptor, "wb") as file:
            file.write(data)
        os.rename(temporary, path)
    except OSError:
        if os.path.exists(temporary):
            os.unlink(temporary)
        raise

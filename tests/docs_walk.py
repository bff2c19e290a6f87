"""Walks a page as a new user does, on a machine that a command enters: types each command, compares what is shown.

    python -m tests.docs_walk PAGE COMMAND…      COMMAND: what runs `sh -c TEXT` there, such as nsenter with its options

Prints the time at the end. packaging/test-deb uses it on a fresh Debian with the package.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from tests.docs_examples import blocks, plain
from tests.docs_place import Host


class Machine(Host):
    """A machine that another program booted, with the package installed; its commands are its own."""

    def __init__(self, page: Path, inside: list[str]) -> None:
        self.page, self.folder, self.environ = page, Path("/root"), {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
        self._inside, self._server = inside, None

    def plain(self, text: str) -> str:
        """The paths of a machine are those of the page."""
        return plain(text)


def main(page: Path, inside: list[str]) -> int:
    """Walk, and say where the page and the machine part."""
    began = time.monotonic()
    try:
        Machine(page, inside).walk()
    except AssertionError as problem:
        print(f"{page}: the page shows something else: {problem}")
        return 1
    steps = sum(block.text.count("\n$ ") + block.text.startswith("$ ") for block in blocks(page) if block.tag == "console")
    print(f"{page.name}: {steps} commands show what the page shows, in {time.monotonic() - began:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]).resolve(), sys.argv[2:]))

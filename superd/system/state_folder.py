"""What: the folder whose files outlive superd: what operators asked for.

Runs in: master. Never: keeps anything that superd could not do without.
"""

from __future__ import annotations

import os

from superd.system.credentials import is_root
from superd.system.path_writes import replace
from superd.system.paths import Trust, open_file

MAX_FILE = 4 << 20
"""Bytes of one file."""


def state_folder() -> str:
    """Return the folder: what the service manager says (systemd.exec(5)), root's, or the user's own."""
    given = os.environ.get("STATE_DIRECTORY", "").partition(":")[0]
    if given:
        return given
    if os.geteuid() == 0:
        return "/var/lib/superd"
    base = os.environ.get("XDG_STATE_HOME") or os.path.join(os.path.expanduser("~"), ".local/state")
    return os.path.join(base, "superd")


def read_state(name: str) -> bytes:
    """Return a file of the folder; b"" if it does not exist. Raises ``OSError``."""
    try:
        fd = open_file(os.path.join(state_folder(), name), Trust.own(strict=is_root()))
    except FileNotFoundError:
        return b""
    with open(fd, "rb") as file:
        return file.read(MAX_FILE)


def write_state(name: str, data: bytes) -> None:
    """Put a new file in the place of the old one in one step; make the folder if need be. Raises ``OSError``."""
    folder = state_folder()
    try:
        os.mkdir(folder, 0o700)
    except FileExistsError:
        pass
    except FileNotFoundError:
        os.makedirs(folder, 0o700, exist_ok=True)
    replace(os.path.join(folder, name), data, Trust.own(strict=is_root()), 0o600)

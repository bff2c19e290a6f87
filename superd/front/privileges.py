"""What: the front's process gives up all that it was given with root, before it reads a byte of a peer.

Runs in: front, once. Never: looks a name up: the master did, while it could still read every file.
"""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

from superd.front.confinement import confine
from superd.system import prctl
from superd.system.credentials import drop_capabilities, take_on

if TYPE_CHECKING:
    from superd.launch_spec import Account


def give_up_root(account: Account | None, master_pid: int) -> bool:
    """Become ``account`` (``None``: stay who superd is) for good, and be confined. Return False where no filter exists.

    Raises ``OSError`` when any part fails; then nothing may be served.
    """
    if account is not None:
        take_on(account.uid, account.gid, [], bounding=True)
    else:
        drop_capabilities()
    # After the change of credentials, which clears the death signal (prctl(2)).
    prctl.prctl(prctl.SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != master_pid:
        raise ProcessLookupError("the master ended before the front began")
    return confine()

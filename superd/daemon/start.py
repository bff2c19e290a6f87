"""Start of ``superd run``: prepares this process, has a child read the configuration, and goes on in ``daemon/serving.py``.

Loads little itself: the child reads while this process loads what serves.

Never: reads the configuration in the master.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from superd.daemon.manner import Manner
from superd.exit_status import EX_FAILURE
from superd.load.groups import MASTER
from superd.master.first_reading import FirstReading
from superd.system.descriptors import raise_limit
from superd.system.process_title import set_title
from superd.system.standard_descriptors import open_missing
from superd.system.successor import on_trial, take_table, this_folder, understood

if TYPE_CHECKING:
    from superd.address import BindAddress
    from superd.problem import Problem
    from superd.registry import Registry


_USUAL = Manner()


def run(
    read: Callable[[], tuple[Registry, tuple[Problem, ...]]],
    *,
    print_problems: Callable[[tuple[Problem, ...]], None],
    on_ready: Callable[[Registry, dict[BindAddress, str]], None],
    on_dump: Callable[[bytes], None],
    manner: Manner = _USUAL,
) -> int:
    """Serves what ``read`` returns until told to stop. ``read`` runs in a child.

    Returns 0, 78 when the configuration has errors, 77 when root cannot be given up, 73 when a file cannot be written, 1 for
    want of services or addresses, or when another superd serves the configuration.
    """
    open_missing()
    trial = on_trial(os.environ)
    if trial and not understood(os.environ):
        sys.stderr.write("superd: error: this superd cannot take over from the one that runs: restart superd\n")
        return EX_FAILURE
    table = take_table(os.environ)
    set_title("superd: trial" if trial else "superd: master")
    folder = table["folder"] if table is not None else this_folder()
    os.umask(0o077)  # what superd makes is root's alone, unless it is given a mode; programs have their service's umask
    os.environ.setdefault("SUPERD_NOFILE", str(raise_limit()))
    if not trial:  # it is a child of the one whose groups count
        os.environ[MASTER] = str(os.getpid())

    def read_bare() -> tuple[Registry, tuple[Problem, ...]]:
        # Without the places of the keys: problems have theirs, and a thousand services' are a megabyte in front and master.
        registry, problems = read()
        return (registry if manner.origins else replace(registry, origins={})), problems

    reading = FirstReading(read_bare, keep_going=manner.keep_going)
    from superd.daemon.serving import Start, serve

    return serve(reading, Start(read_bare, manner, trial, table, folder), print_problems, on_ready, on_dump)

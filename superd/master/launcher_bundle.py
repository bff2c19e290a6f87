"""The modules of launchers and relays, in sealed memory: made at superd's start, so that each of them runs the code of its
master, whatever a package manager does to the files meanwhile.

What: collects the modules' code, and notices when the files are others than those it was made of.
Runs in: master; ``BOOT`` in launchers and relays, before anything else.
Never: reads the files again.
"""

from __future__ import annotations

import hashlib
import importlib.util
import marshal
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from types import CodeType
from typing import TYPE_CHECKING, cast

from superd.ipc.descriptors import as_memory
from superd.system.path_facts import look

if TYPE_CHECKING:
    from importlib.abc import InspectLoader

    from superd.log.log import Log

FIRST = {
    "launcher": "superd.launcher.process",
    "relay": "superd.relay.process",
    "panel": "superd.panel.process",
}
"""The module whose ``main`` each kind of process runs."""
PROTOCOL = tuple(
    f"superd.ipc.{name}" for name in ("launch_codec", "launch_records", "launcher_control", "running_table", "relay_messages")
)
"""What a front, launchers and relays must have alike to understand each other."""
BOOT = """
import marshal, os, sys
frozen, (magic, memory, first) = sys.modules["_frozen_importlib"], sys.argv[1:4]
del sys.argv[1:4]
if sys.modules["_frozen_importlib_external"].MAGIC_NUMBER.hex() != magic:
    os.write(2, b"superd: python was replaced by another version: restart superd\\n")
    os._exit(69)
bundle = marshal.loads(os.pread(int(memory), os.fstat(int(memory)).st_size, 0))
os.close(int(memory))
class Bundle:
    def find_spec(self, name, path=None, target=None):
        return frozen.spec_from_loader(name, self, is_package=bundle[name][0]) if name in bundle else None
    def create_module(self, spec):
        return None
    def exec_module(self, module):
        exec(marshal.loads(bundle[module.__name__][1]), module.__dict__)
sys.meta_path.insert(0, Bundle())
from superd.system.process_title import set_title
set_title(sys.argv[-1])
main = __import__(first, fromlist=["main"]).main
bundle = {name: bundle[name] for name in bundle if name not in sys.modules}
main()
"""
"""Imports from the bundle, and runs ``main`` of one module, which finds its own arguments in place; the last is the title."""


class LauncherBundle:
    """``fd`` is the sealed memory, ``magic`` the interpreter's number for its code, ``protocol`` what its processes speak."""

    def __init__(self) -> None:
        codes: dict[str, tuple[bool, bytes]] = {}
        self._reported = False
        self._looks: dict[str, tuple[int, int, int] | None] = {}
        waiting = [*FIRST.values(), "superd.system.process_title"]
        while waiting:
            name = waiting.pop()
            spec = importlib.util.find_spec(name) if name not in codes else None
            if spec is None or spec.loader is None:
                continue  # known, or a name inside of a module
            code = cast("InspectLoader", spec.loader).get_code(name)
            if code is None or spec.origin is None:
                continue
            codes[name] = (spec.submodule_search_locations is not None, marshal.dumps(code))
            self._looks[spec.origin] = look(spec.origin)
            waiting += [used for used in _imported(code) if used not in codes]
            waiting += [name.rpartition(".")[0]] if "." in name else []
        self.protocol = _protocol(codes)
        self.fd = as_memory("superd-launcher", marshal.dumps(codes), seal=True)
        self.magic = importlib.util.MAGIC_NUMBER.hex()

    def command(self, kind: str, memory: int, *arguments: str) -> list[bytes]:
        """Return the arguments of a new process of this kind, which inherits ``memory``."""
        words = (sys.executable, "-I", "-S", "-c", BOOT, self.magic, str(memory), FIRST[kind], *arguments)
        return [os.fsencode(word) for word in words]

    @contextmanager
    def lent(self) -> Iterator[int]:
        """A copy of ``fd`` that processes inherit which are started meanwhile."""
        with lent(self.fd) as copy:
            yield copy

    def report_replaced(self, log: Log) -> None:
        """Log once that superd was replaced on disk: launchers run the code of their master, so nothing else happens."""
        if not self._reported and self.replaced():
            self._reported = True
            log.message("notice", "superd was replaced on disk, and still runs its earlier code: `superd upgrade`", always=True)

    def replaced(self) -> bool:
        """Return whether the files on disk are no longer those that the code is of."""
        return any(look(path) != seen for path, seen in self._looks.items())


@contextmanager
def lent(fd: int) -> Iterator[int]:
    """A copy of ``fd`` that processes inherit which are started meanwhile: the master has one thread. -1 stays -1."""
    copy = os.dup(fd) if fd >= 0 else -1
    try:
        if copy >= 0:
            os.set_inheritable(copy, True)
        yield copy
    finally:
        if copy >= 0:
            os.close(copy)


@cache
def launcher_bundle() -> LauncherBundle:
    """Return the one bundle of this process; the first call makes it."""
    return LauncherBundle()


def _protocol(codes: dict[str, tuple[bool, bytes]]) -> str:
    """Return what two bundles have alike if their processes understand each other."""
    digest = hashlib.sha256()
    for name in PROTOCOL:
        digest.update(codes[name][1])
    return digest.hexdigest()


def _imported(code: CodeType) -> Iterator[str]:
    """Yield every name of superd's that the code may import, and some that it does not."""
    packages = [name for name in code.co_names if name == "superd" or name.startswith("superd.")]
    yield from packages
    for const in code.co_consts:
        if isinstance(const, CodeType):
            yield from _imported(const)
        elif isinstance(const, tuple):
            for word in const:
                if isinstance(word, str) and word.isidentifier():
                    yield from (f"{package}.{word}" for package in packages if _is_package(package))


@cache
def _is_package(name: str) -> bool:
    spec = importlib.util.find_spec(name)
    return spec is not None and spec.submodule_search_locations is not None

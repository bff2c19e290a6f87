"""A program whose start does not return, as on a file system that is away, stops its own service and no other."""

from __future__ import annotations

import ctypes
import os
import shutil
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.daemon_process import WAIT, Superd, free_port, talk
from tests.needs import needs_root

FAN_CLASS_CONTENT, FAN_CLOEXEC, FAN_MARK_ADD, FAN_OPEN_EXEC_PERM = 4, 1, 1, 0x40000
AT_FDCWD = -100


@contextmanager
def no_answer(program: Path) -> Iterator[None]:
    """Each execve(2) of ``program`` waits in the kernel until this is over."""
    libc = ctypes.CDLL(None, use_errno=True)
    group = libc.fanotify_init(FAN_CLASS_CONTENT | FAN_CLOEXEC, os.O_RDONLY)
    assert group >= 0, os.strerror(ctypes.get_errno())
    try:
        mask = ctypes.c_uint64(FAN_OPEN_EXEC_PERM)
        assert libc.fanotify_mark(group, FAN_MARK_ADD, mask, AT_FDCWD, str(program).encode()) == 0, os.strerror(
            ctypes.get_errno()
        )
        yield
    finally:
        os.close(group)  # which lets all go on that wait


def test_the_other_services_of_the_user_go_on_and_the_log_says_which_stands_still(superd: Superd) -> None:
    needs_root()
    program = superd.folder / "hangs"
    shutil.copy("/bin/cat", program)
    hangs, port = free_port(), free_port()
    superd.service("hangs", f'server = "{program}"\nlisten = ["127.0.0.1:{hangs}"]\n')
    superd.service("cat", f'server = "/bin/cat"\nlisten = ["127.0.0.1:{port}"]\n')
    superd.start()
    assert talk(port, b"before") == b"before"
    with ExitStack() as stack:
        with no_answer(program):
            clients = [stack.enter_context(socket.create_connection(("127.0.0.1", hangs), WAIT)) for _ in range(20)]
            # When both launchers of the user stand still in the kernel there is a third.
            told = superd.message("the other services of its user get another launcher")
            assert f"starting `{program}` takes more than" in told["message"]
            for _ in range(10):
                assert talk(port, b"meanwhile") == b"meanwhile"
            assert len(superd.launchers()) == 3
        # The file system answers again: so does the service, and nothing was lost.
        for client in clients:
            client.sendall(b"after")
            client.shutdown(socket.SHUT_WR)
            assert client.recv(16) == b"after"
    superd.message("its programs start again")
    assert talk(hangs, b"hi") == b"hi"

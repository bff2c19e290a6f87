"""What one superd leaves for the next in the manager's store."""

from __future__ import annotations

import json
import os
import socket
import threading
from pathlib import Path
from typing import Any, cast

from superd.master.leaving import Leaving
from superd.master.upgrade import Own


class Pool:
    """Launchers, relays and orphans in one."""

    def __init__(self, *pids: int) -> None:
        self._pids = pids
        self.orphans = self
        self.graces: list[float] = []

    def pids(self) -> tuple[int, ...]:
        return self._pids

    def outlive(self, grace: float) -> None:
        self.graces.append(grace)


class HandingOn:
    def __init__(self) -> None:
        self.launchers = Pool()
        self.relays = Pool(os.getpid())
        self.fds = [os.memfd_create("a"), os.memfd_create("b")]

    def outliving(self) -> tuple[dict[str, Any], list[int]]:
        rows = [{"fd": self.fds[0], "manager": True}, {"fd": self.fds[1], "manager": False}]
        return {"listeners": rows}, list(self.fds)


class Adopted:
    def table(self) -> list[list[int]]:
        return []


def test_the_store_gets_all_but_the_managers_own_sockets_and_the_next_superd_empties_it(tmp_path: Path) -> None:
    path = str(tmp_path / "notify")
    handing_on = HandingOn()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(path)
        kept: dict[str, int] = {}

        def take() -> None:
            while True:
                data, fds, _, _ = socket.recv_fds(manager, 4096, 4)
                if data == b"BARRIER=1":
                    os.close(fds[0])
                    return
                kept[data.decode().splitlines()[1].partition("=")[2]] = fds[0]

        own = Own(environ={"NOTIFY_SOCKET": path, "FDSTORE": "100"}, stored=("superd-1",))
        leaving = Leaving(own, cast("Any", handing_on), cast("Any", Adopted()))
        assert leaving.possible()
        thread = threading.Thread(target=take)
        thread.start()
        leaving.give(b"counts", os.dup(manager.fileno()), None)
        thread.join()
        table = json.loads(os.pread(kept["superd-table"], 10000, 0))
        assert [row["fd"] for row in table["listeners"]] == [handing_on.fds[1]]
        assert f"superd-{handing_on.fds[0]}" not in kept
        ((pid, descriptor),) = table["adopted"]
        assert (pid, f"superd-{descriptor}" in kept) == (os.getpid(), True)
        assert handing_on.launchers.graces == [-1.0]
        assert leaving.taken({"kept": kept.pop(f"superd-{table['kept']}")}) == (b"counts", -1)
        assert f"superd-{table['waiting']}" in kept
        assert manager.recv(100) == b"FDSTOREREMOVE=1\nFDNAME=superd-1"
    for fd in (*kept.values(), *handing_on.fds):
        os.close(fd)

"""The service manager's store of descriptors."""

from __future__ import annotations

import json
import os
import socket
import threading
from pathlib import Path
from typing import Any

import pytest

from superd.master.manager_store import NAME, ManagerStore, take_stored
from superd.system.successor import FORMAT

TABLE: dict[str, Any] = {
    "listeners": [{"fd": 5}], "launchers": {"slots": [{"front": 6, "launcher": 7, "process": [99, 8, 9]}]},
    "relays": [{"front": 10, "relay": 11, "pid": 0}], "words": [12, 13], "kept": 14, "waiting": 16, "adopted": [[99, 15]],
}  # fmt: skip


def test_everything_is_put_with_its_name_and_the_table_last(tmp_path: Path) -> None:
    path = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(path)
        store = ManagerStore(path, "4")
        assert store.takes(3)
        assert not store.takes(4)
        assert not ManagerStore("", "100").takes(1)
        assert not ManagerStore(path, "").takes(1)
        names: list[str] = []

        def read() -> None:
            data = b""
            while data != b"BARRIER=1":
                data, fds, _, _ = socket.recv_fds(manager, 4096, 4)
                names.append(data.decode().splitlines()[1] if b"FDNAME" in data else "")
                for fd in fds:
                    os.close(fd)

        thread = threading.Thread(target=read, daemon=True)
        thread.start()
        store.put({}, [0, 1])
        thread.join(20)
        assert names == [f"FDNAME={NAME}0", f"FDNAME={NAME}1", f"FDNAME={NAME}table", ""]
        store.empty([f"{NAME}0"])
        assert manager.recv(100) == f"FDSTOREREMOVE=1\nFDNAME={NAME}0".encode()


def test_a_manager_that_is_gone_is_an_error_at_the_end_and_none_at_the_start(tmp_path: Path) -> None:
    store = ManagerStore(str(tmp_path / "gone"), "10")
    with pytest.raises(OSError, match="No such file"):
        store.put({}, [])
    store.empty(["x"])
    ManagerStore("", "").empty(["x"])


def found(monkeypatch: pytest.MonkeyPatch, table: object, names: list[str]) -> Any:
    """What a process finds that a manager gave these names; the descriptors are pipes' ends, as good as any."""
    memory = os.memfd_create("table")
    os.write(memory, json.dumps(table).encode())
    fds: list[int] = [memory]
    while len(fds) < len(names):
        fds += os.pipe()
    monkeypatch.setattr("superd.master.manager_store.inherited_fds", lambda environ: fds[: len(names)])
    stored = take_stored({"LISTEN_FDNAMES": ":".join(names)})
    kept = []
    for fd in fds:
        try:
            os.close(fd)
            kept.append(fd)
        except OSError:
            pass
    return stored, fds, kept


NAMES = [f"{NAME}table", "superd.socket", *(f"{NAME}{fd}" for fd in range(5, 17))]


def test_a_table_has_the_numbers_of_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    stored, fds, _ = found(monkeypatch, {"format": FORMAT, **TABLE}, NAMES)
    number = dict(zip(NAMES, fds, strict=False))
    assert stored.table["listeners"] == [{"fd": number[f"{NAME}5"]}]
    assert stored.table["launchers"]["slots"][0]["process"] == [99, number[f"{NAME}8"], number[f"{NAME}9"]]
    assert stored.table["adopted"] == [[99, number[f"{NAME}15"]]]
    assert number["superd.socket"] not in stored.fds
    assert set(stored.names) == set(NAMES) - {"superd.socket"}


@pytest.mark.parametrize(
    ("table", "names"),
    [
        ({"format": FORMAT + 1, **TABLE}, NAMES),
        ([1], NAMES),
        ({"format": FORMAT, **TABLE}, [name for name in NAMES if name != f"{NAME}9"]),
        ({"format": FORMAT}, NAMES),
    ],
)
def test_what_is_not_whole_is_closed_and_means_nothing(monkeypatch: pytest.MonkeyPatch, table: object, names: list[str]) -> None:
    stored, fds, kept = found(monkeypatch, table, names)
    assert stored.table is None
    assert fds[1] in kept  # the socket unit's
    assert not stored.fds & set(kept)


def test_without_a_store_there_is_nothing() -> None:
    assert take_stored({}).table is None
    assert take_stored({"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "0", "LISTEN_FDNAMES": ""}).names == ()

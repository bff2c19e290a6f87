"""Which tables are in force from a change of their files until what was read is compiled; the real watch over real files."""

from __future__ import annotations

import itertools
import threading
from pathlib import Path
from typing import Any

import pytest
import trio

from superd.front.gate import policy_watch
from superd.front.gate.policy_watch import PolicyWatch
from superd.ipc.front_orders import PolicyReply
from superd.load.policy import load_policy
from superd.policy.hosts_access import Tables
from superd.policy_snapshot import PolicySnapshot
from superd.system.policy_files import signature
from tests.waiting import until


class SlowCompiler:
    """Compiles as the watch does, but only when it may go on."""

    def __init__(self) -> None:
        self._compile = policy_watch._compile
        self.begun, self.go_on = threading.Event(), threading.Event()
        self.go_on.set()

    def __call__(self, files: PolicySnapshot) -> Tables:
        self.begun.set()
        self.go_on.wait()
        return self._compile(files)


@pytest.fixture
def compiler(monkeypatch: pytest.MonkeyPatch) -> SlowCompiler:
    slow = SlowCompiler()
    monkeypatch.setattr(policy_watch, "_compile", slow)
    return slow


def write(path: str, text: str) -> None:
    Path(path).write_text(text)


async def test_no_client_gets_the_tables_from_before_a_change_while_the_new_ones_are_compiled(
    tmp_path: Path, compiler: SlowCompiler
) -> None:
    allow, deny = str(tmp_path / "hosts.allow"), str(tmp_path / "hosts.deny")
    write(deny, "# empty\n")
    watch = PolicyWatch(
        load_policy(allow, deny)[0],
        lambda: watch.answered(PolicyReply(load_policy(allow, deny)[0])),
        lambda _severity, _text: None,
    )
    old = watch.current()
    assert old is not None
    write(deny, "ALL : ALL\n")
    compiler.begun.clear()
    compiler.go_on.clear()
    got: list[Tables] = []

    async def wait_for_tables() -> None:
        got.append(await watch.fresh())

    async with trio.open_nursery() as nursery:
        nursery.start_soon(watch.run)
        nursery.start_soon(wait_for_tables)
        await trio.to_thread.run_sync(compiler.begun.wait)
        # Read, but not yet in force: a client that comes now waits as well.
        assert watch.current() is None
        nursery.start_soon(wait_for_tables)
        compiler.go_on.set()
        await until(lambda: len(got) == 2)
        nursery.cancel_scope.cancel()
    new = watch.current()
    assert new is not None
    assert got == [new, new]
    assert new is not old
    # The same for tables that a reload brings.
    write(deny, "ALL : 192.0.2.1\n")
    compiler.begun.clear()
    compiler.go_on.clear()
    async with trio.open_nursery() as nursery:
        watch.replace(load_policy(allow, deny)[0])
        assert watch.current() is None
        nursery.start_soon(watch.run)
        await trio.to_thread.run_sync(compiler.begun.wait)
        assert watch.current() is None
        compiler.go_on.set()
        await until(watch.current)
        nursery.cancel_scope.cancel()
    assert watch.current() not in (None, new)


def watching(folder: Path, said: list[str]) -> tuple[PolicyWatch, Path, list[float]]:
    """A watch over two real files, which the master reads on the spot; the times of its readings."""
    allow, deny, readings = str(folder / "hosts.allow"), folder / "hosts.deny", list[float]()
    deny.write_text("ALL : 192.0.2.1\n")

    def ask() -> None:
        readings.append(trio.current_time())
        watch.answered(PolicyReply(load_policy(allow, str(deny))[0]))

    watch = PolicyWatch(load_policy(allow, str(deny))[0], ask, lambda level, text: said.append(f"{level}: {text}"))
    return watch, deny, readings


async def test_a_table_that_grows_all_the_time_is_read_for_all_who_wait_and_none_waits_long(tmp_path: Path) -> None:
    """Each append put off the stillness that every client waited for, and each read the whole table again."""
    said = list[str]()
    watch, deny, readings = watching(tmp_path, said)
    waited = list[float]()

    async def client() -> None:
        began, lines = trio.current_time(), deny.read_text().count("\n")
        tables = watch.current() or await watch.fresh()
        waited.append(trio.current_time() - began)
        assert len(tables.deny) >= lines  # nothing that was there when it came is missing

    async with trio.open_nursery() as nursery:
        nursery.start_soon(watch.run)
        async with trio.open_nursery() as clients:
            for number in range(60):
                with deny.open("a") as file:
                    file.write(f"ALL : 198.51.100.{number}\n")
                for _ in range(3):
                    clients.start_soon(client)
                await trio.sleep(0.01)
        nursery.cancel_scope.cancel()
    assert len(waited) == 180
    assert sorted(waited)[-3] < 0.3
    assert len(readings) <= 120
    assert not [line for line in said if line.startswith("warning")]


async def test_a_table_that_never_stays_still_holds_clients_up_once_and_is_reported_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(policy_watch, "SETTLE_TRIES", 3)
    said = list[str]()
    watch, deny, readings = watching(tmp_path, said)
    first = watch.current()
    looks = itertools.count(1)

    def other_each_time(paths: Any) -> Any:
        last[0] = next(looks)
        return (*signature(paths)[:1], (1, 2, 1 << 62, last[0], 3))

    last = [0]
    with monkeypatch.context() as restless:
        restless.setattr(policy_watch, "signature", other_each_time)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(watch.run)
            assert await watch.fresh() is first
            with trio.fail_after(1):
                for _ in range(1000):
                    assert await watch.fresh() is first
            seen = next(looks)
            await until(lambda: last[0] >= seen + 3)  # it reads once more, for those
            nursery.cancel_scope.cancel()
    assert (len(said), readings) == (1, [])
    deny.write_text("ALL : 192.0.2.2\n")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(watch.run)
        watch.refresh()
        await until(lambda: watch.current() not in (None, first))
        nursery.cancel_scope.cancel()
    assert len(readings) == 1


@pytest.mark.parametrize("text", ["ALL : 192.0.2.9\nALL : 192.0.2.8\n", "ALL : 192.0.2.1\nALL : 192.0.2.8 EXCE"])
async def test_a_table_that_grew_by_more_than_whole_lines_at_its_end_must_be_still(tmp_path: Path, text: str) -> None:
    watch, deny, readings = watching(tmp_path, list[str]())
    with deny.open("r+") as file:
        file.write(text)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(watch.run)
        await watch.fresh()
        nursery.cancel_scope.cancel()
    assert len(readings) == 2

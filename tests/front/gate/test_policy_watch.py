"""Which tables are in force from a change of their files until what was read is compiled; the real watch over real files."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
import trio

from superd.front.gate import policy_watch
from superd.front.gate.policy_watch import PolicyWatch
from superd.ipc.front_orders import PolicyReply
from superd.load.policy import load_policy
from superd.policy.hosts_access import Tables
from superd.policy_snapshot import PolicySnapshot


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


async def test_nobody_gets_the_tables_of_before_a_change_while_the_new_ones_are_compiled(
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
        # Read, but not yet in force: whoever comes now waits as well.
        assert watch.current() is None
        nursery.start_soon(wait_for_tables)
        compiler.go_on.set()
        while len(got) < 2:
            await trio.lowlevel.checkpoint()
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
        while watch.current() is None:
            await trio.sleep(0.001)
        nursery.cancel_scope.cancel()
    assert watch.current() not in (None, new)

"""Commands of rules: one limit for all of them, whatever they are for, and an end for each."""

from __future__ import annotations

import trio
import trio.testing

from superd.expansion import Values
from superd.front.programs.commands import BACKGROUND_FACTOR, Commands
from superd.ipc import launch_codec as messages
from superd.settings import Settings
from tests.front.programs.parts import Parts, an_option, task_of

WAITS = an_option("spawn", "finger @%h")
BACKGROUND = an_option("spawn", "finger @%h &")
ACLEXEC = an_option("aclexec", "test %a = 192.0.2.1")


def made(at_once: int = 2) -> tuple[Parts, Commands]:
    parts = Parts("cat")
    parts.tasks.clear()  # the links' own
    commands = Commands(parts.links, parts.in_force, lambda service: 0, parts.log, lambda *task: parts.tasks.append(task))
    settings = Settings.model_validate({"policy": {"hooks_at_once": at_once, "hook_timeout": 10}})
    parts.in_force.settings = settings
    commands.configure(settings)
    return parts, commands


def requests(parts: Parts, number: int = 0) -> list[messages.RunCommand]:
    return [request for request in parts.launchers[number].requests() if isinstance(request, messages.RunCommand)]


async def test_a_command_s_status_comes_from_its_launcher(autojump_clock: object) -> None:
    parts, commands = made()
    status: list[int | None] = []
    async with trio.open_nursery() as nursery:

        async def run() -> None:
            status.append(await commands.run(ACLEXEC, Values(), "cat", ("1" * 16,)))

        nursery.start_soon(run)
        await trio.testing.wait_all_tasks_blocked()
        [request] = requests(parts)
        assert (request.digest, request.steps, request.seconds) == (ACLEXEC.digest, ("1" * 16,), 10)
        commands.done(messages.CommandDone(request.number, 3))
    assert status == [3]
    commands.done(messages.CommandDone(request.number, 0))  # long over: nothing happens


async def test_one_that_cannot_be_run_or_never_ends_has_no_status_and_a_line(autojump_clock: object) -> None:
    parts, commands = made()
    async with trio.open_nursery() as nursery:

        async def answer() -> None:
            await trio.testing.wait_all_tasks_blocked()
            commands.done(messages.CommandDone(requests(parts)[0].number, -1))

        nursery.start_soon(answer)
        assert await commands.run(ACLEXEC, Values(), "cat") is None
    assert parts.log.messages.pop() == ("error", "hosts.allow:1: aclexec could not be run")
    began = trio.current_time()
    assert await commands.run(ACLEXEC, Values(), "cat") is None
    assert trio.current_time() - began == 11
    assert parts.log.messages.pop() == ("error", "hosts.allow:1: aclexec did not end within 10 s: killed")
    parts.in_force.command_launcher = 99
    assert await commands.run(ACLEXEC, Values(), "cat") is None  # no such launcher
    assert parts.log.messages.pop() == ("error", "hosts.allow:1: aclexec was not run: no launcher can start it")


async def test_all_kinds_share_one_limit(autojump_clock: object) -> None:
    parts, commands = made(at_once=2)
    commands.begin(WAITS, Values(), "cat")  # for a datagram
    commands.begin(WAITS, Values(), "cat")  # more than half: left out
    assert parts.log.messages == [("error", "hosts.allow:1: spawn was not run: too many commands run (`hooks_at_once` is 2)")]
    async with trio.open_nursery() as nursery:
        run, arguments = task_of(parts.tasks.pop())
        nursery.start_soon(run, *arguments)
        nursery.start_soon(commands.run, ACLEXEC, Values(), "cat")
        nursery.start_soon(commands.run, ACLEXEC, Values(), "cat")
        await trio.testing.wait_all_tasks_blocked()
        begun = requests(parts)
        assert len(begun) == 2  # the third waits its turn
        commands.done(messages.CommandDone(begun[0].number, 0))
        await trio.testing.wait_all_tasks_blocked()
        begun = begun[1:] + requests(parts)
        assert len(begun) == 2
        for request in begun:
            commands.done(messages.CommandDone(request.number, 0))
    assert parts.tasks == []


async def test_a_background_command_is_begun_and_has_longer(autojump_clock: object) -> None:
    parts, commands = made(at_once=1)
    assert await commands.run(BACKGROUND, Values(), "cat") == 0
    async with trio.open_nursery() as nursery:
        run, arguments = task_of(parts.tasks.pop())
        nursery.start_soon(run, *arguments)
        await trio.testing.wait_all_tasks_blocked()
        [request] = requests(parts)
        assert request.seconds == 10 * BACKGROUND_FACTOR
        assert await commands.run(BACKGROUND, Values(), "cat") == 0
        assert [text for _, text in parts.log.messages] == [
            "hosts.allow:1: spawn was not run: too many commands run (`hooks_at_once` is 1)"
        ]
        commands.done(messages.CommandDone(request.number, 0))
    assert await commands.run(BACKGROUND, Values(), "cat") == 0
    assert len(parts.tasks) == 1

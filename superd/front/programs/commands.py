"""Run the commands of rules (`spawn`, `aclexec`) through launchers, under one limit for streams and datagrams.

Runs in: the front. Starts nothing itself, and sends no command: a launcher has its own copy of each text.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import trio

from superd.expansion import without_ampersand
from superd.front.shares import Key, Queue
from superd.ipc import launch_codec as messages

if TYPE_CHECKING:
    from superd.expansion import Values
    from superd.front.in_force import InForce
    from superd.front.programs.launcher_links import LauncherLinks, MessageLog
    from superd.occupancy import Source
    from superd.rule import Option
    from superd.settings import Settings

BACKGROUND_FACTOR, MAX_SECONDS = 60, 86400.0
"""A background command (`spawn … &`) may run this many times ``hook_timeout``, at most a day: time for a finger query and an
e-mail."""
_MAX_NUMBER = 0x7FFFFFFF
_KILLED = 128 + 9
"""The status of a command whose time was over: its launcher kills it."""


class Commands:
    """The commands that run. At most ``policy.hooks_at_once`` at a time, whatever they are for."""

    def __init__(
        self,
        links: LauncherLinks,
        in_force: InForce,
        choose: Callable[[str], int | None],
        log: MessageLog,
        start_task: Callable[..., object],
    ) -> None:
        """``choose`` returns the launcher for a service."""
        self._links = links
        self._in_force = in_force
        self._choose = choose
        self._log = log
        self._start_task = start_task
        self._limit = 1
        self._places = Queue(1)
        self._running: dict[int, tuple[trio.Event, list[int]]] = {}
        self._number = 0
        self._in_background = 0

    def configure(self, settings: Settings) -> None:
        """Take the limit from the settings."""
        self._limit = settings.policy.hooks_at_once
        self._places.resize(self._limit)

    async def run(
        self, option: Option, values: Values, service: str, steps: tuple[str, ...] = (), source: Source | None = None
    ) -> int | None:
        """Run a command as the service's user (or ``hook_user``) and return its exit status.

        None when it did not run, or did not end within ``hook_timeout``; the log says so. ``steps`` are the options of the rule
        before it that change how it runs: `setenv`, `umask`, `nice`. A background command is begun, and its status is 0. Waits
        while too many commands run for this service, for this ``source`` of clients, or in all.
        """
        if option.name == "spawn" and without_ampersand(option.value) is not None:
            self.begin(option, values, service, steps)
            return 0
        async with self._places.place((service, source)):
            return await self._run(option, values, service, steps, self._in_force.settings.policy.hook_timeout)

    def begin(self, option: Option, values: Values, service: str, steps: tuple[str, ...] = ()) -> None:
        """Run a command without waiting for it: a background command, or one for a datagram. Not when too many run.

        These may be half of all, so that they cannot keep the commands waiting that hold a connection.
        """
        key = (service, None)
        if self._in_background >= max(1, self._limit // 2) or not self._places.enter(key):
            text = f"{option.origin}: {option.name} was not run: too many commands run (`hooks_at_once` is {self._limit})"
            self._log.message("error", text, service)
            return
        self._in_background += 1
        self._start_task(self._run_in_background, key, option, values, service, steps)

    async def _run_in_background(self, key: Key, option: Option, values: Values, service: str, steps: tuple[str, ...]) -> None:
        seconds = self._in_force.settings.policy.hook_timeout
        if without_ampersand(option.value) is not None:
            seconds = min(seconds * BACKGROUND_FACTOR, MAX_SECONDS)
        try:
            await self._run(option, values, service, steps, seconds)
        finally:
            self._in_background -= 1
            self._places.leave(key)

    async def _run(self, option: Option, values: Values, service: str, steps: tuple[str, ...], seconds: float) -> int | None:
        chosen = self._in_force.command_launcher
        link = self._links.get(chosen if chosen is not None else self._choose(service))
        if link is None:
            self._log.message("error", f"{option.origin}: {option.name} was not run: no launcher can start it", service)
            return None
        self._number = number = self._number % _MAX_NUMBER + 1
        result: list[int] = []
        done, _ = self._running[number] = (trio.Event(), result)
        link.send(messages.RunCommand(number, option.digest, values, seconds, steps))
        try:
            with trio.move_on_after(seconds + 1):
                await done.wait()
        finally:
            del self._running[number]
        status = result[0] if result else _KILLED
        if status == _KILLED:
            self._log.message("error", f"{option.origin}: {option.name} did not end within {seconds:g} s: killed", service)
            return None
        if status < 0:
            self._log.message("error", f"{option.origin}: {option.name} could not be run", service)
            return None
        return status

    def done(self, report: messages.CommandDone) -> None:
        """A launcher reported a command's end."""
        waiting = self._running.get(report.number)
        if waiting is not None:
            waiting[1].append(report.status)
            waiting[0].set()

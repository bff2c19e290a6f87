"""Carries out the options of a rule that matched, for one connection, in libwrap's order; nothing stays for the next one.

Runs in: the front. Decides nothing, and runs no command by itself: a launcher does, under its own copy of the text. What an
expansion needs is looked up before the text is expanded, and only then.
"""

from __future__ import annotations

import os
import socket
import struct
from typing import TYPE_CHECKING

from superd.banner import render
from superd.expansion import ExpansionTooLong, Values, asked_by, expand_shell, split_variable, values_of
from superd.front.handing_over import HowToStart
from superd.front.stream import client_output
from superd.rule import identity
from superd.verdict import Need, Reason

if TYPE_CHECKING:
    from superd.front.stream.connection import Connection, Trip
    from superd.front.stream.facts import ConnectionFacts
    from superd.rule import Option, Rule
    from superd.syslog_priority import LevelWord

_NEED = {"n": Need.HOST_NAME, "N": Need.SERVER_NAME, "u": Need.USER_NAME}


class OptionFault(Exception):
    """An option could not be carried out, so the connection is refused for ``reason``; the text is for people."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


class RuleOptions:
    """What the options have done to one connection so far, and what they ask of its program.

    ``digests`` are the options that a launcher carries out between fork and exec, and the `twist` that replaces the program.
    """

    def __init__(self, trip: Trip, connection: Connection, facts: ConnectionFacts) -> None:
        self._trip = trip
        self._connection = connection
        self._facts = facts
        self._done = 0
        self._launcher: int | None = None
        self.digests: list[str] = []
        self.twist = False

    async def carry_out(self, steps: tuple[Option, ...], rule: Rule | None) -> None:
        """Carry out those of ``steps`` that were not carried out yet; ``rule`` has them. Raises ``OptionFault``."""
        self._launcher = None
        for option in steps[self._done :]:
            self._done += 1
            if option.name in ("user", "group"):
                self._become(option, rule)
            else:
                await self._carry_out(option)
        self._launcher = self._launcher_for(rule)[0]

    async def how_to_start(self) -> HowToStart:
        """Return what the options change of the way the program is started."""
        values = await self.values() if self.digests else None
        return HowToStart(tuple(self.digests), values, self._launcher)

    def _launcher_for(self, rule: Rule | None) -> tuple[int | None, str, str]:
        user, group = identity(rule.options) if rule is not None else ("", "")
        launcher = self._trip.in_force.launcher_for.get((user, group)) if user or group else None
        return launcher, user, group

    def _become(self, option: Option, rule: Rule | None) -> None:
        launcher, user, group = self._launcher_for(rule)
        if launcher is None:
            # An unknown user, or superd is not root: to run as another user is not what the rule says.
            raise OptionFault(Reason.RULE_BROKEN, f"{option.origin}: cannot become user `{user}` group `{group}`")

    async def _carry_out(self, option: Option) -> None:
        match option.name:
            case "banners":
                if not await self.send_banners(option.value):
                    raise OptionFault(Reason.BANNER, "the client did not read its banner")
            case "spawn":
                await self.run(option)
            case "severity":
                self._connection.session.record.severity = option.value
            case "keepalive":
                self._set(option, socket.SO_KEEPALIVE, struct.pack("i", 1))
            case "linger":
                seconds = int(option.value)
                self._set(option, socket.SO_LINGER, struct.pack("ii", seconds != 0, seconds))
            case "rfc931":
                await self._facts.ask_user(float(option.value) if option.value else None)
            case "setenv" | "umask" | "nice" | "twist":
                if option.name in ("setenv", "twist"):
                    self._check(option, await self.values(option.value))
                self.digests.append(option.digest)
                self.twist = self.twist or option.name == "twist"

    def _set(self, option: Option, name: int, value: bytes) -> None:
        try:
            self._connection.sock.setsockopt(socket.SOL_SOCKET, name, value)
        except OSError as problem:  # as libwrap does: log it, and go on
            self._say("warning", f"{option.origin}: {option.name}: {problem.strerror}")

    async def run(self, option: Option) -> int | None:
        """Run a command of the rule through a launcher and return its exit status, None when it did not run to its end.

        Raises ``OptionFault``.
        """
        values = await self.values(option.value)
        self._check(option, values)
        service = self._connection.service
        source = service.access.shared_source(self._connection.client)
        return await self._trip.commands.run(option, values, service.name, tuple(self.digests), source)

    def _check(self, option: Option, values: Values) -> None:
        try:
            text = expand_shell(option.value, values)
        except ExpansionTooLong as problem:
            raise OptionFault(Reason.RULE_BROKEN, f"{option.origin}: {option.name}: {problem}") from None
        if option.name == "setenv" and not split_variable(text)[0]:
            raise OptionFault(Reason.RULE_BROKEN, f"{option.origin}: setenv: its expansion leaves no name of a variable")

    async def values(self, template: str = "") -> Values:
        """Return what the letters stand for, after all that ``template`` asks for has been looked up."""
        for letter in asked_by(template):
            await self._facts.know(_NEED[letter])
        connection = self._connection
        return values_of(connection.service.daemon, connection.client, connection.server, os.getpid())

    async def send_banners(self, folder: str) -> bool:
        """Send ``folder``/daemon with its expansions (hosts_options(5)); return False when the client does not read it.

        Without the file there is no banner; one that cannot be read is logged. Raises ``OptionFault`` for a line that grows
        too long.
        """
        path = f"{folder.rstrip('/')}/{self._connection.service.daemon}"
        try:
            data = await client_output.read_file(path)
        except OSError as problem:
            self._say("error", f"banner `{path}` cannot be read, and is not sent: {problem.strerror}")
            return True
        if not data:
            return True
        values = await self.values(data.decode("latin-1"))
        try:
            text = render(data, values)
        except ExpansionTooLong as problem:
            raise OptionFault(Reason.RULE_BROKEN, f"banner `{path}`: {problem}") from None
        return await client_output.send(self._connection.sock, text, self._trip.in_force.settings.policy.banner_timeout)

    def _say(self, level: LevelWord, text: str) -> None:
        self._trip.log.message(level, text, self._connection.service.name)

"""The options of a rule that matched, carried out for one connection in libwrap's order; nothing stays for the next one.

Decides nothing, and runs no command by itself: a launcher does, under its own copy of the text. What an expansion wants to
know is looked up before the text is expanded, and only then.
"""

from __future__ import annotations

import os
import socket
import struct
from typing import TYPE_CHECKING

from superd.banner import render
from superd.expansion import ExpansionTooLong, Values, asked_by, expand_shell, split_variable, values_of
from superd.front.stream import client_output
from superd.rule import identity
from superd.verdict import Need, Reason

if TYPE_CHECKING:
    from superd.front.stream.session import Session
    from superd.rule import Option, Rule

_NEED = {"n": Need.HOST_NAME, "N": Need.SERVER_NAME, "u": Need.USER_NAME}


class OptionFault(Exception):
    """An option could not be carried out, so the connection is refused: for ``reason``, with a line for people."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


class RuleOptions:
    """What the options have done to one session so far, and what they want of its program."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._done = 0
        self.digests: list[str] = []
        """The options that a launcher carries out between fork and exec, and the `twist` that replaces the program."""
        self.twist = False
        self.launcher: int | None = None
        """The launcher of the rule's `user` and `group`; none where it names none."""

    async def carry_out(self, steps: tuple[Option, ...], rule: Rule | None) -> None:
        """Those of ``steps`` that have not been carried out yet; ``rule`` is whose they are. Raises ``OptionFault``."""
        self.launcher = None
        for option in steps[self._done :]:
            self._done += 1
            if option.name in ("user", "group"):
                self._become(option, rule)
            else:
                await self._carry_out(option)
        user, group = identity(rule.options) if rule is not None else ("", "")
        if user or group:
            self.launcher = self._session.front.launches.profile_for(user, group)

    def _become(self, option: Option, rule: Rule | None) -> None:
        user, group = identity(rule.options) if rule is not None else ("", "")
        if self._session.front.launches.profile_for(user, group) is None:
            # An unknown user, or superd is not root: running as somebody else is not what the rule says.
            detail = f"{option.origin}: cannot become user `{user}` group `{group}`"
            raise OptionFault(Reason.RULE_BROKEN, detail)

    async def _carry_out(self, option: Option) -> None:
        session = self._session
        match option.name:
            case "banners":
                if not await self.send_banners(option.value):
                    raise OptionFault(Reason.BANNER, "the client did not read its banner")
            case "spawn":
                await self.run(option)
            case "severity":
                session.record.severity = option.value
            case "keepalive":
                self._set(option, socket.SO_KEEPALIVE, struct.pack("i", 1))
            case "linger":
                seconds = int(option.value)
                self._set(option, socket.SO_LINGER, struct.pack("ii", seconds != 0, seconds))
            case "rfc931":
                await session.ask_user(float(option.value) if option.value else None)
            case "setenv" | "umask" | "nice" | "twist":
                if option.name in ("setenv", "twist"):
                    self._check(option, await self.values(option.value))
                self.digests.append(option.digest)
                self.twist = self.twist or option.name == "twist"

    def _set(self, option: Option, name: int, value: bytes) -> None:
        try:
            self._session.sock.setsockopt(socket.SOL_SOCKET, name, value)
        except OSError as problem:  # as libwrap: said, and gone on without
            self._session.say("warning", f"{option.origin}: {option.name}: {problem.strerror}")

    async def run(self, option: Option) -> bool:
        """Runs a command of the policy through a launcher: whether it succeeded. Raises ``OptionFault``."""
        values = await self.values(option.value)
        self._check(option, values)
        session = self._session
        steps = tuple(self.digests)
        return await session.front.launches.run_hook(option, values, session.record, steps) == 0

    def _check(self, option: Option, values: Values) -> None:
        try:
            text = expand_shell(option.value, values)
        except ExpansionTooLong as problem:
            raise OptionFault(Reason.RULE_BROKEN, f"{option.origin}: {option.name}: {problem}") from None
        if option.name == "setenv" and not split_variable(text)[0]:
            raise OptionFault(Reason.RULE_BROKEN, f"{option.origin}: setenv: its expansion leaves no name of a variable")

    async def values(self, template: str = "") -> Values:
        """What the letters stand for, after all that ``template`` asks for has been looked up."""
        session = self._session
        for letter in asked_by(template):
            await session.know(_NEED[letter])
        return values_of(session.state.daemon, session.client, session.server, os.getpid())

    async def send_banners(self, folder: str) -> bool:
        """``folder``/daemon with its expansions, as hosts_options(5) has it; False when the client does not read it.

        No file is no banner; one that cannot be read is complained of. Raises ``OptionFault`` for a line that grows too long.
        """
        session = self._session
        path = f"{folder.rstrip('/')}/{session.state.daemon}"
        try:
            data = await client_output.read_file(path)
        except OSError as problem:
            session.say("error", f"banner `{path}` cannot be read: {problem.strerror}")
            return True
        if not data:
            return True
        values = await self.values(data.decode("latin-1"))
        try:
            text = render(data, values)
        except ExpansionTooLong as problem:
            raise OptionFault(Reason.RULE_BROKEN, f"banner `{path}`: {problem}") from None
        return await client_output.send(session.sock, text, session.front.in_force.settings.policy.banner_timeout)

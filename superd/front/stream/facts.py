"""What a decision about one connection needs to know: names, the user, netgroups, fresh tables. Each is looked up once.

Runs in: the front. Decides nothing. A look-up that takes longer than its time counts as unknown.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TYPE_CHECKING, assert_never

import trio

from superd.net import ident
from superd.net.netgroup import member
from superd.peer import UNKNOWN
from superd.policy.deciding import Known
from superd.policy.facts import Facts
from superd.verdict import Ask, Need
from superd.wire.ident import Identity

if TYPE_CHECKING:
    from superd.front.stream.connection import Connection, Trip
    from superd.policy.hosts_access import Tables


class ConnectionFacts:
    """The look-ups for one connection, all together within ``policy.decide_timeout``."""

    def __init__(self, trip: Trip, connection: Connection) -> None:
        self._trip = trip
        self._connection = connection
        self._facts = Facts()
        self._tables: Tables | None = None
        self._until = float("inf")

    def begin(self) -> None:
        """Start the time that all look-ups have together."""
        self._until = trio.current_time() + self._trip.in_force.settings.policy.decide_timeout

    def known(self) -> Known:
        """Return what is known by now. One connection is decided by the same tables throughout."""
        return Known(self._connection.client, self._connection.server, self._tables, self._facts)

    async def learn(self, ask: Ask, run: Callable[[Ask], Awaitable[bool]]) -> Known:
        """Find out the one fact that ``ask`` names. ``run`` runs an aclexec command."""
        match ask.need:
            case Need.HOST_NAME | Need.SERVER_NAME | Need.USER_NAME:
                await self.know(ask.need)
            case Need.NETGROUP:
                found = False
                with trio.move_on_at(self._until):
                    found = await member(*ask.netgroup)
                self._facts = replace(self._facts, netgroups={**self._facts.netgroups, ask.netgroup: found})
            case Need.ACLEXEC:
                assert ask.option is not None
                began = trio.current_time()
                succeeded = await run(ask)
                self._facts = replace(self._facts, aclexec={**self._facts.aclexec, ask.option: succeeded})
                # A command has its own time; the look-ups after it have what was left of theirs.
                self._until += trio.current_time() - began
            case Need.CERTIFICATE:
                pass  # the handshake comes before every question
            case Need.FRESH_TABLES:
                self._tables = await self._trip.gate.fresh_tables()
            case _:
                assert_never(ask.need)
        return self.known()

    async def know(self, need: Need) -> None:
        """Look up a name or the user, unless that was done; ``unknown`` when there is none in time."""
        connection = self._connection
        match need:
            case Need.HOST_NAME if not connection.client.name:
                name = await self._name_of(connection.client.address)
                connection.client = connection.session.record.peer = replace(connection.client, name=name)
            case Need.SERVER_NAME if not connection.server.name:
                connection.server = replace(connection.server, name=await self._name_of(connection.server.address))
            case Need.USER_NAME:
                await self.ask_user()

    async def ask_user(self, seconds: float | None = None) -> None:
        """Ask the client's ident server, for at most ``seconds``; by default for what the settings say."""
        connection = self._connection
        if connection.client.user:
            return
        if connection.session.record.through is not None:
            # Its ident server knows a connection to the proxy, and answers the proxy alone about it.
            connection.client = connection.session.record.peer = replace(connection.client, user=UNKNOWN)
            return
        timeout = self._trip.in_force.settings.policy.ident_timeout
        allowed = seconds or max(0.0, min(timeout, self._until - trio.current_time()))
        found = Identity(failure="no server")
        if connection.client.version:
            found = await ident.ask(connection.client, connection.server, allowed)
        record = connection.session.record
        connection.client = record.peer = replace(connection.client, user=found.user)
        record.userid, connection.no_user = found.text, found.failure

    async def _name_of(self, address: str) -> str:
        with trio.move_on_at(self._until):
            return await self._trip.names.name_of(address)
        return UNKNOWN

"""The trip of a connection that has to wait for something: names, commands, banners, a relay, an internal service.

Runs in: the front. One task a connection, within deadlines; in every case the session is over at the end, and the socket is
passed on or closed.
Never: waits without a deadline.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import trio

from superd.front.sessions.live import SERVED, Refused, Stage, Task
from superd.front.stream import client_output
from superd.front.stream.chosen_turn import ChosenTurn
from superd.front.stream.client_output import part
from superd.front.stream.connection import Connection, Trip
from superd.front.stream.facts import ConnectionFacts
from superd.front.stream.internal_services import MODES
from superd.front.stream.redirect import NoTarget, reach
from superd.front.stream.rule_options import OptionFault, RuleOptions
from superd.front.stream.secured import secure
from superd.front.stream.tcpmux import read_choice
from superd.internal import STREAM, auth
from superd.ipc.relay_messages import RELAY
from superd.net.listener import is_dead
from superd.net.silence import watch, watch_first_byte
from superd.peer import UNKNOWN
from superd.record import Ending
from superd.system.closing import let_socket_go
from superd.verdict import Ask, Need, Reason, Verdict
from superd.wire.proxy_header import build
from superd.wire.tcpmux import ACCEPTED, REFUSED

if TYPE_CHECKING:
    from superd.front.gate.compiled_service import CompiledService
    from superd.front.gate.waiting_room import Place
    from superd.front.sessions.live import LiveSession
    from superd.peer import Peer
    from superd.policy.deciding import Known
    from superd.redirect import Redirect

UNREAD_BANNER = Verdict(False, Reason.BANNER, detail="the client did not read its banner")


async def run_session(
    trip: Trip, sock: socket.socket, session: LiveSession, place: Place, server: Peer, first: Verdict | Ask
) -> None:
    """Serve one connection from its first wait to its end. Takes ``sock`` over; ``first`` is what the gate said."""
    sock.setblocking(False)
    stream = trio.socket.from_stdlib_socket(sock)
    client = session.record.peer
    assert client is not None
    connection = Connection(stream, session, client, server, place)
    try:
        chosen = await _Session(trip, connection).run(first)
        if chosen is not None:
            await _serve_chosen(trip, connection, chosen)
    finally:
        let_socket_go(connection.sock)


async def _serve_chosen(trip: Trip, connection: Connection, chosen: CompiledService) -> None:
    """Serve the service that the client named to tcpmux: admitted as a connection to a port of its own would be."""
    first = trip.gate.first_look(chosen, connection.client, lambda: connection.server, trip.clock())
    trip.gate.end_batch()
    turn = ChosenTurn(trip, connection)
    if chosen.waits and trip.queue.must_wait(chosen, connection.client, lambda: connection.server, first) is not None:
        await turn.come(chosen)
    else:
        turn.serve(chosen, first)
    if turn.gone:
        return
    if turn.begun is None:
        await connection.sock.send(REFUSED)
    else:
        await _Session(trip, turn.begun).run(turn.first)


class _Session:
    """One connection to one service."""

    def __init__(self, trip: Trip, connection: Connection) -> None:
        self._trip = trip
        self._connection = connection
        self._service = connection.service
        self._session = connection.session
        self._session.record.local = connection.server
        self._facts = ConnectionFacts(trip, connection)
        self._options = RuleOptions(trip, connection, self._facts)
        self._passed_on = False

    async def run(self, first: Verdict | Ask) -> CompiledService | None:
        """Decide and serve, or refuse. Returns the service that the client named to tcpmux."""
        trip, session, service = self._trip, self._session, self._service.service
        chosen: CompiledService | None = None
        try:
            with trio.CancelScope() as scope:
                # On shutdown, look-ups in progress are cancelled.
                session.stage, session.running = Stage.WAITING, Task(scope)
                verdict = await self._decide(first)
            if scope.cancelled_caught:
                verdict = self._stopped()
            if verdict.admit and "IDONLY" in service.flags and self._connection.client.user in ("", UNKNOWN):
                verdict = replace(verdict, admit=False, reason=Reason.IDENT, detail=self._connection.no_user)
            session.record.decided = trip.clock()
            if verdict.admit:
                if verdict.rule is not None:
                    session.record.rule = verdict.rule.origin
                trip.log.admitted_by_rule(session.record)
                with trio.CancelScope() as scope:
                    session.running = Task(scope)
                    chosen = await self._serve()
                if scope.cancelled_caught and session.stage is not Stage.SERVING:
                    await self._refuse(self._stopped())
                if chosen is not None:
                    session.record.ended_by = Ending.TCPMUX
                return chosen
            await self._refuse(verdict)
        except (OSError, trio.ClosedResourceError, trio.BrokenResourceError):
            self._ended_by(Ending.RESET)  # a normal end
        except Exception as fault:  # noqa: BLE001 - a fault of ours may end this connection but no other
            self._ended_by(Ending.FAULT)
            trip.log.message("crit", f"a session failed: {type(fault).__name__}: {fault}", record=session.record)
        finally:
            self._connection.place.leave()
            if not self._passed_on:
                self._over()
            trip.log.flush()
        return None

    def _ended_by(self, cause: Ending) -> None:
        record = self._session.record
        if record.ended_by is None:
            record.ended_by = cause

    def _stopped(self) -> Verdict:
        """Return why the session was ended before its service began."""
        if self._session.record.ended_by is Ending.START_LIMIT:
            limit = self._service.service.limits.start
            return Verdict(False, Reason.START_LIMIT, detail=f"its service did not begin within {limit:g} s")
        return Verdict(False, Reason.STOPPING)

    def _over(self) -> None:
        """End the session: a service that has begun was served, one that has not was refused."""
        begun = self._session.stage is Stage.SERVING
        gone = Verdict(False, Reason.GONE, detail="the client closed the connection before its service began")
        self._trip.book.over(self._session, SERVED if begun else Refused(gone))

    # ------------------------------------------------------------------ deciding

    async def _decide(self, first: Verdict | Ask) -> Verdict:
        """Return the verdict, within the service's time for it; a look-up that takes longer counts as unknown."""
        connection, service = self._connection, self._service.service
        if self._service.secure and (failure := await secure(self._trip, connection)):
            return Verdict(False, Reason.TLS, detail=failure)
        if service.banner and not await self._send_file(service.banner):
            return UNREAD_BANNER
        self._facts.begin()
        try:
            verdict = await self._trip.gate.settle(self._service, self._session, self._facts.known(), first, self._learn)
            if verdict.admit and "IDONLY" in service.flags and "USERID" in service.log_on_success:
                await self._facts.know(Need.USER_NAME)
            await self._options.carry_out(verdict.steps, verdict.rule)
            if service.banners:
                await self._options.send_banners(service.banners)
        except OptionFault as fault:
            verdict = Verdict(False, fault.reason, detail=str(fault))
        connection.place.leave()
        self._session.stage = Stage.DECIDED
        if verdict.admit and "USERID" in service.log_on_success:
            self._ask_user_beside()
        return verdict

    def _ask_user_beside(self) -> None:
        """Have the ident server asked for the log alone: neither the program nor the refusal waits for its answer."""
        if self._connection.client.user:
            return
        place = self._trip.room.enter(self._service, self._connection.client)
        if place is not None:
            self._trip.start_task(self._name_user, place)

    async def _name_user(self, place: Place) -> None:
        """Ask the ident server; what it says after the START or the FAIL has a line of its own."""
        try:
            await self._facts.know(Need.USER_NAME)
            if self._session.stage in (Stage.RUNNING, Stage.SERVING, Stage.OVER):
                self._trip.log.identified(self._session.record)
                self._trip.log.flush()
        finally:
            place.leave()

    async def _learn(self, ask: Ask) -> Known:
        return await self._facts.learn(ask, self._run_aclexec)

    async def _run_aclexec(self, ask: Ask) -> bool:
        """Run the command of an aclexec and return whether it succeeded. One that does not end refuses the connection."""
        assert ask.option is not None
        await self._options.carry_out(ask.steps, ask.rule)
        status = await self._options.run(ask.option)
        if status is None:
            # libwrap would still be waiting. In neither table may a command that never answered let a client in.
            raise OptionFault(Reason.RULE_BROKEN, f"{ask.option.origin}: aclexec: the command did not run to its end")
        return status == 0

    async def _send_file(self, path: str) -> bool:
        """Send a file as it is; return False when the client does not read it in time."""
        try:
            data = await client_output.read_file(path)
        except OSError as problem:
            record = self._session.record
            self._trip.log.message("error", f"banner `{path}` cannot be read, and is not sent: {problem.strerror}", record=record)
            return True
        return await client_output.send(self._connection.sock, data, self._trip.in_force.settings.policy.banner_timeout)

    # ------------------------------------------------------------------ the ends

    async def _refuse(self, verdict: Verdict) -> None:
        """Send a banner if there is one, end our side, and wait a moment for the client's: it sees the banner, not a reset."""
        connection, service = self._connection, self._service.service
        connection.place.leave()
        self._trip.book.over(self._session, Refused(verdict))
        if "USERID" in service.log_on_failure:
            self._ask_user_beside()
        if service.banner_fail:
            await self._send_file(service.banner_fail)
        if service.mux_client:
            await connection.sock.send(REFUSED)
        await part(connection.sock)

    async def _serve(self) -> CompiledService | None:
        """Serve the connection in its service's way."""
        connection, service = self._connection, self._service.service
        if service.banner_success and not await self._send_file(service.banner_success):
            await self._refuse(UNREAD_BANNER)
            return None
        if "TCPMUXPLUS" in service.type:
            await connection.sock.send(ACCEPTED)
        if service.server or self._options.twist:
            await self._hand_over()
        elif service.redirect:
            await self._redirect(service.redirect)
        else:
            return await self._serve_inside()
        return None

    async def _hand_over(self) -> None:
        connection, trip, session = self._connection, self._trip, self._session
        if connection.sock.family != socket.AF_UNIX and is_dead(connection.sock):
            # Reset while it waited for its verdict: not worth a process.
            await self._refuse(Verdict(False, Reason.GONE, detail="the client is gone"))
            return
        how = await self._options.how_to_start()
        if self._service.service.limits.idle is not None and self._service.service.stdio == "socket" and connection.leg is None:
            silent = trio.CancelScope()
            session.when_over(lambda _session: silent.cancel())
            self._limit_silence(silent, lambda: trip.book.end_silent(session))
        self._limit_first_byte()
        self._passed_on = True
        trip.dispatch.hand_over(session, connection.server, connection.sock.detach(), how)
        if connection.leg is not None and self._service.service.stdio == "socket":
            connection.leg.follow()
        trip.dispatch.flush()

    async def _redirect(self, target: Redirect) -> None:
        connection, service = self._connection, self._service.service
        header = b""
        if service.send_proxy:
            header = build(2 if service.send_proxy == "v2" else 1, connection.client, connection.server)
        try:
            other = await reach(target, header)
        except NoTarget as problem:
            await self._refuse(Verdict(False, Reason.REDIRECT, detail=str(problem)))
            return
        self._started()
        self._limit_first_byte()
        self._passed_on = True
        self._trip.carriers.carry(self._session, RELAY, (connection.sock.detach(), other.detach()))

    async def _serve_inside(self) -> CompiledService | None:
        """Serve an internal service: this task is all that runs for it."""
        connection, service, silent = self._connection, self._service.service, trio.CancelScope()
        chosen: CompiledService | None = None
        self._started()
        self._limit_first_byte()
        if service.internal in MODES:
            self._passed_on = True
            self._trip.carriers.carry(self._session, MODES[service.internal], (connection.sock.detach(),))
            return None
        with trio.move_on_after(service.limits.session or float("inf")) as scope:
            self._session.running = Task(scope)
            self._limit_silence(silent, lambda: self._silent(scope))
            try:
                if service.internal == "tcpmux":
                    chosen = await read_choice(self._trip.in_force.services, connection.sock)
                elif service.internal == "auth":
                    await auth.stream(connection.sock, connection.client, connection.server, service.auth_options)
                else:
                    await STREAM[service.internal](connection.sock)
                if chosen is None:
                    await part(connection.sock)
            finally:
                silent.cancel()
        if scope.cancelled_caught:
            self._ended_by(Ending.SESSION_LIMIT)
        return chosen

    def _silent(self, scope: trio.CancelScope) -> None:
        self._ended_by(Ending.IDLE)
        scope.cancel()

    def _started(self) -> None:
        self._trip.book.count_start(self._session)
        self._trip.book.started(self._session)
        self._trip.log.flush()

    def _limit_first_byte(self) -> None:
        limit, session = self._service.service.limits.first_byte, self._session
        if limit is not None and self._connection.leg is None:
            copy = socket.socket(fileno=os.dup(self._connection.sock.fileno()))
            scope = trio.CancelScope()
            session.when_over(lambda _session: scope.cancel())
            self._trip.start_task(watch_first_byte, copy, limit, scope, lambda: self._trip.book.end_mute(session))

    def _limit_silence(self, scope: trio.CancelScope, on_idle: Callable[[], None]) -> None:
        limit = self._service.service.limits.idle
        if limit is not None and self._connection.leg is None:
            copy = socket.socket(fileno=os.dup(self._connection.sock.fileno()))
            self._trip.start_task(watch, copy, limit, scope, on_idle)

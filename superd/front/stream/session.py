"""The trip of a connection that has to wait for something: names, hooks, banners, a relay, an internal service.

One task a connection, under deadlines; whatever happens, the session is left and one record is written.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, assert_never

import trio

from superd.auth_options import parse_auth_options
from superd.front.sessions.book import SERVED, Refused
from superd.front.sessions.live import Stage, Task
from superd.front.stream import client_output
from superd.front.stream.client_output import part
from superd.front.stream.rule_options import OptionFault, RuleOptions
from superd.front.stream.tcpmux import enter_choice, read_choice
from superd.internal import STREAM, auth
from superd.net import ident
from superd.net.listener import is_dead
from superd.net.netgroup import member
from superd.net.relay import Traffic, connect, relay
from superd.net.silence import watch
from superd.peer import UNKNOWN
from superd.policy.hosts_access import Facts, decide
from superd.verdict import Ask, Need, Reason, Verdict
from superd.wire.ident import Identity
from superd.wire.tcpmux import ACCEPTED, REFUSED

if TYPE_CHECKING:
    from superd.front.gate.compiled_service import CompiledService
    from superd.front.process import Front
    from superd.front.sessions.live import LiveSession
    from superd.net.listener import Listener
    from superd.peer import Peer
    from superd.syslog_priority import LevelWord

CONNECT_TIMEOUT = 10.0
"""Seconds a redirect's target may take to answer; TCP's own two minutes would hold the client."""


async def run_session(
    front: Front,
    listener: Listener,
    sock: socket.socket,
    live: LiveSession,
    first: Verdict | Ask | None,
) -> None:
    """One connection from its first wait to its end. Owns ``sock`` until it is handed over or closed."""
    sock.setblocking(False)
    stream = trio.socket.from_stdlib_socket(sock)
    assert live.record.peer is not None
    with stream:
        session = Session(front, listener, stream, live, live.record.peer)
        await _live(session, first)
        if session.chosen is not None:
            live, first = enter_choice(front, session.chosen, session.client)
            await _live(Session(front, listener, stream, live, session.client), first)


async def _live(session: Session, first: Verdict | Ask | None) -> None:
    front, state = session.front, session.state
    try:
        with trio.CancelScope() as scope:
            # On shutdown, look-ups in progress are cancelled.
            session.live.stage, session.live.running = Stage.WAITING, Task(scope)
            verdict = await session.decide(first)
        if scope.cancelled_caught:
            verdict = Verdict(False, Reason.STOPPING)
        if verdict.admit and "IDONLY" in state.service.flags and session.client.user in ("", UNKNOWN):
            verdict = replace(verdict, admit=False, reason=Reason.IDENT, detail=session.no_user)
        if not verdict.admit:
            await session.refuse(verdict)
        else:
            front.log.granted_by_rule(session.record)
            await session.serve()
    except (OSError, trio.ClosedResourceError, trio.BrokenResourceError):
        pass  # the peer went away: a normal end, and no fault of anybody's
    except Exception as fault:  # noqa: BLE001 - ours, and it may end this connection but no other
        front.log.message("crit", f"a session failed: {type(fault).__name__}: {fault}", state.name)
    finally:
        session.settle()
        front.log.flush()


class Session:
    """The mutable middle of one trip: what has been asked, what has been carried out."""

    def __init__(
        self,
        front: Front,
        listener: Listener,
        sock: trio.socket.SocketType,
        live: LiveSession,
        client: Peer,
    ) -> None:
        self.front = front
        self.live = live
        self.state = live.service
        self.sock = sock
        self.record = live.record
        self.client = client
        self.server = listener.local_of(sock.fileno())
        self.options = RuleOptions(self)
        self.no_user = "no server"
        """Why the client's ident server named nobody, in xinetd's words."""
        self.decided = False
        self.over = False
        self.chosen: CompiledService | None = None
        """The service that the client named to tcpmux: it gets the socket when this session is over."""
        self._facts = Facts()
        self._until = float("inf")

    # ------------------------------------------------------------------ deciding

    async def decide(self, first: Verdict | Ask | None) -> Verdict:
        """The verdict, within the service's time for it; a look-up that takes longer counts as unknown."""
        service = self.state.service
        if service.banner and not await self.send_file(service.banner):
            return Verdict(False, Reason.BANNER, detail="the client did not read its banner")
        self._until = trio.current_time() + self.front.in_force.settings.policy.decide_timeout
        try:
            verdict = first if isinstance(first, Verdict) and not first.admit else await self._ask_all(first)
            if "USERID" in (service.log_on_success if verdict.admit else service.log_on_failure):
                await self.know(Need.USER_NAME)
            await self.options.carry_out(verdict.steps, verdict.rule)
            if service.banners:
                await self.options.send_banners(service.banners)
        except OptionFault as fault:
            verdict = Verdict(False, fault.reason, detail=str(fault))
        self._decided()
        return verdict

    def _decided(self) -> None:
        if not self.decided:
            self.decided, self.live.stage = True, Stage.DECIDED
            self.front.arrivals.undecided -= 1

    async def _ask_all(self, first: Verdict | Ask | None) -> Verdict:
        """``first`` is an Ask only when it is admission's: then the service's own rules are not through yet."""
        admission: Verdict | Ask | None = first if isinstance(first, Ask) else None
        while isinstance(admission, Ask):
            await self._learn(admission)
            admission = self.front.admit_again(self.live, self.client)
        if admission is not None:
            return admission
        if not self.state.wrapped:
            return Verdict(True, Reason.NO_RULE)
        tables = self.front.policy.current() or await self.front.policy.fresh()
        while True:
            answer: Verdict | Ask = decide(tables, self.state.daemon, self.client, self.server, self._facts)
            if isinstance(answer, Verdict):
                return answer
            await self._learn(answer)

    async def _learn(self, ask: Ask) -> None:
        """Finds the one fact out that ``ask`` names, and remembers it."""
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
                await self.options.carry_out(ask.steps, ask.rule)
                succeeded = await self.options.run(ask.option)
                self._facts = replace(self._facts, aclexec={**self._facts.aclexec, ask.option: succeeded})
                # A command has its own time; the look-ups after it have what was left of theirs.
                self._until += trio.current_time() - began
            case _:
                assert_never(ask.need)

    async def know(self, need: Need) -> None:
        """A name or the user, looked up if nobody has yet; ``unknown`` when that takes longer than look-ups may."""
        match need:
            case Need.HOST_NAME if not self.client.name:
                self.client = replace(self.client, name=await self._name_of(self.client.address))
                self.record.peer = self.client
            case Need.SERVER_NAME if not self.server.name:
                self.server = replace(self.server, name=await self._name_of(self.server.address))
            case Need.USER_NAME:
                await self.ask_user()

    async def _name_of(self, address: str) -> str:
        with trio.move_on_at(self._until):
            return await self.front.resolver.name_of(address)
        return UNKNOWN

    async def ask_user(self, seconds: float | None = None) -> None:
        """Asks the client's ident server, for at most ``seconds``; without them for what the settings say."""
        if self.client.user:
            return
        policy = self.front.in_force.settings.policy
        allowed = seconds or max(0.0, min(policy.ident_timeout, self._until - trio.current_time()))
        found = await ident.ask(self.client, self.server, allowed) if self.client.version else Identity(failure="no server")
        self.client = self.record.peer = replace(self.client, user=found.user)
        self.record.userid, self.no_user = found.text, found.failure

    async def send_file(self, path: str) -> bool:
        """Sends a file as it is; False when the client does not read it in time."""
        try:
            data = await client_output.read_file(path)
        except OSError as problem:
            self.say("error", f"banner `{path}` cannot be read: {problem.strerror}")
            return True
        return await client_output.send(self.sock, data, self.front.in_force.settings.policy.banner_timeout)

    def say(self, level: LevelWord, text: str) -> None:
        """A message about this session's service."""
        self.front.log.message(level, text, self.state.name)

    # ------------------------------------------------------------------ the ends

    async def refuse(self, verdict: Verdict) -> None:
        """Banner if any, end of our side, a short wait for the client's: the client sees the banner, not a reset."""
        self._decided()
        self.front.book.over(self.live, Refused(verdict))
        self.over = True
        if self.state.service.banner_fail:
            await self.send_file(self.state.service.banner_fail)
        if self.state.service.mux_client:
            await self.sock.send(REFUSED)
        await part(self.sock)

    async def serve(self) -> None:
        """What the service is there for."""
        service = self.state.service
        if service.banner_success and not await self.send_file(service.banner_success):
            await self.refuse(Verdict(False, Reason.BANNER, detail="the client did not read its banner"))
            return
        if "TCPMUXPLUS" in service.type:
            await self.sock.send(ACCEPTED)
        if service.server or self.options.twist:
            await self._hand_over()
        elif service.redirect:
            await self._redirect(service.redirect)
        else:
            await self._serve_inside()

    async def _serve_inside(self) -> None:
        """An internal service: this task is all there is of it."""
        service, silent = self.state.service, trio.CancelScope()
        self.front.book.count_start(self.live)
        self.front.book.started(self.live)
        self.front.log.flush()
        with trio.move_on_after(service.limits.session or float("inf")) as scope:
            self.live.running = Task(scope)
            self._limit_silence(silent, scope.cancel)
            ended = False
            try:
                if service.internal == "tcpmux":
                    self.chosen = await read_choice(self.front, self.sock)
                elif service.internal == "auth":
                    await auth.stream(self.sock, self.client, self.server, parse_auth_options(service.server_args))
                else:
                    ended = await STREAM[service.internal](self.sock)
                if self.chosen is None and not ended:
                    await part(self.sock)
            finally:
                silent.cancel()

    def _limit_silence(self, scope: trio.CancelScope, on_idle: Callable[[], None]) -> None:
        limit = self.state.service.limits.idle
        if limit is not None:
            copy = socket.socket(fileno=os.dup(self.sock.fileno()))
            self.front.nursery.start_soon(watch, copy, limit, scope, on_idle)

    async def _hand_over(self) -> None:
        if self.client.version and is_dead(self.sock):
            # Reset while it waited for its verdict: not worth a process.
            await self.refuse(Verdict(False, Reason.GONE, detail="the client is gone"))
            return
        self.over = True
        live, silent = self.live, trio.CancelScope()
        live.when_over(lambda _session: silent.cancel())
        self._limit_silence(silent, lambda: self.front.book.end_silent(live))
        options = self.options
        values = await options.values() if options.digests else None
        self.front.launches.hand_over(
            live, self.server, self.sock.detach(), steps=tuple(options.digests), values=values, launcher=options.launcher
        )
        self.front.launches.flush()

    async def _redirect(self, target: str) -> None:
        host, _, port = target.rpartition(":")
        with trio.move_on_after(CONNECT_TIMEOUT) as scope:
            try:
                other = await connect(host.strip("[]"), int(port))
            except OSError as problem:
                await self.refuse(Verdict(False, Reason.REDIRECT, detail=f"cannot connect to `{target}`: {problem}"))
                return
        if scope.cancelled_caught:
            await self.refuse(Verdict(False, Reason.REDIRECT, detail=f"`{target}` does not answer"))
            return
        self.front.book.count_start(self.live)
        self.front.book.started(self.live)
        self.front.log.flush()
        with other:
            limits, traffic = self.state.service.limits, Traffic()
            with trio.move_on_after(limits.session or float("inf")) as scope:
                self.live.running = Task(scope)
                try:
                    await relay(self.sock, other, traffic, idle=limits.idle)
                finally:
                    self.record.traffic = (traffic.received, traffic.sent)

    def settle(self) -> None:
        """Leaves the session, in every case, once."""
        # They hold us as we hold them: without that circle all of a session goes with its task, not at some collection.
        del self.options
        self._decided()
        if not self.over:
            self.over = True
            self.front.book.over(self.live, SERVED)

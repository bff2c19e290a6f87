"""The trip of a connection that has to wait for something: names, hooks, banners, a relay, an internal service.

One task a connection, under deadlines; whatever happens, the session is left and one record is written.
"""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, assert_never

import trio

from superd.auth_options import parse_auth_options
from superd.daemon import farewell
from superd.daemon.farewell import part
from superd.daemon.idle import watch
from superd.daemon.mux import enter_choice, read_choice
from superd.expansion import values_of
from superd.internal import HANDLERS, auth
from superd.net import ident
from superd.net.listener import is_dead
from superd.net.netgroup import member
from superd.net.relay import Traffic, relay
from superd.peer import UNKNOWN
from superd.policy.hosts_access import Facts, decide
from superd.verdict import Ask, Need, Reason, Verdict
from superd.wire.tcpmux import ACCEPTED, REFUSED

if TYPE_CHECKING:
    from superd.daemon.front import Front
    from superd.daemon.state import ServiceState
    from superd.net.listener import Listener
    from superd.peer import Peer
    from superd.record import SessionRecord
    from superd.rule import Option

CONNECT_TIMEOUT = 10.0
"""Seconds a redirect's target may take to answer; TCP's own two minutes would hold the client."""


async def run_session(
    front: Front,
    listener: Listener,
    state: ServiceState,
    sock: socket.socket,
    record: SessionRecord,
    first: Verdict | Ask | None,
) -> None:
    """One connection from its first wait to its end. Owns ``sock`` until it is handed over or closed."""
    sock.setblocking(False)
    stream = trio.socket.from_stdlib_socket(sock)
    assert record.peer is not None
    with stream:
        session = _Session(front, listener, state, stream, record, record.peer)
        await _live(session, first)
        if session.chosen is not None:
            record, first = enter_choice(front, session.chosen, session.client)
            await _live(_Session(front, listener, session.chosen, stream, record, session.client), first)


async def _live(session: _Session, first: Verdict | Ask | None) -> None:
    front, state = session.front, session.state
    try:
        verdict = await session.decide(first)
        if verdict.admit and "IDONLY" in state.service.flags and session.client.user in ("", UNKNOWN):
            verdict = replace(verdict, admit=False, reason=Reason.IDENT, detail="no ident reply")
        if not verdict.admit:
            await session.refuse(verdict)
        else:
            await session.serve()
    except (OSError, trio.ClosedResourceError, trio.BrokenResourceError):
        pass  # the peer went away: a normal end, and no fault of anybody's
    except Exception as fault:  # noqa: BLE001 - ours, and it may end this connection but no other
        front.log.message("crit", f"a session failed: {type(fault).__name__}: {fault}", state.name)
    finally:
        session.settle()
        front.log.flush()


class _Session:
    """The mutable middle of one trip: what has been asked, what has been carried out."""

    def __init__(
        self,
        front: Front,
        listener: Listener,
        state: ServiceState,
        sock: trio.socket.SocketType,
        record: SessionRecord,
        client: Peer,
    ) -> None:
        self.front = front
        self.state = state
        self.sock = sock
        self.record = record
        self.client = client
        self.server = listener.local_of(sock.fileno())
        self.done = 0
        self.digests: list[str] = []
        self.twist = False
        self.user = ""
        self.group = ""
        self.decided = False
        self.over = False
        self.chosen: ServiceState | None = None
        """The service that the client named to tcpmux: it gets the socket when this session is over."""
        self._facts = Facts()

    # ------------------------------------------------------------------ deciding

    async def decide(self, first: Verdict | Ask | None) -> Verdict:
        """The verdict, within the service's time for it; a look-up that takes longer counts as unknown."""
        service = self.state.service
        if service.banner and not await self.send_file(service.banner):
            return Verdict(False, Reason.BANNER, detail="the client did not read its banner")
        verdict = first if isinstance(first, Verdict) and not first.admit else None
        with trio.move_on_after(self.front.settings.policy.decide_timeout) as scope:
            if verdict is None:
                verdict = await self._ask_all(first)
            if "USERID" in (service.log_on_success if verdict.admit else service.log_on_failure):
                await self._ask_user()
        if scope.cancelled_caught and (verdict is None or isinstance(verdict, Ask)):
            verdict = Verdict(False, Reason.DECIDE_TIMEOUT, detail="look-ups took too long")
        assert isinstance(verdict, Verdict)
        verdict = await self._carry_out(verdict)
        if service.banners and verdict.admit is not None:
            await self.send_banners(service.banners)
        self._decided()
        return verdict

    def _decided(self) -> None:
        if not self.decided:
            self.decided = True
            self.front.arrivals.undecided -= 1

    async def _ask_all(self, first: Verdict | Ask | None) -> Verdict:
        """``first`` is an Ask only when it is admission's: then the service's own rules are not through yet."""
        admission: Verdict | Ask | None = first if isinstance(first, Ask) else None
        while isinstance(admission, Ask):
            await self._learn(admission)
            admission = self.front.admit_again(self.record, self.client)
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
            case Need.HOST_NAME:
                self.client = replace(self.client, name=await self.front.resolver.name_of(self.client.address))
            case Need.SERVER_NAME:
                self.server = replace(self.server, name=await self.front.resolver.name_of(self.server.address))
            case Need.USER_NAME:
                await self._ask_user()
            case Need.NETGROUP:
                group, host = ask.netgroup
                known = {**self._facts.netgroups, (group, host): await member(group, host)}
                self._facts = replace(self._facts, netgroups=known)
            case Need.ACLEXEC:
                assert ask.option is not None
                await self._steps(ask.steps)
                status = await self._hook(ask.option)
                self._facts = replace(self._facts, aclexec={**self._facts.aclexec, ask.option: status == 0})
            case _:
                assert_never(ask.need)
        self.record.peer = self.client

    async def _ask_user(self) -> None:
        if self.client.user or not self.client.version:
            return
        user = await ident.ask(self.client, self.server, self.front.settings.policy.ident_timeout)
        self.client = self.record.peer = replace(self.client, user=user or UNKNOWN)
        self.front.log.identified(self.record, user)

    # ------------------------------------------------------------------ the options of the rule

    async def _carry_out(self, verdict: Verdict) -> Verdict:
        """Runs the options of the matched rule, as libwrap does before it says what it decided."""
        failure = await self._steps(verdict.steps)
        if failure:
            return replace(verdict, admit=False, reason=Reason.RULE_BROKEN, detail=failure)
        return verdict

    async def _steps(self, steps: tuple[Option, ...]) -> str:
        for option in steps[self.done :]:
            self.done += 1
            match option.name:
                case "banners":
                    await self.send_banners(option.value)
                case "spawn":
                    await self._hook(option)
                case "severity":
                    self.record.severity = option.value
                case "keepalive":
                    self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
                case "linger":
                    seconds = struct.pack("ii", 1, int(option.value))
                    self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, seconds)
                case "rfc931":
                    if not self.client.user:
                        await self._ask_user()
                case "user":
                    self.user, _, group = option.value.partition(".")
                    self.group = group or self.group
                case "group":
                    self.group = option.value
                case "setenv" | "umask" | "nice":
                    self.digests.append(option.digest)
                case "twist":
                    self.digests.append(option.digest)
                    self.twist = True
        return ""

    async def _hook(self, option: Option) -> int:
        """Runs a command of the policy through the launcher; its exit status, or 1 when it could not be run."""
        values = values_of(self.state.daemon, self.client, self.server, os.getpid())
        return await self.front.launches.run_hook(option, values, self.record)

    # ------------------------------------------------------------------ banners

    async def send_banners(self, folder: str) -> bool:
        """``folder``/daemon with its expansions, as hosts_options(5) has it; no file is no banner."""
        return await self.send_file(f"{folder.rstrip('/')}/{self.state.daemon}", expand=True)

    async def send_file(self, path: str, *, expand: bool = False) -> bool:
        """Sends a file to the client; False when the client does not read it in time."""
        values = values_of(self.state.daemon, self.client, self.server, os.getpid()) if expand else None
        seconds = self.front.settings.policy.banner_timeout
        return await farewell.send_file(
            self.sock, path, values, seconds, lambda text: self.front.log.message("error", text, self.state.name)
        )

    # ------------------------------------------------------------------ the ends

    async def refuse(self, verdict: Verdict) -> None:
        """Banner if any, end of our side, a short wait for the client's: the client sees the banner, not a reset."""
        self._decided()
        self.front.refuse(self.record, verdict)
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
        if service.server or self.twist:
            await self._hand_over()
        elif service.redirect:
            await self._redirect(service.redirect)
        else:
            await self._serve_inside()

    async def _serve_inside(self) -> None:
        """An internal service: this task is all there is of it."""
        service, silent = self.state.service, trio.CancelScope()
        self.front.count_start(self.record)
        self.front.log.started(self.record)
        self.front.log.flush()
        with trio.move_on_after(service.limits.session or float("inf")) as scope:
            self.record.scope = scope
            self._limit_silence(silent, scope.cancel)
            try:
                if service.internal == "tcpmux":
                    self.chosen = await read_choice(self.front, self.sock)
                elif service.internal == "auth":
                    await auth.stream(self.sock, self.client, self.server, parse_auth_options(service.server_args))
                else:
                    await HANDLERS[service.internal](self.sock)
                if self.chosen is None:
                    await part(self.sock)
            finally:
                silent.cancel()

    def _limit_silence(self, scope: trio.CancelScope, on_idle: Callable[[], None]) -> None:
        limit = self.state.service.limits.idle
        if limit is not None:
            copy = socket.socket(fileno=os.dup(self.sock.fileno()))
            self.front.nursery.start_soon(watch, copy, limit, scope, on_idle)

    async def _hand_over(self) -> None:
        profile: int | None = None
        if self.user or self.group:
            profile = self.front.launches.profile_for(self.user, self.group)
            if profile is None:
                # An unknown user, or superd is not root: running it as somebody else is not what the rule says.
                detail = f"cannot become user `{self.user}` group `{self.group}`"
                await self.refuse(Verdict(False, Reason.RULE_BROKEN, detail=detail))
                return
        if self.client.version and is_dead(self.sock):
            # Reset while it waited for its verdict: not worth a process.
            await self.refuse(Verdict(False, Reason.GONE, detail="the client is gone"))
            return
        self.over = True
        self.record.scope = trio.CancelScope()
        self._limit_silence(self.record.scope, lambda: self.front.end_silent(self.record))
        values = values_of(self.state.daemon, self.client, self.server, os.getpid()) if self.digests else None
        self.front.launches.hand_over(
            self.record, self.server, self.sock.detach(), steps=tuple(self.digests), values=values, profile=profile
        )
        self.front.launches.flush()

    async def _redirect(self, target: str) -> None:
        host, _, port = target.rpartition(":")
        with trio.move_on_after(CONNECT_TIMEOUT) as scope:
            try:
                other = await trio.open_tcp_stream(host.strip("[]"), int(port))
            except OSError as problem:
                await self.refuse(Verdict(False, Reason.LAUNCH, detail=f"cannot connect to `{target}`: {problem}"))
                return
        if scope.cancelled_caught:
            await self.refuse(Verdict(False, Reason.LAUNCH, detail=f"`{target}` does not answer"))
            return
        self.front.count_start(self.record)
        self.front.log.started(self.record)
        self.front.log.flush()
        async with other:
            limits, traffic = self.state.service.limits, Traffic()
            with trio.move_on_after(limits.session or float("inf")) as scope:
                self.record.scope = scope
                try:
                    await relay(self.sock, other.socket, traffic, idle=limits.idle)
                finally:
                    self.record.traffic = (traffic.received, traffic.sent)

    def settle(self) -> None:
        """Leaves the session, in every case, once."""
        self._decided()
        if not self.over:
            self.over = True
            self.front.finish(self.record)

"""What the master does at each request of the panel: the handlers of the table in ``ipc/panel_requests.py``.

Runs in: master (root).
Never: asks who the operator is: the control socket has read that, and comes here with their uid.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from superd import __version__
from superd.log.event import Kind
from superd.problem import Severity
from superd.system.kernel_counters import counters, release
from superd.system.process_state import resident

if TYPE_CHECKING:
    from superd.ipc.panel_requests import Request
    from superd.log.log import Log
    from superd.master.control_socket import ControlSocket
    from superd.master.front_orders import FrontOrders
    from superd.master.in_service import InService
    from superd.master.listeners import BoundSockets
    from superd.master.wishes_store import WishesStore
    from superd.problem import Problem

MAX_PROBLEMS = 200
"""Problems of one reading that an answer has."""
MAX_EVENTS = 500


@dataclass(slots=True)
class LastReload:
    """The outcome of the last reload: "" before the first, ``done``, ``refused``. ``when`` is wall-clock seconds.

    It took ``seconds``, from the begin of the reading until it was in force.
    """

    outcome: str = ""
    when: float = 0.0
    seconds: float = 0.0
    summary: str = ""
    problems: tuple[Problem, ...] = ()
    done: int = 0
    refused: int = 0


def _wall() -> float:
    return time.time()  # noqa: TID251 - for people to read


@dataclass(slots=True)
class OperatorRequests:
    """``processes`` returns (kind, pid) of superd's own; ``ask_reload`` and ``ask_dry_run`` begin a reading."""

    orders: FrontOrders
    state: InService
    sockets: BoundSockets
    wishes: WishesStore
    log: Log
    processes: Callable[[], list[tuple[str, int]]]
    ask_reload: Callable[[], None]
    ask_dry_run: Callable[[], None]
    certificates: Callable[[], list[dict[str, object]]] = list
    """Those of services with TLS."""
    group_faults: Callable[[], Mapping[str, str]] = dict
    """Why no group can be made for programs of services that ask for one."""
    configuration: str = ""
    started: float = field(default_factory=_wall)
    read: float = field(default_factory=_wall)
    last: LastReload = field(default_factory=LastReload)
    control: ControlSocket | None = None
    _waiting: dict[int, list[tuple[int, object]]] = field(default_factory=dict)
    """Requests that are answered when the front has applied an order, with their answers."""
    _reloads: list[int] = field(default_factory=list)
    _dry_runs: list[int] = field(default_factory=list)

    def on_request(self, request: Request, uid: int) -> None:
        """Carry a request out; ``uid`` is the operator's where it changes something."""
        fields = request.fields
        match request.word:
            case "state":
                self._answer(request.number, self._state())
            case "wishes":
                wishes = self.wishes.wishes
                answer = {"bans": [asdict(ban) for ban in wishes.bans], "holds": [asdict(hold) for hold in wishes.holds]}
                self._answer(request.number, answer)
            case "events":
                self._answer(request.number, {"events": self._events(fields["after"])})
            case "reload" if fields["dry_run"]:
                self._dry_runs.append(request.number)
                self.ask_dry_run()
            case "reload":
                self.log.message("notice", f"uid {uid} asks for a reload", always=True)
                self._reloads.append(request.number)
                self.ask_reload()
            case "ban":
                self._ban(request, uid)
            case "unban":
                self._unban(request, uid)
            case "hold":
                self._hold(request, uid)
            case "release":
                self._release(request, uid)

    def forget(self) -> None:
        """The panel that asked is gone, and its operators with it."""
        self._waiting.clear()
        self._reloads.clear()
        self._dry_runs.clear()

    def _answer(self, number: int, value: object) -> None:
        assert self.control is not None
        self.control.answer(number, value)

    def _refuse(self, number: int, error: str, text: str) -> None:
        assert self.control is not None
        self.control.refuse(number, error, text)

    # ------------------------------------------------------------------ what is

    def _state(self) -> dict[str, Any]:
        table = self.state.registry.by_address()
        now = _wall()
        return {
            "version": __version__,
            "started": self.started,
            "uptime": max(0.0, now - self.started),
            "read": self.read,
            "kernel": release(),
            "configuration": self.configuration,
            "processes": [{"kind": kind, "pid": pid, **resident(pid)} for kind, pid in self.processes()],
            "missing": [
                {"address": address.describe(), "service": table[address].name if address in table else "", "why": why}
                for address, why in self.sockets.missing().items()
            ],
            "reload": {
                "outcome": self.last.outcome,
                "when": self.last.when,
                "seconds": self.last.seconds,
                "summary": self.last.summary,
                "problems": [_problem(problem) for problem in self.last.problems[:MAX_PROBLEMS]],
                "done": self.last.done,
                "refused": self.last.refused,
            },
            "services": len(self.state.registry.services),
            "certificates": self.certificates(),
            "ungrouped": {**self.state.assignment.ungrouped, **self.group_faults()},
            "tables": {
                "files": [self.state.policy.allow_path, self.state.policy.deny_path],
                "problems": [
                    _problem(problem) for problem in self.state.policy_problems if problem.severity is not Severity.NOTE
                ][:MAX_PROBLEMS],
                "refused": [_problem(problem) for problem in self.state.tables_refused[:MAX_PROBLEMS]],
            },
            "log_waiting": self.log.backlog()[0],
            "log_lost": self.log.backlog()[1],
            "counters": counters(),
        }

    def _events(self, after: int) -> list[dict[str, Any]]:
        found = [
            {
                "sequence": number, "when": event.when, "level": event.level.word, "event": event.kind.word,
                "service": event.service, "session": event.session, "text": event.text, "fields": event.fields,
            }
            for number, event in self.log.recent.after(after)
        ]  # fmt: skip
        return found[-MAX_EVENTS:]

    # ------------------------------------------------------------------ wishes

    def _ban(self, request: Request, uid: int) -> None:
        fields = request.fields
        made = self.wishes.ban(fields["prefix"], fields["service"], fields["seconds"], fields["because"], uid)
        if made is None:
            self._refuse(request.number, "TooMany", "there are as many bans as superd keeps: unban some, or ban a network")
            return
        of = f"{made.prefix} from {made.service or 'all services'}"
        how_long = f"for {fields['seconds']:g} s" if fields["seconds"] else "for ever"
        self._tell(request, {"ban": asdict(made), "unsaved": self._save()}, f"uid {uid} banned {of} {how_long}", made.service)

    def _unban(self, request: Request, uid: int) -> None:
        fields = request.fields
        gone = self.wishes.unban(fields["prefix"], fields["service"])
        if gone is None:
            self._refuse(request.number, "NotFound", f"{fields['prefix']} is not banned")
            return
        text = f"uid {uid} took back the ban of {gone.prefix} from {gone.service or 'all services'}"
        self._tell(request, {"ban": asdict(gone), "unsaved": self._save()}, text, gone.service)

    def _save(self) -> str:
        why = self.wishes.save()
        if why:
            self.log.message("error", f"bans cannot be saved, and end with superd: {why}", always=True)
        return why

    def _hold(self, request: Request, uid: int) -> None:
        fields = request.fields
        services = self.state.registry.services
        names = [name for name in fields["services"] if name in services] if fields["services"] else list(services)
        self.wishes.hold(names, uid, fields["because"], refuse=fields["refuse"], drain=fields["drain"])
        word = "drains" if fields["drain"] else "paused"
        self._tell(request, {"services": names}, f"uid {uid} {word} {_names(names)}")

    def _release(self, request: Request, uid: int) -> None:
        names = self.wishes.release(request.fields["services"] or [hold.service for hold in self.wishes.wishes.holds])
        self._tell(request, {"services": names}, f"uid {uid} resumed {_names(names)}")

    def _tell(self, request: Request, answer: object, text: str, service: str = "") -> None:
        """Have the front apply the wishes; the operator gets the answer when it has."""
        self.log.message("notice", text, service, kind=Kind.BAN if request.word in ("ban", "unban") else Kind.PAUSE, always=True)
        number = self.orders.wishes()
        self._waiting.setdefault(number, []).append((request.number, answer))

    def on_applied(self, number: int) -> None:
        """The front has applied an order."""
        for request, answer in self._waiting.pop(number, ()):
            self._answer(request, answer)

    def on_front_ready(self) -> None:
        """A new front began with everything that was ordered."""
        for number in tuple(self._waiting):
            self.on_applied(number)

    # ------------------------------------------------------------------ reloads

    def on_reloaded(
        self, outcome: str, summary: str, problems: tuple[Problem, ...], changes: object, seconds: float = 0.0
    ) -> None:
        """A reload is in force, or refused: ``outcome`` is ``done`` or ``refused``. Answer those who wait for it."""
        self.last.outcome, self.last.summary, self.last.problems, self.last.when = outcome, summary, problems, _wall()
        self.last.seconds = seconds
        if outcome == "done":
            self.read = self.last.when
            self.last.done += 1
        else:
            self.last.refused += 1
        waiting, self._reloads = self._reloads, []
        for number in waiting:
            self._answer(number, _outcome(outcome, summary, problems, changes))

    def on_dry_run(self, outcome: str, summary: str, problems: tuple[Problem, ...], changes: object) -> None:
        """A reload would be like this."""
        waiting, self._dry_runs = self._dry_runs, []
        for number in waiting:
            self._answer(number, _outcome(outcome, summary, problems, changes))


def _outcome(outcome: str, summary: str, problems: tuple[Problem, ...], changes: object) -> dict[str, object]:
    shown = [_problem(problem) for problem in problems[:MAX_PROBLEMS]]
    return {"outcome": outcome, "summary": summary, "problems": shown, "changes": changes}


def _problem(problem: Problem) -> dict[str, object]:
    return {
        "file": problem.origin.file, "line": problem.origin.line, "severity": problem.severity.value,
        "message": problem.message, "hint": problem.hint,
    }  # fmt: skip


def _names(names: list[str]) -> str:
    shown = ", ".join(names[:5])
    return f"{shown} and {len(names) - 5} more" if len(names) > 5 else shown or "nothing"

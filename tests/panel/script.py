"""Runs a method of the panel against answers of a front and a master that a test writes down."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from superd.ipc import panel_messages as front
from superd.panel.steps import Method, Pause, Refusal, Reply, ToMaster

STATE: dict[str, Any] = {
    "version": "1", "started": 1.0, "uptime": 2.0, "read": 1.0, "kernel": "Linux 6.1", "configuration": "c",
    "log_waiting": 0, "log_lost": 0, "certificates": [], "ungrouped": {},
    "tables": {"files": ["/etc/hosts.allow", "/etc/hosts.deny"], "problems": [], "refused": []},
    "processes": [{"kind": "master", "pid": 5, "memory": 1}], "missing": [], "services": 1, "counters": {},
    "reload": {"outcome": "", "when": 0.0, "seconds": 0.0, "summary": "", "problems": [], "done": 0, "refused": 0},
}  # fmt: skip
GIT = front.ServiceRow("git", ("*:9418/stream",), "/usr/bin/git", "nobody", 3, 50, -1, 0, 1, 2, 3, 4, "cps", 0.0, "")
FRONT = front.FrontRow(1, 2, 3, 0, 0, 0.0, 9.0)


def session(conn: int, peer: str = "192.0.2.1:5", service: str = "git", age: float = 9.0) -> front.SessionRow:
    return front.SessionRow(conn, service, peer, "", "", "", 77, "running", age, "")


class World:
    """A front with these services and sessions, and a master with this state and these wishes."""

    def __init__(self, *sessions: front.SessionRow) -> None:
        self.services = [GIT]
        self.sessions = list(sessions)
        self.events: list[front.EventRow] = []
        self.minutes: list[front.MinutesRow] = []
        self.counts: list[front.CountRow] = []
        self.state = {**STATE, "reload": dict(STATE["reload"])}
        self.wishes: dict[str, Any] = {"bans": [], "holds": []}
        self.asked: list[ToMaster] = []
        self.kicked: list[front.Kick] = []
        self.front_is_there = True
        self.on_pause: Callable[[], None] | None = None
        self.replies: list[dict[str, Any]] = []

    def _front(self, question: Any) -> Any:
        if not self.front_is_there:
            raise Refusal("Unavailable", text="no front")
        rows: list[Any] = []
        match question:
            case front.AskFront():
                rows = [FRONT]
            case front.AskServices():
                rows = self.services if not question.after else []
            case front.AskService(_, name):
                rows = [row for row in self.services if row.name == name]
                rows += [front.ReasonRow(name, "cps", 4, 9, "192.0.2.9", 2.0, "")] * bool(rows)
            case front.AskSessions(_, name, after):
                fitting = [row for row in self.sessions if row.conn > after and name in ("", row.service)]
                rows, more = fitting[:2], str(fitting[1].conn) if len(fitting) > 2 else ""
                return front.Answer(0, more), rows
            case front.AskEvents(_, after):
                rows = [row for row in self.events if row.sequence > after]
            case front.AskMinutes():
                rows = self.minutes
            case front.AskCounts():
                rows = self.counts
            case front.AskBans(_, at):
                rows = [front.BanRow(ban["prefix"], ban["service"], 5) for ban in self.wishes["bans"]][at:]
            case front.AskPenalties(_, at):
                rows = [front.PenaltyRow("s", "192.0.2.9", 20.0, 3, "refused 2")][at:]
            case front.Lift(_, prefix, name):
                rows = [front.PenaltyRow("", "192.0.2.8", 0.0, 1, "sensor trap 2")] if (prefix, name) == ("192.0.2.8", "") else []
            case front.AskClient(_, name):
                ban = self.wishes["bans"][0]["prefix"] if self.wishes["bans"] else ""
                rows = (
                    [front.ClientRow(ban, "", 3, 50, 1, -1, "", "", False)]
                    if any(row.name == name for row in self.services)
                    else []
                )
            case front.Kick():
                self.kicked.append(question)
                rows = [row for row in self.sessions if row.conn == question.conn]
        return front.Answer(0, ""), rows

    def _master(self, request: ToMaster) -> Any:
        self.asked.append(request)
        match request.word:
            case "state":
                return self.state
            case "wishes":
                return self.wishes
            case "events":
                return {"events": []}
            case "unban" if request.fields["prefix"] in ("192.0.2.8", "192.0.2.7"):
                raise Refusal("NotFound", text=f"{request.fields['prefix']} is not banned")
            case "ban" | "unban":
                ban = {"prefix": request.fields["prefix"], "service": request.fields["service"], "by": 0}
                return {"ban": ban, "unsaved": ""}
            case "hold" | "release":
                return {"services": request.fields["services"]}
        return {"outcome": "done", "summary": "", "problems": [], "changes": None}

    def run(self, method: Method) -> dict[str, Any]:
        """Returns the last reply; raises the method's ``Refusal``."""
        result: Any = None
        try:
            while True:
                step = method.throw(result) if isinstance(result, Refusal) else method.send(result)
                result = None
                match step:
                    case Reply():
                        self.replies.append(step.parameters)
                    case Pause():
                        assert self.on_pause is not None
                        self.on_pause()
                    case ToMaster():
                        try:
                            result = self._master(step)
                        except Refusal as refusal:
                            result = refusal
                    case _:
                        try:
                            result = self._front(step)
                        except Refusal as refusal:
                            result = refusal
        except StopIteration as end:
            value: dict[str, Any] = end.value
            return value

"""What an import carries over, changes and cannot keep. A pure value and its text; writes and prints nothing.

Runs in: the operator's commands.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from superd.config.foreign import OF_DISABLED, Foreign
from superd.frozen import frozen
from superd.problem import Origin, Problem, Severity
from superd.service import Service

MOST_PLACES = 8
"""Places of one line that are named."""


@dataclass(frozen=True, slots=True, order=True)
class Line:
    """One line of the report; ``instead`` says what to do where something is lost or differs, ``also`` where it is so too."""

    origin: Origin
    what: str
    instead: str = ""
    also: tuple[Origin, ...] = field(default=(), compare=False)

    def __str__(self) -> str:
        text = f"{self.origin}: {self.what}" + (f"\n      instead: {self.instead}" if self.instead else "")
        if self.also:
            places = ", ".join(map(str, self.also[:MOST_PLACES])) + (" …" if len(self.also) > MOST_PLACES else "")
            text += f"\n      {len(self.also) + 1} times, also at: {places}"
        return text


@frozen
class Report:
    """Three lists, each by old file and line. ``failed``: an entry that was switched on is lost, or this host refuses it."""

    carried: tuple[Line, ...]
    changed: tuple[Line, ...]
    lost: tuple[Line, ...]
    failed: bool = False
    written: bool = True

    def __str__(self) -> str:
        parts = []
        for title, lines in (
            ("carried over" if self.written else "would be carried over", self.carried),
            ("changes meaning", self.changed),
            ("cannot be kept", self.lost),
        ):
            parts.append(f"{title}: {len(lines)}")
            parts.extend(f"  {line}" for line in lines)
        return "\n".join(parts) + "\n"


def report(
    foreign: Foreign, wrong_here: Iterable[Problem] = (), names: Mapping[str, str] | None = None, *, written: bool = True
) -> Report:
    """Sort what the reader found: errors are lost, warnings and notes differ, the rest is as it was.

    ``wrong_here`` are errors of this host with entries that are written as they are: it would not start with these files.
    Such an entry counts as lost and as nothing else. ``names`` are the files of the services.
    """
    refused_here = list(wrong_here)
    places = {problem.origin for problem in refused_here}
    carried: list[Line] = []
    changed: list[Line] = []
    for service in foreign.services:
        place = foreign.origins.get((service.name, ""), Origin(""))
        own = {origin for (name, _), origin in foreign.origins.items() if name == service.name} if places else set()
        if not places & own:
            carried.append(Line(place, _carried(service, foreign, names or {})))
    changed += _for_all(foreign)
    lost: list[Line] = []
    for problem in foreign.problems:
        finding = Line(problem.origin, problem.message, problem.hint)
        gone = problem.severity is Severity.ERROR or problem.message.endswith(OF_DISABLED)
        (lost if gone else changed).append(finding)
    failed = bool(refused_here) or any(problem.severity is Severity.ERROR for problem in foreign.problems)
    for problem in refused_here:
        hint = "superd does not start with this file until it is corrected; read live, the old file is served without this entry"
        lost.append(Line(problem.origin, f"{problem.message} (on this host)", problem.hint or hint))
    return Report(tuple(sorted(carried)), tuple(_once(changed)), tuple(_once(lost)), failed, written)


def _carried(service: Service, foreign: Foreign, names: Mapping[str, str]) -> str:
    parts = [f"`{service.name}`"]
    if service.name in names:
        parts.append(f"→ {names[service.name]}")
    if service.disable:
        parts.append("(disabled)")
    if service.name in foreign.renamed:
        parts.append(f"(its id `{foreign.renamed[service.name]}` is taken by another entry)")
    return " ".join(parts)


def _for_all(foreign: Foreign) -> list[Line]:
    """What changes for every service of an xinetd.conf that leaves an attribute out: said once, with the services' names."""
    served = [service for service in foreign.services if service.log_style == "xinetd" and not service.disable]
    unlogged = [service for service in served if not service.log_type and (service.log_on_success or service.log_on_failure)]
    unhurried = [service for service in served if service.cps == Service.model_fields["cps"].default]
    limited = [service for service in served if service.rlimit_files is None and service.server]
    found = []
    for services, what, instead in (
        (unlogged, "no log_type: xinetd logged nothing, superd logs to its own log", ""),
        (
            unhurried,
            "no cps: xinetd closed the service for 10 s above 50 connections a second; superd refuses one source's above 200",
            "set `cps = [50, 10]` where a source that is too quick is to pause",
        ),
        (
            limited,
            "programs keep the soft limit of open files; xinetd raised it to the hard limit",
            "set rlimit_files where a program needs more",
        ),
    ):
        if services:
            names = ", ".join(f"`{service.name}`" for service in services[:MOST_PLACES])
            more = f" and {len(services) - MOST_PLACES} more" if len(services) > MOST_PLACES else ""
            place = min(foreign.origins.get((service.name, ""), Origin("")) for service in services)
            found.append(Line(place, f"{names}{more}: {what}", instead))
    return found


def _once(findings: Iterable[Line]) -> list[Line]:
    """Each finding once, with the places where it is so too."""
    kinds: dict[tuple[str, str], list[Line]] = {}
    for finding in sorted(findings):
        kinds.setdefault((finding.what, finding.instead), []).append(finding)
    return sorted(
        Line(same[0].origin, same[0].what, same[0].instead, tuple(dict.fromkeys(other.origin for other in same[1:])))
        for same in kinds.values()
    )

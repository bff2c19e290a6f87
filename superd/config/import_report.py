"""What an import carries over, changes and cannot keep. A pure value and its text; writes and prints nothing."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from superd.config.foreign import Foreign
from superd.problem import Origin, Problem, Severity


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """One line of the report; ``instead`` says what to do where something is lost or differs."""

    origin: Origin
    what: str
    instead: str = ""

    def __str__(self) -> str:
        return f"{self.origin}: {self.what}" + (f"\n      instead: {self.instead}" if self.instead else "")


@dataclass(frozen=True, slots=True)
class Report:
    """Three lists, each by old file and line."""

    carried: tuple[Finding, ...]
    changed: tuple[Finding, ...]
    lost: tuple[Finding, ...]

    def __str__(self) -> str:
        parts = []
        for title, findings in (
            ("carried over", self.carried),
            ("changes meaning", self.changed),
            ("cannot be kept", self.lost),
        ):
            parts.append(f"{title}: {len(findings)}")
            parts.extend(f"  {finding}" for finding in findings)
        return "\n".join(parts) + "\n"


def report(foreign: Foreign, wrong_here: Iterable[Problem] = ()) -> Report:
    """Sorts what the reader found: errors are lost, warnings and notes differ, the rest is as it was.

    ``wrong_here`` are errors of this host with entries that were written as they are: it would not start with these files.
    """
    carried: list[Finding] = []
    changed: list[Finding] = []
    lost: list[Finding] = []
    for service in foreign.services:
        place = foreign.origins.get((service.name, ""), Origin(""))
        keys = sorted(
            {key for name, key in foreign.origins if name == service.name and key and _was_set(service, key)} - {"name"}
        )
        state = " (disabled)" if service.disable else ""
        carried.append(Finding(place, f"`{service.name}`{state}: {' '.join(keys)}".rstrip(": ")))
        if service.log_style == "xinetd" and not service.disable:
            if not service.log_type and (service.log_on_success or service.log_on_failure):
                changed.append(
                    Finding(place, f"`{service.name}` has no log_type: xinetd logged nothing, superd logs to its own log")
                )
            if service.rlimit_files is None:
                changed.append(
                    Finding(
                        place,
                        f"`{service.name}` keeps the soft limit of open files; xinetd raised it to the hard limit",
                        "set rlimit_files where the program needs more",
                    )
                )
    for problem in foreign.problems:
        finding = Finding(problem.origin, problem.message, problem.hint)
        (lost if problem.severity is Severity.ERROR else changed).append(finding)
    for problem in wrong_here:
        hint = "mend it before `superd run`, which does not start with it; of the old file it leaves the entry out"
        lost.append(Finding(problem.origin, f"{problem.message} (on this host)", hint))
    return Report(tuple(sorted(carried)), tuple(sorted(changed)), tuple(sorted(lost)))


def _was_set(service: object, key: str) -> bool:
    return key in getattr(service, "model_fields_set", ())

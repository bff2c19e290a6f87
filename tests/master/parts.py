"""Parts of a master for its unit tests: small values, and fakes where a process would have to die or be slow."""

from __future__ import annotations

from superd.master.assignment import Assignment
from superd.master.configuration import Configuration
from superd.master.in_service import InService
from superd.policy_snapshot import PolicySnapshot
from superd.problem import Problem
from superd.registry import Registry
from superd.service import Service
from superd.settings import Settings


class Lines:
    """A log that keeps what it is given."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.due: float | None = None

    def message(self, level: str, text: str, service: str = "", **_: object) -> None:
        self.lines.append(f"{level}: {text}")

    def configure(self, settings: Settings) -> None:
        pass

    def flush(self) -> None:
        pass


def registry(**listen: str) -> Registry:
    """Services by name, each of which listens at one address."""
    made = {
        name: Service.model_validate({"name": name, "server": "/bin/cat", "listen": [address]})
        for name, address in listen.items()
    }
    return Registry(made, Settings())


def configuration(services: Registry, *problems: Problem) -> Configuration:
    return Configuration(services, problems, PolicySnapshot(()), (), Assignment())


def in_service(services: Registry, *problems: Problem) -> InService:
    return InService.of(configuration(services, *problems))

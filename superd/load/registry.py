"""What: the configuration, read and compiled once: after this a registry can be served as it is.

Runs in: master, cli. Never: keeps what it compiled.
"""

from __future__ import annotations

from dataclasses import replace

from superd.errors import ConfigError
from superd.load.policy import load_policy
from superd.load.services import read
from superd.load.settings import tables_of
from superd.load.sources import Sources
from superd.policy.admission import compile_access
from superd.policy.proxies import compile_proxies
from superd.problem import Origin, Problem, error
from superd.registry import Registry
from superd.service import Service
from superd.settings import Settings


def load(sources: Sources, *, keep_going: bool = False) -> tuple[Registry, tuple[Problem, ...]]:
    """Return the registry and its warnings. Raises ``ConfigError`` with every problem, the tables' too."""
    try:
        registry, problems = read(sources, keep_going=keep_going)
        before: tuple[Problem, ...] = ()
        settings: Settings | None = registry.settings
    except ConfigError as refused:
        registry, problems, before, settings = Registry({}), (), refused.problems, refused.settings
    wrong: list[Problem] = []
    services = dict(registry.services)
    faults: dict[tuple[object, ...], str] = {}
    for name, service in registry.services.items():
        # Once for each: 150 services may have the same 1,000 networks out of [defaults].
        lists = (
            service.only_from,
            service.no_access,
            service.access_times,
            service.limits,
            service.cps,
            service.proxy_from,
            service.proxy_optional_from,
        )
        if lists not in faults:
            faults[lists] = _fault(service)
        if fault := faults[lists]:
            key = _key_of(fault, service)
            origins = registry.origins
            where = origins.get((name, key)) or origins.get((name, ""), Origin(name))
            wrong.append(error(where, f"`{key}`: {fault}"))
            del services[name]
    if before or (wrong and not keep_going):
        raise ConfigError((*before, *problems, *wrong, *_of_tables(sources)), settings)
    return replace(registry, services=services), (*problems, *wrong)


def _fault(service: Service) -> str:
    try:
        compile_access(service)
        compile_proxies(service)
    except (ValueError, OverflowError) as problem:
        return str(problem)
    return ""


def _of_tables(sources: Sources) -> tuple[Problem, ...]:
    try:
        return load_policy(*tables_of(sources))[1]
    except ConfigError as refused:
        return refused.problems


def _key_of(message: str, service: Service) -> str:
    keys = ("only_from", "no_access", "quiet", "proxy_from", "proxy_optional_from")
    for key, words in (
        *((key, getattr(service, key) or ()) for key in keys),
        ("limits.exempt", service.limits.exempt),
        ("limits.penalties.exempt", service.limits.penalties.exempt),
    ):
        if any(f"`{word}`" in message for word in words):
            return key
    return "access_times"

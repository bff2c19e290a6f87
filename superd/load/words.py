"""What: services whose words have a grammar that they break go on without these words, so that the other checks still run.

Runs in: master, cli. Never: serves such a service.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from superd.config.checks.values import check_words
from superd.load.numbers import port_number
from superd.problem import Origin, Problem, error
from superd.service import Service

if TYPE_CHECKING:
    from collections.abc import Mapping

SOMEWHERE: Mapping[str, Any] = {"port": 0, "listen": ()}
"""The address of a service whose own is wrong: clashes with no other, and counts as one."""


def without_bad_words(
    services: dict[str, Service], origins: Mapping[tuple[str, str], Origin], problems: list[Problem]
) -> set[str]:
    """Return the services that have such a word; they are replaced in ``services``."""
    broken: set[str] = set()
    for name, service in list(services.items()):
        wrong = check_words(service)
        for key, message in wrong:
            where = origins.get((name, key)) or origins.get((name, ""), Origin(name))
            text, hint = _other_protocol(service) if key == "port" else ("", "")
            problems.append(error(where, f"`{key}`: {text or message}", hint))
        if wrong:
            broken.add(name)
            update = {key: Service.model_fields[key].default for key, _ in wrong}
            if {"port", "listen"} & set(update):
                update |= SOMEWHERE
            services[name] = service.model_copy(update=update)
    return broken


def _other_protocol(service: Service) -> tuple[str, str]:
    """What to say of a port whose name /etc/services has for the other protocol alone, and the right line."""
    other = {"tcp": "udp", "udp": "tcp"}.get(service.proto)
    if other is None or not isinstance(service.port, str) or not isinstance(port_number(service.port, other), int):
        return "", ""
    kind = "dgram" if other == "udp" else "stream"
    return f"`{service.port}` is in /etc/services for {other}, not for {service.proto}", f'write `socket_type = "{kind}"`'

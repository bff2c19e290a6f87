"""superd.toml's [defaults] laid under the services of another daemon's file. Reads no file; pure; any process.

What such a file says itself counts, its own `defaults` among it; what its daemon implies (the environment, the log's style)
gives way to what an operator wrote in superd.toml.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from superd.config.toml.service_file import Keys, make_service
from superd.limits import Limits
from superd.problem import Origin, Problem
from superd.service import Service

OF_THE_FILE = frozenset({
    "name", "service", "type", "flags", "socket_type", "protocol", "wait", "port", "listen", "v6only", "server", "server_args",
    "redirect", "user", "group", "rpc_version", "rpc_number", "socket_mode", "socket_user", "socket_group",
})  # fmt: skip
"""Keys that say which service it is and who answers there: a default of superd's never reaches them."""


def with_defaults(
    service: Service, said: frozenset[str], defaults: Keys, places: Mapping[str, Origin], whole: Origin
) -> tuple[Service, dict[str, Origin], tuple[Problem, ...]]:
    """The service over ``defaults``, where each of these stands, and what is wrong with them.

    ``said`` are the keys that the foreign file itself gives this service.
    """
    taken = {key: value for key, value in defaults.items() if key not in OF_THE_FILE and key not in said}
    limits = {key: value for key, value in _limits_of(defaults).items() if key not in service.limits.model_fields_set}
    if limits:
        taken["limits"] = limits | service.limits.model_dump(include=service.limits.model_fields_set)
    else:
        taken.pop("limits", None)
    if not taken:
        return service, {}, ()
    made, problems = make_service(service.name, taken | {"disable": True}, places, whole)
    if made is None or problems:
        return service, {}, problems
    update: dict[str, Any] = {key: getattr(made, key) for key in taken}
    return service.model_copy(update=update), {key: places[key] for key in taken if key in places}, ()


def _limits_of(defaults: Keys) -> dict[str, Any]:
    limits = defaults.get("limits")
    return {key: value for key, value in limits.items() if key in Limits.model_fields} if isinstance(limits, dict) else {}

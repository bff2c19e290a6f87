"""What: the ports and RPC numbers that services name as /etc/services and /etc/rpc do.

Runs in: master, cli. Never: reports; a name that is not known stays, and the checks say so.
"""

from __future__ import annotations

import socket
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from superd.config.rpc_names import parse_rpc
from superd.key_conflicts import USER_WORDS
from superd.service import INTERNAL_PORTS
from superd.system.accounts import gid_of, uid_of

if TYPE_CHECKING:
    from superd.config.foreign import FileReader
    from superd.config.toml.service_file import Keys
    from superd.service import Service


def with_port(name: str, keys: Keys) -> Keys:
    """Return the keys of service ``name`` with a numeric port, which the service's own name stands for if there is none."""
    port = keys.get("port")
    protocol = "udp" if keys.get("socket_type") == "dgram" else "tcp"
    if isinstance(port, str):
        return {**keys, "port": port_number(port, protocol)}
    if port is not None or "listen" in keys:
        return keys
    types = _types(keys)
    if "RPC" in types:
        return {**keys, "port": 0}  # any: rpcbind knows it
    if {"TCPMUX", "TCPMUXPLUS"} & set(types):
        return keys
    service = keys.get("service", name)
    number = port_number(service if isinstance(service, str) else name, protocol)
    return {**keys, "port": number} if isinstance(number, int) else keys


def resolved(service: Service, files: FileReader) -> Service:
    """Return the service with numbers for what it names: its port, its redirect's, its RPC program."""
    update: dict[str, Any] = {}
    if isinstance(service.port, str):
        update["port"] = port_number(service.port, service.proto)
    if service.redirect and isinstance(service.redirect.port, str):
        update["redirect"] = replace(service.redirect, port=port_number(service.redirect.port, "tcp"))
    if "RPC" in service.type and service.rpc_number is None:
        update["rpc_number"] = _program(service, files)
    for key in ("only_from", "no_access", "quiet", "proxy_from", "proxy_optional_from"):
        words = getattr(service, key) or ()
        numbers = tuple(map(user_number, words))
        if numbers != words:
            update[key] = numbers
    limits = service.limits
    exempt, unpenalised = tuple(map(user_number, limits.exempt)), tuple(map(user_number, limits.penalties.exempt))
    if (exempt, unpenalised) != (limits.exempt, limits.penalties.exempt):
        penalties = limits.penalties.model_copy(update={"exempt": unpenalised})
        update["limits"] = limits.model_copy(update={"exempt": exempt, "penalties": penalties})
    return service.model_copy(update=update) if update else service


def port_number(name: str, protocol: str) -> int | str:
    """Return the port of this name, as getservbyname(3) knows it, or the name itself."""
    if name.isascii() and name.isdecimal():
        return int(name)
    try:
        return socket.getservbyname(name, protocol)
    except OSError:
        return INTERNAL_PORTS.get(name, name)


def user_number(word: str) -> str:
    """Return ``uid:NAME`` and ``gid:NAME`` with the number; a name that does not exist stays, and is reported as such."""
    name = word[4:]
    if word[:4].lower() not in USER_WORDS or name.isdecimal():
        return word
    try:
        return f"uid:{uid_of(name)}" if word[0] in "uU" else f"gid:{gid_of(name)}"
    except (KeyError, ValueError):
        return word


def _program(service: Service, files: FileReader) -> int | None:
    try:
        return parse_rpc(files.read("/etc/rpc").decode("utf-8", "replace")).get(service.service)
    except OSError:
        return None


def _types(keys: Keys) -> list[str]:
    value = keys.get("type", [])
    return [str(word).upper() for word in (value if isinstance(value, list) else [value])]

"""What is wrong with a service's table [sandbox] on this host, and with the tables of several services. Pure: facts come in.

Runs in: the reading child, the operator's commands.
"""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING, Protocol

from superd.problem import Origin, Problem, error, warning

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from superd.sandbox import Sandbox
    from superd.service import Service


class SandboxHost(Protocol):
    """What is asked of the host: each answers about one path or table with what is wrong, or nothing."""

    @property
    def root(self) -> bool:
        """Whether superd is root."""

    @property
    def folder(self) -> Callable[[str], str]:
        """What is wrong with a folder."""

    @property
    def not_only_root(self) -> Callable[[str], str]:
        """How another user than root can change it."""

    @property
    def sandbox(self) -> Callable[[Sandbox], str]:
        """Why this host cannot carry it out."""

    @property
    def account_in(self) -> Callable[[range], str]:
        """The name of a user whose id is in the range."""


def check_sandbox(service: Service, at: Callable[[str], Origin], host: SandboxHost) -> list[Problem]:
    """An error for each key that this host cannot carry out, or that would keep the program itself from running."""
    sandbox = service.sandbox
    if not sandbox.any or service.disable:
        return []
    found: list[Problem] = []
    if sandbox.root and (wrong := host.folder(sandbox.root)):
        found.append(error(at("sandbox.root"), f"`{sandbox.root}` {wrong}", f"mkdir {sandbox.root}"))
    elif sandbox.root and host.root and (wrong := host.not_only_root(sandbox.root)):
        hint = f"let root alone change it (ls -ld {sandbox.root})"
        found.append(error(at("sandbox.root"), f"`{sandbox.root}` is / for a program, and {wrong}", hint))
    elif sandbox.root and service.stdio == "pty" and host.folder(f"{sandbox.root}/dev"):
        message = f'`stdio = "pty"` needs a folder `{sandbox.root}/dev`, where the terminals are'
        found.append(error(at("sandbox.root"), message, f"mkdir {sandbox.root}/dev"))
    elif sandbox.ambient and not host.root:
        found.append(error(at("sandbox.ambient"), "superd is not root, so that it cannot give capabilities"))
    elif sandbox.dynamic_user and not host.root:
        message = "superd is not root, so that it cannot give each program a user of its own"
        found.append(error(at("sandbox.dynamic_user"), message, "remove the key, or start superd as root"))
    elif wrong := host.sandbox(sandbox):
        hint = "remove the key, or give superd what it needs (root, CAP_SYS_ADMIN, user namespaces)"
        found.append(error(at("sandbox"), f"this host cannot do what `sandbox` says: {wrong}", hint))
    if (
        sandbox.landlock_files
        and service.server
        and not any(_beneath(service.server, path) for path, *_ in sandbox.landlock_files)
    ):
        folder = posixpath.dirname(service.server)
        message = f"`landlock` does not let the program itself be executed: `{service.server}` is not in it"
        found.append(error(at("sandbox.landlock"), message, f'add "{folder}"'))
    if sandbox.users and (owner := host.account_in(sandbox.users)):
        message = f"`{sandbox.dynamic_user}` has the id of `{owner}`, a user of this host"
        found.append(error(at("sandbox.dynamic_user"), message, "give a range that no user and no container has"))
    programs = len(sandbox.users) - 1
    if sandbox.users and (service.most_instances is None or service.most_instances > programs):
        message = (
            f"`{sandbox.dynamic_user}` has users for {programs} programs; a client beyond waits 10 s for one, then is refused"
        )
        found.append(warning(at("sandbox.dynamic_user"), message, f"set `instances = {programs}`, or give a longer range"))
    return found


def check_ranges(services: Mapping[str, Service], at: Callable[[str, str], Origin]) -> list[Problem]:
    """An error for each service whose `dynamic_user` has an id of another service's."""
    found: list[Problem] = []
    known: list[Service] = []
    for service in services.values():
        mine = service.sandbox.users
        if not mine or service.disable:
            continue
        for other in known:
            theirs = other.sandbox.users
            if mine[0] <= theirs[-1] and theirs[0] <= mine[-1]:
                message = f"`{service.sandbox.dynamic_user}` overlaps the users of service `{other.name}`"
                found.append(error(at(service.name, "sandbox.dynamic_user"), message, "give each service a range of its own"))
        known.append(service)
    return found


def _beneath(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip("/") + "/")

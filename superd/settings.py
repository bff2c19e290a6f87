"""superd.toml: the daemon itself. One value, read once a reload; services have ``service.py``.

Runs in: any process. Never: reads a file.
"""

from __future__ import annotations

import ipaddress
import re
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, Field, model_validator

from superd.model import Model, table
from superd.quantities import Seconds, Words
from superd.service_values import PageAddress
from superd.syslog_priority import FACILITIES
from superd.wishes import parse_prefix


def _known_facility(value: str) -> str:
    # Not a Literal: its message would list twenty words.
    if value not in FACILITIES:
        raise ValueError(f"`{value}` is not a syslog facility")
    return value


Facility = Annotated[str, AfterValidator(_known_facility)]


class PolicySettings(Model):
    """``[policy]``: TCP Wrappers."""

    hosts_allow: str = Field("/etc/hosts.allow", description='table of who may connect; absent is empty; "" is none')
    hosts_deny: str = Field("/etc/hosts.deny", description='table of who may not connect; absent is empty; "" is none')
    facility: Facility = Field("authpriv", description="syslog facility of policy messages")
    hook_user: str = Field("", description="user that spawn and aclexec commands run as; default: the service's")
    hook_timeout: Seconds = Field(10.0, description="longest time a spawn or aclexec command may hold a connection")
    hooks_at_once: int = Field(
        64, ge=1, le=64, description="spawn and aclexec commands at once", json_schema_extra={"unit": "commands"}
    )
    decide_timeout: Seconds = Field(5.0, description="longest time all look-ups of one connection may take")
    ident_timeout: Seconds = Field(5.0, description="longest time an ident server may take")
    lookups_at_once: int = Field(
        256,
        ge=1,
        description="names asked for at once; peers of one network (/24, /48) have a sixteenth of it",
        json_schema_extra={"unit": "look-ups"},
    )
    banner_timeout: Seconds = Field(10.0, description="longest time a client may take to read a banner")


class LogSettings(Model):
    """``[log]``: where events go."""

    targets: tuple[Literal["stderr", "stdout", "syslog", "journal"], ...] = Field(
        (), description="default: the journal under systemd, stdout as the first process of a container, else stderr"
    )
    format: Literal["auto", "text", "json"] = Field(
        "auto", description="format on stderr and stdout; auto: text on a terminal, else JSON"
    )
    syslog_format: Literal["rfc3164", "rfc5424"] = Field(
        "rfc3164", description="format of syslog records; rfc5424 has the fields as structured data"
    )
    facility: Facility = Field("daemon", description="syslog facility of everything but policy messages")
    queue: int = Field(
        10000, ge=100, description="records kept while a log target does not take them", json_schema_extra={"unit": "records"}
    )


class ControlSettings(Model):
    """``[control]``: the socket that `superd status` and its like use."""

    socket: str = Field(
        "auto",
        description='path of the control socket; auto: /run/superd/control, or a user\'s below $XDG_RUNTIME_DIR; "" is none',
        json_schema_extra={"restart": True},
    )
    admins: Words = Field(
        ("%superd",), description="users and %groups, besides root, who may change things: kick, ban, pause, reload"
    )
    viewers: Words = Field((), description="users and %groups who may look: status, sessions, bans, logs")


def _network(value: str) -> str:
    try:
        return parse_prefix(value)
    except ValueError as problem:
        raise ValueError(str(problem)) from None


def _host_name(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_]([A-Za-z0-9_.-]{0,251}[A-Za-z0-9_])?", text):
        raise ValueError(f"`{text}` is not the name of a host")
    return text.lower()


class HttpSettings(Model):
    """A page that the panel serves: ``listen`` and who may ask."""

    listen: PageAddress = Field(None, description="address of this page, as 127.0.0.1:9190 or unix:/path; default: it is off")
    allow: tuple[Annotated[str, AfterValidator(_network)], ...] = Field(
        (), description="networks that may ask besides this host; an address that others reach needs them"
    )
    names: tuple[Annotated[str, AfterValidator(_host_name)], ...] = Field(
        (),
        description="names by which browsers and Prometheus may ask for it, besides this host's own, localhost and addresses; "
        "others are refused, or a web page of a stranger could read it (DNS rebinding)",
    )

    @model_validator(mode="after")
    def _others_are_named(self) -> Self:
        if self.listen and not self.allow:
            host = self.listen.host
            local = self.listen.path or (host and ipaddress.ip_address(host.partition("%")[0]).is_loopback)
            if not local:
                raise ValueError(f"`{self.listen}` can be reached by other hosts: name who may ask in `allow`")
        return self


class MetricsSettings(HttpSettings):
    """``[metrics]``: counts for Prometheus, in OpenMetrics, at /metrics."""


class PageSettings(HttpSettings):
    """``[page]``: the status page."""


class Settings(Model):
    """All of superd.toml but ``[defaults]``, which belongs to the services."""

    services: Words = Field((), description="folders of service files, lowest first; default: the package's and the operator's")
    xinetd: Words = Field((), description="xinetd.conf files to read live")
    inetd: Words = Field((), description="inetd.conf files or folders to read live")
    inetd_dialect: Literal["auto", "openbsd", "freebsd", "netbsd", "inetutils", "busybox"] = Field(
        "auto", description="how inetd.conf files are read"
    )
    user: str = Field(
        "superd",
        description="unprivileged user of the front process; where it does not exist the front has a uid of its own (65533)",
        json_schema_extra={"restart": True},
    )
    process_limit: int | None = Field(
        None, ge=1, description="programs at once over all services", json_schema_extra={"unit": "programs"}
    )
    undecided: int = Field(
        1024,
        ge=1,
        description="connections at once that wait for a look-up, a banner or a command",
        json_schema_extra={"unit": "connections"},
    )
    relays: int | None = Field(
        None,
        ge=1,
        le=64,
        description="processes that carry the bytes of redirects and the like, each started at need; default: one a processor, "
        "at most 8",
        json_schema_extra={"unit": "processes"},
    )
    stop_grace: Seconds = Field(10.0, description="from SIGTERM until what still runs is ended")
    stop_sessions: Literal["keep", "end"] = Field(
        "end", description="keep: programs outlive superd, as xinetd's do (and so the default for a foreign file)"
    )
    policy: PolicySettings = table(PolicySettings, "TCP Wrappers")
    log: LogSettings = table(LogSettings, "where events go")
    control: ControlSettings = table(ControlSettings, "who may use superd's own commands")
    metrics: MetricsSettings = table(MetricsSettings, "counts for Prometheus")
    page: PageSettings = table(PageSettings, "a status page for browsers")


def needing_restart(old: BaseModel, new: BaseModel, before: str = "") -> tuple[str, ...]:
    """Return the keys that differ and that a reload cannot apply: they count from the next start."""
    found: list[str] = []
    for key, field in type(old).model_fields.items():
        was, becomes = getattr(old, key), getattr(new, key)
        if isinstance(was, BaseModel) and isinstance(becomes, BaseModel):
            found += needing_restart(was, becomes, f"{before}{key}.")
        elif isinstance(field.json_schema_extra, dict) and field.json_schema_extra.get("restart") and was != becomes:
            found.append(before + key)
    return tuple(found)

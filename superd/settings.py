"""superd.toml: the daemon itself. One value, read once a reload; services have ``service.py``."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from superd.quantities import Seconds, Words
from superd.syslog_priority import FACILITIES


def _known_facility(value: str) -> str:
    # Not a Literal: its message would list twenty words.
    if value not in FACILITIES:
        raise ValueError(f"`{value}` is not a syslog facility")
    return value


Facility = Annotated[str, AfterValidator(_known_facility)]


class PolicySettings(BaseModel):
    """``[policy]``: TCP Wrappers."""

    model_config = ConfigDict(frozen=True, extra="forbid")

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


class LogSettings(BaseModel):
    """``[log]``: where events go."""

    model_config = ConfigDict(frozen=True, extra="forbid")

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


class ControlSettings(BaseModel):
    """``[control]``: the socket that `superd status` and its like use."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    socket: str = Field(
        "auto",
        description='path of the control socket; auto: /run/superd/control, or a user\'s below $XDG_RUNTIME_DIR; "" is none',
        json_schema_extra={"restart": True},
    )
    admins: Words = Field(
        ("%superd",), description="users and %groups, besides root, who may change things: kick, ban, pause, reload"
    )
    viewers: Words = Field((), description="users and %groups who may look: status, sessions, bans, logs")


class Settings(BaseModel):
    """All of superd.toml but ``[defaults]``, which belongs to the services."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    services: Words = Field((), description="folders of service files, lowest first; default: the vendor's and the admin's")
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
        description="connections at once that wait for a look-up, a banner or a hook",
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
    policy: PolicySettings = Field(default_factory=PolicySettings, description="TCP Wrappers")
    log: LogSettings = Field(default_factory=LogSettings, description="where events go")
    control: ControlSettings = Field(default_factory=ControlSettings, description="who may use superd's own commands")


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

"""Tables of `[limits]` about the sources of connections: networks that are counted together, and penalties.

Runs in: every process that has a service. Reads no file.
"""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator

from superd.model import Model
from superd.quantities import Seconds, SecondsOrZero, Words
from superd.service_values import Rate

BITS = {"unit": "bits"}
DNS = "dns:"
"""Before a name whose addresses are meant, and not the addresses that have the name."""


class SourceLimit(Model):
    """One table of `[[limits.source]]`: what a network of these lengths may do."""

    v4: int = Field(24, ge=1, le=32, description="prefix length that counts as one IPv4 network", json_schema_extra={**BITS})
    v6: int = Field(48, ge=1, le=128, description="prefix length that counts as one IPv6 network", json_schema_extra={**BITS})
    sessions: Annotated[int, Field(ge=1)] | None = Field(
        None, description="programs (or sessions) at once for one such network", json_schema_extra={"unit": "programs"}
    )
    rate: tuple[Rate, Annotated[float, Field(ge=1)]] | None = Field(
        None,
        description="[connections a second, burst] that one such network may make",
        json_schema_extra={"unit": "connections/s, connections"},
    )

    @model_validator(mode="after")
    def _a_limit(self) -> Self:
        if self.model_fields_set and self.sessions is None and self.rate is None:
            raise ValueError("limits nothing: give `sessions` or `rate`")
        return self


class PenaltyKeys(Model):
    """The table `[limits.penalties]`. A cause without seconds is off, and without any cause nothing is penalised."""

    refused: Seconds | None = Field(
        None, description="for each connection that only_from, no_access, hosts.allow, hosts.deny, ident or a sensor refuses"
    )
    limit_hit: Seconds | None = Field(
        None, description="for each connection that per_source, cps, source_rate or limits.source refuses"
    )
    start_timeout: Seconds | None = Field(
        None, description="for each connection that does not begin within limits.start, or whose client does not read its banner"
    )
    no_bytes: Seconds | None = Field(
        None,
        description="for each session in which the client sends no byte: by limits.first_byte, or where superd carries the bytes",
    )
    exit_nonzero: Seconds | None = Field(
        None, description="for each session whose program exits with another status than 0, as after a failed login"
    )
    signal: Seconds | None = Field(
        None, description="for each session whose program dies of a signal that superd did not send, as of a fault"
    )
    max: Seconds = Field(600.0, description="longest time that all of a source's penalties make together")
    min: SecondsOrZero = Field(0.0, description="a source is refused once its penalties make as many seconds")
    exempt: Words = Field(
        (),
        description="addresses, networks and names without penalties, as a monitor's; `dns:NAME` are all addresses of a name; "
        "proxies of proxy_from never have any",
    )
    datagrams: bool = Field(
        False,
        description="for datagrams too, by which a sensor bans then: only where no sender can be forged, or any host can have "
        "any other refused",
    )

    @property
    def exempt_words(self) -> tuple[str, ...]:
        """The words of ``exempt`` except ``dns:``: addresses, networks, and names that a look-up of the address must yield."""
        return tuple(word for word in self.exempt if not word.lower().startswith(DNS))

    @property
    def exempt_names(self) -> tuple[str, ...]:
        """The names whose addresses are exempt."""
        return tuple(word[len(DNS) :].lower() for word in self.exempt if word.lower().startswith(DNS))

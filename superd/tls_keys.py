"""The table `tls` of a service: what its handshakes need. Names files and reads none.

Runs in: every process that has a service. Keys themselves are never in such a value.
"""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, PlainSerializer, field_validator, model_validator

from superd.model import Model
from superd.quantities import Words
from superd.service_values import pairs

CERT = "cert:"
"""Begins a word of `only_from` and `no_access` that is held against the client's certificate."""


class TlsKeys(Model):
    """The table `tls`; without `cert` there is no TLS."""

    cert: str = Field("", description="file of the certificate and those between it and its CA, PEM; without it there is no TLS")
    key: str = Field("", description="file of the private key, PEM; default: the file of the certificate has it too")
    client_ca: str = Field("", description="file of the CAs, PEM, by which a client's certificate is verified if it has one")
    require_client_cert: bool = Field(False, description="end the handshake of a client that has no certificate of client_ca")
    min_version: Literal["1.2", "1.3"] = Field("1.2", description="oldest version of TLS that is spoken")
    alpn: Words = Field((), description="protocols that are offered by ALPN, the best first")
    sni: Annotated[tuple[tuple[str, str], ...], BeforeValidator(pairs), PlainSerializer(dict)] = Field(
        (),
        description="other certificates by the name that the client asks for, or `*.domain`: one file of certificate and key, or "
        "two with a space between them",
    )

    def __bool__(self) -> bool:
        """Whether connections are encrypted."""
        return bool(self.cert)

    @property
    def chains(self) -> tuple[tuple[str, str, str], ...]:
        """Return (name, file of the certificate, file of its key) of every certificate; the first has no name."""
        named = ((name, *(words.split() * 2)[:2]) for name, words in self.sni)
        return (("", self.cert, self.key or self.cert), *((name.lower(), cert, key) for name, cert, key in named))

    @property
    def files(self) -> tuple[str, ...]:
        """Return every file that a handshake needs."""
        found = [path for _, cert, key in self.chains for path in (cert, key)]
        return tuple(dict.fromkeys([*found, *([self.client_ca] if self.client_ca else [])]))

    @field_validator("cert", "key", "client_ca", mode="after")
    @classmethod
    def _absolute(cls, value: str) -> str:
        if value and not value.startswith("/"):
            raise ValueError(f"`{value}` is not an absolute path")
        return value

    @field_validator("sni", mode="after")
    @classmethod
    def _one_or_two_files(cls, value: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
        for name, words in value:
            files = words.split()
            if not 1 <= len(files) <= 2 or not all(path.startswith("/") for path in files):
                raise ValueError(f"`{words}` of `{name}` is not one absolute path, nor two with a space between them")
            if not name or " " in name:
                raise ValueError(f"`{name}` is not a name that a client can ask for")
        return value

    @field_validator("alpn", mode="after")
    @classmethod
    def _short_names(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for name in value:
            if not name.isascii() or not 1 <= len(name) <= 255:
                raise ValueError(f"`{name}` is not the name of a protocol: 1 to 255 letters of ASCII")
        return value

    @model_validator(mode="after")
    def _with_a_certificate(self) -> Self:
        if not self.cert and (self.key or self.client_ca or self.require_client_cert or self.alpn or self.sni):
            raise ValueError("`tls` needs `cert`: the file of the certificate")
        if self.require_client_cert and not self.client_ca:
            raise ValueError("`require_client_cert` needs `client_ca`: the file of the CAs that clients have certificates of")
        return self

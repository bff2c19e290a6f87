"""Certificates and keys from disk: read with the care that root needs, tried, and made into memory for relays. Keeps nothing.

Runs in: a child of the master, and the operator's commands. A master never has a key in its own memory: its front would too.
"""

from __future__ import annotations

import hashlib
import marshal
import ssl
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING

from superd.certificate import SOON, days_left, not_after
from superd.frozen import frozen
from superd.problem import Origin, Problem, error, warning
from superd.system.trusted_file import TrustedFiles, trusted_files

if TYPE_CHECKING:
    from superd.service import Service
    from superd.system.tls_context import KeyBytes
    from superd.tls_keys import TlsKeys

_FORMAT = 2
"""Of marshal: the last that writes equal values alike."""


@frozen
class Material:
    """``data`` is what relays read; ``ends`` when the first certificate of each service ends.

    ``kept`` are services that keep their earlier keys, because their files cannot be used; ``failed`` says why, for these and
    for those that have no keys.
    """

    data: bytes
    ends: dict[str, float]
    kept: tuple[str, ...]
    failed: dict[str, str]
    problems: tuple[Problem, ...]

    @property
    def digest(self) -> str:
        """What tells these keys from others, and tells nothing about them."""
        return hashlib.sha256(self.data).hexdigest()


def material_of(services: Iterable[Service], *, root: bool, before: bytes = b"") -> Material:
    """Return the keys of all services with TLS. One whose files cannot be used keeps those of ``before``, or has none."""
    old: dict[str, KeyBytes] = marshal.loads(before) if before else {}  # noqa: S302 - from the master's own reading
    found: dict[str, KeyBytes] = {}
    ends: dict[str, float] = {}
    kept: list[str] = []
    failed: dict[str, str] = {}
    problems: list[Problem] = []
    with trusted_files(strict=root) as files:
        for service in services:
            if not service.tls:
                continue
            name = service.name
            try:
                keys = _read(service.tls, files)
            except _Unusable as problem:
                problems.append(error(Origin(problem.path), f"service `{name}`: {problem}", problem.hint))
                failed[name] = f"{problem.path}: {problem}"
                if name not in old:
                    continue
                keys = old[name]
                kept.append(name)
            found[name] = keys
            ends[name] = min(not_after(chain) for _, chain, _ in keys["chains"])
            problems += _soon(name, service.tls, ends[name])
    return Material(marshal.dumps(found, _FORMAT) if found else b"", ends, tuple(kept), failed, tuple(problems))


class _Unusable(Exception):
    """A file that no handshake can use."""

    def __init__(self, path: str, why: str, hint: str) -> None:
        super().__init__(why)
        self.path = path
        self.hint = f"{hint}; superd takes it up when the file changes"


def _read(tls: TlsKeys, files: TrustedFiles) -> KeyBytes:
    from superd.system.tls_context import context_of

    chains = [(name, _bytes(cert, files), _bytes(key, files)) for name, cert, key in tls.chains]
    ca = _bytes(tls.client_ca, files) if tls.client_ca else b""
    found: KeyBytes = {
        "chains": chains,
        "ca": ca,
        "require": tls.require_client_cert,
        "min": tls.min_version,
        "alpn": list(tls.alpn),
    }
    for (_, chain, key), (_, cert_path, key_path) in zip(chains, tls.chains, strict=True):
        try:
            not_after(chain)
        except ValueError as problem:
            raise _Unusable(cert_path, str(problem), f"`openssl x509 -in {cert_path} -noout` must say nothing") from None
        try:
            context_of(found | {"ca": b""}, chain, key)
        except (OSError, ValueError) as problem:
            hint = f"`openssl pkey -in {key_path} -pubout` and `openssl x509 -in {cert_path} -noout -pubkey` must print the same"
            raise _Unusable(key_path, f"the key cannot be used with `{cert_path}`: {_why(problem)}", hint) from None
    try:
        context_of(found, chains[0][1], chains[0][2])
    except (OSError, ValueError) as problem:
        hint = f"`openssl x509 -in {tls.client_ca} -noout -subject` must name the CA"
        raise _Unusable(tls.client_ca, f"it has no CA that can be used: {_why(problem)}", hint) from None
    return found


def _bytes(path: str, files: TrustedFiles) -> bytes:
    try:
        return files.read(path)
    except OSError as problem:
        raise _Unusable(
            path, f"cannot be read: {problem.strerror or problem}", f"`ls -lL {path}` must show a file of root's"
        ) from None


def _why(problem: Exception) -> str:
    if isinstance(problem, ssl.SSLError):
        return str(problem.reason or problem.args[-1]).lower().replace("_", " ")
    return str(problem)


def _soon(name: str, tls: TlsKeys, end: float) -> list[Problem]:
    left = days_left(end, time.time())  # noqa: TID251 - a certificate ends on a date
    if left < 0:
        text = f"service `{name}`: the certificate ended {-left - 1} days ago: clients will refuse it"
        return [warning(Origin(tls.cert), text)]
    return [warning(Origin(tls.cert), f"service `{name}`: the certificate ends in {left} days")] if left < SOON else []


def check_tls_files(services: Iterable[Service], *, root: bool) -> tuple[Problem, ...]:
    """Return what is wrong with the files that handshakes need; an ordinary user's check cannot look at most keys."""
    found = material_of(services, root=root).problems
    return tuple(
        warning(problem.origin, problem.message, problem.hint) if not root and "Permission" in problem.message else problem
        for problem in found
    )

"""Contexts of TLS: how every handshake of superd's is set up. Loaded where keys are: relays that have them, and their reader.

Standard library only. Reads no file: certificates and keys come as bytes.

Runs in: relays with keys, the reading child.
"""

from __future__ import annotations

import _ssl
import ctypes
import os
import ssl
import sys

CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"
"""Of TLS 1.2: those with forward secrecy and without padding. TLS 1.3 has no others."""

GROUPS = (b"X25519:P-256:X448:P-521:P-384", b"P-256:P-521:P-384")
"""Elliptic curves, the second where the host allows no others: a handshake costs 3 ms at most. OpenSSL 3.0 to 3.4 take groups of
finite fields besides: ffdhe8192 costs 120 ms for one hello of a client, in which a relay carries nothing."""
_SET_GROUPS_LIST = 92

TYPE_CHECKING = False  # typing costs a small process 0.6 MiB
if TYPE_CHECKING:
    from typing import TypedDict

    class KeyBytes(TypedDict):
        """What a service's handshakes need. ``chains`` are (name, certificates, key), the first without a name."""

        chains: list[tuple[str, bytes, bytes]]
        ca: bytes
        require: bool
        min: str
        alpn: list[str]


def context_of(keys: KeyBytes, chain: bytes, key: bytes) -> ssl.SSLContext:
    """Return a server's context. Raises ``OSError`` for a certificate, a key or a CA that cannot be used."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3 if keys["min"] == "1.3" else ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_CIPHER_SERVER_PREFERENCE
    context.set_ciphers(CIPHERS)
    _use_curves(context)
    if keys["alpn"]:
        context.set_alpn_protocols(keys["alpn"])
    if keys["ca"]:
        context.load_verify_locations(cadata=keys["ca"].decode("ascii", "replace"))
        context.verify_mode = ssl.CERT_REQUIRED if keys["require"] else ssl.CERT_OPTIONAL
    files = [_memory(chain), _memory(key)]
    try:
        # Only by a path can ssl load a key: these are of memory, which no other process has.
        paths = [f"/proc/self/fd/{fd}" for fd in files]
        context.load_cert_chain(paths[0], paths[1], password=lambda: b"")
    finally:
        for fd in files:
            os.close(fd)
    return context


def _use_curves(context: ssl.SSLContext) -> None:
    """Leave out the groups of finite fields. ssl can set one group only, and then most clients need a second hello."""
    if sys.implementation.name != "cpython" or not (3, 0) <= ssl.OPENSSL_VERSION_INFO[:2] < (3, 5):
        return  # others have none that are large
    file = getattr(_ssl, "__file__", None)
    if file is None:
        return  # a Python that has OpenSSL inside: what another file calls so may be another OpenSSL
    control = ctypes.CDLL(file).SSL_CTX_ctrl
    control.argtypes, control.restype = (ctypes.c_void_p, ctypes.c_int, ctypes.c_long, ctypes.c_char_p), ctypes.c_long
    # The first field of the object is OpenSSL's own.
    pointer = ctypes.c_void_p.from_address(id(context) + object.__basicsize__).value
    any(control(pointer, _SET_GROUPS_LIST, 0, groups) for groups in GROUPS)


def _memory(data: bytes) -> int:
    fd = os.memfd_create("key", os.MFD_CLOEXEC)
    try:
        os.write(fd, data)
    except OSError:
        os.close(fd)
        raise
    return fd

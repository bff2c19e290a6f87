"""TLS of sessions: handshakes, and the bytes between a client and its session's plain end. Pumps as ``ways.py`` says.

Runs in relays that the master gave keys, which are read once, before the relay is confined, and are on no disk and in no message.
Decides nothing: what the client's certificate says goes to the front. Loads ssl, so other relays never load this file.
"""

from __future__ import annotations

import errno
import json
import marshal
import os
import re
import socket
import ssl

from superd.errors import ControlError
from superd.ipc.relay_messages import MAX_FACTS
from superd.relay.ways import CHUNK, shut
from superd.system.tls_context import context_of

TYPE_CHECKING = False  # typing costs a small process 0.6 MiB
if TYPE_CHECKING:
    from typing import Any

    from superd.system.tls_context import KeyBytes

PIECE = 65536
"""Bytes read at once of either side: four records."""
MOST_NAMES = 32
"""Names of a client's certificate that are passed on."""

_buffer = memoryview(bytearray(PIECE))


class Unshaken(OSError):
    """The handshake failed: ``Tls.facts`` say why."""


class Keys:
    """The contexts of every service with TLS, by its name."""

    def __init__(self, data: bytes) -> None:
        """``data`` is what ``load/tls_files.py`` made. Raises ``OSError`` for keys that cannot be used."""
        self.asked: dict[int, str] = {}
        """Descriptors in a handshake, and the names that their clients asked for."""
        known: dict[str, KeyBytes] = marshal.loads(data)  # noqa: S302 - from the master's own reading
        self._contexts = {name: self._contexts_of(keys) for name, keys in known.items()}

    def context_for(self, label: bytes) -> ssl.SSLContext:
        """Return the first context of the service that ``label`` names. Raises ``Unshaken`` where it has no keys."""
        try:
            return self._contexts[json.loads(label)[0]]
        except (KeyError, IndexError, TypeError, ValueError):
            raise Unshaken(errno.ENOKEY, "the service has no certificate that can be used") from None

    def _contexts_of(self, keys: KeyBytes) -> ssl.SSLContext:
        named = {name: context_of(keys, chain, key) for name, chain, key in keys["chains"]}

        def choose(sock: ssl.SSLSocket, name: str | None, _context: ssl.SSLContext) -> None:
            wanted = (name or "").lower().rstrip(".")
            self.asked[sock.fileno()] = wanted
            found = named.get(wanted) or named.get("*." + wanted.partition(".")[2])
            if found is not None:
                sock.context = found

        first = named.pop("")
        first.sni_callback = choose  # type: ignore[assignment]
        return first


class Tls:
    """Both directions of a session: the client's, which is encrypted, and the plain end's.

    ``received`` and ``sent`` count plain bytes. ``ended``: the client has ended its side. ``ending``: the plain end has.
    ``facts`` are what the handshake has shown, for the front, once.
    """

    __slots__ = (
        "_asked", "_client", "_fd", "_given", "_in_done", "_out_done", "_plain", "_shaken", "_sock", "_taken",
        "done", "ended", "ending", "facts", "passed", "received", "sent", "urgent",
    )  # fmt: skip

    def __init__(self, client: int, plain: int, keys: Keys, label: bytes) -> None:
        """The descriptors stay the session's. Raises ``OSError``."""
        self._fd, self._plain = client, plain
        self._asked = keys.asked
        self._client = keys.context_for(label)
        self._sock: ssl.SSLSocket | None = None
        self._given = self._taken = b""
        """What the plain end has not taken yet, and what the client has not."""
        self._shaken = self._in_done = self._out_done = False
        self.done = self.ended = self.ending = self.urgent = False
        self.passed = self.received = self.sent = 0
        self.facts = b""

    def wants(self, fd: int, events: int) -> bool:
        return True  # either direction of TLS may wait for either event

    def pump(self) -> bool:
        if not self._shaken and not self._shake():
            return False
        more = self._decrypt() | self._encrypt()
        self.passed = self.received + self.sent
        self.done = self._in_done and self._out_done
        return more and not self.done

    @property
    def secured(self) -> bool:
        """Whether the handshake is over."""
        return self._shaken

    def close(self) -> None:
        self._asked.pop(self._fd, None)
        if self._sock is not None:
            self._sock.detach()

    # ------------------------------------------------------------------ the handshake

    def _shake(self) -> bool:
        try:
            if self._sock is None:
                # The descriptor stays the session's: ``close`` lets go of it without closing it.
                sock = socket.socket(fileno=self._fd)
                sock.setblocking(False)  # ssl gives a socket the state that it knows of the one it is made of
                try:
                    self._sock = self._client.wrap_socket(
                        sock, server_side=True, do_handshake_on_connect=False, suppress_ragged_eofs=False
                    )
                finally:
                    sock.detach()
            self._sock.do_handshake()
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return False
        except (OSError, ValueError) as problem:
            self.facts = _encoded({"error": _why(problem)})
            raise Unshaken(errno.EPROTO, "the handshake failed") from None
        self._shaken = True
        self.facts = _encoded(facts_of(self._sock, self._asked.pop(self._fd, "")))
        return True

    # ------------------------------------------------------------------ bytes

    def _decrypt(self) -> bool:
        """From the client to the plain end; True when there is more."""
        turn, sock = CHUNK, self._sock
        assert sock is not None
        while turn > 0 and not self._in_done:
            piece = memoryview(self._given)
            if not piece:
                try:
                    size = sock.recv_into(_buffer)
                except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
                    return False
                except ssl.SSLZeroReturnError:
                    size = 0
                except ssl.SSLError as problem:
                    # Also an end without a word of it: what came before may be cut off.
                    raise ConnectionResetError(errno.ECONNRESET, str(problem.reason)) from None
                if not size:
                    self.ended = self._in_done = True
                    _end(self._plain)
                    return False
                piece = _buffer[:size]
            try:
                given = os.write(self._plain, piece)
            except BlockingIOError:
                self._given = bytes(piece)
                return False
            except (BrokenPipeError, ConnectionResetError):
                self._given, self._in_done = b"", True  # it reads no more
                return False
            self.received += given
            turn -= given
            self._given = bytes(piece[given:])
        return not self._in_done

    def _encrypt(self) -> bool:
        """From the plain end to the client; True when there is more."""
        turn, sock = CHUNK, self._sock
        assert sock is not None
        while turn > 0 and not self._out_done:
            if not self._taken and not self.ending:
                try:
                    self._taken = os.read(self._plain, PIECE)
                except BlockingIOError:
                    return False
                except ConnectionResetError:
                    pass  # it left bytes unread: that is an end too
                self.ending = not self._taken
            try:
                if not self._taken:
                    self._part(sock)
                    return False
                sent = sock.send(self._taken)
            except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
                return False
            except ssl.SSLError as problem:
                raise ConnectionResetError(errno.ECONNRESET, str(problem.reason)) from None
            self._taken = self._taken[sent:]
            self.sent += sent
            turn -= sent
        return not self._out_done

    def _part(self, sock: ssl.SSLSocket) -> None:
        """Say that no more comes. What the client still sends is not for the session any more."""
        try:
            sock.unwrap()
        except ssl.SSLWantReadError:
            pass  # said; its answer is not waited for
        except ssl.SSLWantWriteError:
            raise
        except OSError:
            pass  # it has gone already
        self._out_done = self._in_done = True
        _end(self._fd)
        _end(self._plain)


def _end(fd: int) -> None:
    try:
        shut(fd, socket.SHUT_WR)
    except OSError:
        pass  # it has ended already


# ---------------------------------------------------------------------------------------------------- what it has shown


def facts_of(sock: ssl.SSLSocket, asked: str) -> dict[str, str]:
    """Return the variables of mod_ssl for a connection; ``names`` are those of the client's certificate, one a line."""
    cipher = sock.cipher()
    facts = {
        "SSL_PROTOCOL": sock.version() or "",
        "SSL_CIPHER": cipher[0] if cipher is not None else "",
        "SSL_TLS_SNI": asked,
        "SSL_ALPN": sock.selected_alpn_protocol() or "",
        "SSL_SESSION_RESUMED": "Resumed" if sock.session_reused else "Initial",
        "SSL_CLIENT_VERIFY": "NONE",
    }
    found = sock.getpeercert()
    if found:
        facts |= _certificate(found)
    return {name: value if name == "names" else _CONTROL.sub("_", value) for name, value in facts.items() if value}


def _certificate(found: Any) -> dict[str, str]:
    subject, issuer = _name(found.get("subject", ())), _name(found.get("issuer", ()))
    common = [value for parts in found.get("subject", ()) for kind, value in parts if kind == "commonName"]
    others = [(str(kind), str(value)) for kind, value in found.get("subjectAltName", ())][:MOST_NAMES]
    bare = [name for name in (*common, *(value for _, value in others)) if not _LOOKS_LIKE_ANOTHER.match(name)]
    names = [subject, *bare, *(f"{kind}:{value}" for kind, value in others)]
    return {
        "SSL_CLIENT_VERIFY": "SUCCESS",
        "SSL_CLIENT_S_DN": subject,
        "SSL_CLIENT_S_DN_CN": common[0] if common else "",
        "SSL_CLIENT_I_DN": issuer,
        "SSL_CLIENT_M_SERIAL": str(found.get("serialNumber", "")),
        "SSL_CLIENT_V_END": str(found.get("notAfter", "")),
        "SSL_CLIENT_SAN": ",".join(f"{kind}:{value}" for kind, value in others),
        "names": "\n".join(dict.fromkeys(name for name in names if name and not _CONTROL.search(name))),
    }


_SHORT = {"commonName": "CN", "organizationName": "O", "organizationalUnitName": "OU", "countryName": "C", "localityName": "L",
          "stateOrProvinceName": "ST", "emailAddress": "emailAddress", "domainComponent": "DC"}  # fmt: skip


_LOOKS_LIKE_ANOTHER = re.compile(r"(DNS|URI|email|IP Address|DirName|Registered ID|othername):|[A-Za-z0-9. ]+=", re.IGNORECASE)
"""A name that reads as one of another kind, which its authority may not have looked at: it matches with its own kind only."""
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_SPECIAL = re.compile(r'[,+"\\<>;=#]|^ | $')


def _name(parts: Any) -> str:
    """A distinguished name as RFC 2253 has it: the last part first, and what has a meaning there after a backslash."""
    return ",".join(
        f"{_SHORT.get(kind, kind)}={_SPECIAL.sub(lambda found: chr(92) + found[0], value)}"
        for part in reversed(parts)
        for kind, value in part
    )


def _encoded(facts: dict[str, str]) -> bytes:
    """JSON that fits a message; names that do not fit are left out, and so match nothing."""
    while True:
        data = json.dumps(facts).encode()
        if len(data) <= MAX_FACTS:
            return data
        longest = max(facts, key=lambda name: len(facts[name]))
        facts = facts | {longest: facts[longest][: len(facts[longest]) // 2].rpartition("\n")[0] if longest == "names" else ""}


def _why(problem: Exception) -> str:
    if isinstance(problem, ssl.SSLCertVerificationError):
        return f"the client's certificate is not accepted: {problem.verify_message}"
    if isinstance(problem, ssl.SSLError):
        reason = " ".join(str(problem.reason or problem.args[-1]).lower().replace("_", " ").split())
        return "the client ended it" if isinstance(problem, ssl.SSLEOFError) else reason[:200]
    return str(getattr(problem, "strerror", None) or problem)[:200]


def read_keys(fd: int) -> Keys:
    """Return the keys in the sealed memory ``fd``, which is closed. Raises ``OSError`` or ``ControlError``."""
    try:
        data = os.pread(fd, os.fstat(fd).st_size, 0)
    finally:
        os.close(fd)
    if not data:
        raise ControlError("there are no keys")
    return Keys(data)

"""The PROXY protocol's header, versions 1 and 2: bytes ↔ ``ProxyHeader``. Opens no connection, trusts no peer.

Runs in: front (reads), relay (writes). Source: HAProxy's "The PROXY protocol", versions 1 & 2 (proxy-protocol.txt, 2020/03/05
and later). Whether the sender may send a header at all is decided elsewhere; here only the bytes count.
"""

from __future__ import annotations

import ipaddress
import struct
from enum import IntEnum

from superd.errors import PeerError
from superd.frozen import frozen
from superd.peer import Peer, peer_from_text, unix_peer

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
"""The first 12 bytes of version 2 (section 2.2)."""
PREFIX = b"PROXY "
MAX_V1 = 107
"""Bytes of the longest version 1 line with its CR LF (section 2.1)."""
MAX_V2 = 4096
"""Bytes of the longest version 2 header that is read. Two unix paths need 232 and usual TLVs a few hundred; the protocol would
allow 65,551, which a stranger could make the front hold for each connection."""
_FIXED = 16
_IPV4, _IPV6, _UNIX = struct.Struct("!4s4sHH"), struct.Struct("!16s16sHH"), struct.Struct("!108s108s")
_TLV = struct.Struct("!BH")
_SSL_VERSION, _SSL_CN, _SSL_CIPHER = 0x21, 0x22, 0x23
_CLIENT_SSL, _CLIENT_CERT_CONN, _CLIENT_CERT_SESS = 0x01, 0x02, 0x04
MAX_UNIQUE_ID = 128
"""Bytes of the longest unique id (section 2.2.5)."""


class Tlv(IntEnum):
    """The types of TLV that count here (section 2.2.7)."""

    ALPN = 0x01
    AUTHORITY = 0x02
    CRC32C = 0x03
    UNIQUE_ID = 0x05
    SSL = 0x20


@frozen
class ProxyTls:
    """What the proxy says of the TLS connection that it ended (section 2.2.6).

    ``verified`` is True if the client showed a certificate and the proxy verified it. Texts are ``""`` when not said.
    """

    version: str = ""
    cipher: str = ""
    common_name: str = ""
    client_certificate: bool = False
    verified: bool = False


@frozen
class ProxyHeader:
    """One header.

    ``length`` is its length in bytes, to consume before the connection's own data. ``source`` and ``destination`` are None for
    LOCAL and UNKNOWN: then the connection's own addresses count, as for a health check of the proxy.
    """

    version: int
    length: int
    source: Peer | None = None
    destination: Peer | None = None
    alpn: str = ""
    authority: str = ""
    unique_id: bytes = b""
    tls: ProxyTls | None = None


def scan(data: bytes, versions: frozenset[int] = frozenset({1, 2})) -> ProxyHeader | int:
    """Return the header at the beginning of ``data``, or how many bytes are needed to say more (always above ``len(data)``).

    ``data`` may hold the connection's own bytes after the header. Raises ``PeerError`` for bytes that are not a header of one of
    ``versions``, at the first byte that shows it.
    """
    start = data[: len(SIGNATURE)]
    if 2 in versions and SIGNATURE.startswith(start):
        return _scan_v2(data)
    if 1 in versions and PREFIX.startswith(data[: len(PREFIX)]):
        return _scan_v1(data)
    raise PeerError("no PROXY header")


# ---------------------------------------------------------------------- version 1


def _scan_v1(data: bytes) -> ProxyHeader | int:
    end = data.find(b"\r\n", 0, MAX_V1)
    if end < 0:
        if len(data) >= MAX_V1:
            raise PeerError("PROXY v1 line without CR LF within 107 bytes")
        if b"\n" in data or b"\r" in data[:-1]:
            raise PeerError("PROXY v1 line does not end with CR LF")
        return max(len(data) + 1, len(PREFIX))
    try:
        words = data[:end].decode("ascii").split(" ")
    except UnicodeDecodeError:
        raise PeerError("PROXY v1 line is not ASCII") from None
    if words[1:2] == ["UNKNOWN"]:
        return ProxyHeader(1, end + 2)  # what follows on the line is to be ignored (section 2.1)
    if len(words) != 6 or words[1] not in ("TCP4", "TCP6"):
        raise PeerError("PROXY v1 line is not `PROXY TCP4|TCP6 source destination port port`")
    family = 4 if words[1] == "TCP4" else 6
    return ProxyHeader(1, end + 2, _v1_peer(family, words[2], words[4]), _v1_peer(family, words[3], words[5]))


def _v1_peer(family: int, address: str, port: str) -> Peer:
    if not port.isdecimal() or len(port) > 5 or (port[0] == "0" and port != "0") or int(port) > 65535:
        raise PeerError("PROXY v1 port is not a number from 0 to 65535")
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        raise PeerError("PROXY v1 address is not numeric") from None
    if parsed.version != family or "%" in address:
        raise PeerError("PROXY v1 address is not of the family that the line names")
    return peer_from_text(address, int(port))


# ---------------------------------------------------------------------- version 2


def _scan_v2(data: bytes) -> ProxyHeader | int:
    if len(data) < _FIXED:
        return _FIXED
    command, family = data[12], data[13]
    length = _FIXED + int.from_bytes(data[14:16])
    if command >> 4 != 2 or command & 0xF > 1:
        raise PeerError("PROXY v2 header of another version or with an unknown command")
    if family >> 4 > 3 or family & 0xF > 2:
        raise PeerError("PROXY v2 header with an unknown address family or protocol")
    if length > MAX_V2:
        raise PeerError(f"PROXY v2 header is longer than {MAX_V2} bytes")
    if len(data) < length:
        return length
    body = data[_FIXED:length]
    source, destination, rest = _addresses(family, body)
    local = command & 0xF == 0
    header = ProxyHeader(2, length, None if local else source, None if local else destination)
    return _with_tlvs(header, data[:length], length - len(rest), local)


def _addresses(family: int, body: bytes) -> tuple[Peer | None, Peer | None, bytes]:
    """(source, destination, what follows them); None where the family says nothing of them."""
    match family >> 4:
        case 0:
            return None, None, body  # AF_UNSPEC: as UNKNOWN of version 1
        case 1 | 2 as kind:
            layout = _IPV4 if kind == 1 else _IPV6
            if len(body) < layout.size:
                raise PeerError("PROXY v2 addresses are cut short")
            source, destination, source_port, destination_port = layout.unpack_from(body)
            # A datagram's header (family & 0xF == 2) on a stream means another transport: its addresses are as good.
            return (
                peer_from_text(str(ipaddress.ip_address(source)), source_port),
                peer_from_text(str(ipaddress.ip_address(destination)), destination_port),
                body[layout.size :],
            )
        case _:
            if len(body) < _UNIX.size:
                raise PeerError("PROXY v2 addresses are cut short")
            return unix_peer(), unix_peer(), body[_UNIX.size :]


def _with_tlvs(header: ProxyHeader, whole: bytes, at: int, local: bool) -> ProxyHeader:
    """``header`` with what its TLVs say; types that are not known are skipped, as section 2.2 wants."""
    alpn = authority = ""
    unique_id, tls = b"", None
    for kind, start, end in _tlvs(whole, at, len(whole)):
        value = whole[start:end]
        match kind:
            case Tlv.CRC32C:
                if len(value) != 4:
                    raise PeerError("PROXY v2 checksum is not 4 bytes long")
                if crc32c(whole[:start] + bytes(4) + whole[end:]) != int.from_bytes(value):
                    raise PeerError("PROXY v2 checksum is wrong")
            case Tlv.ALPN:
                alpn = _text(value)
            case Tlv.AUTHORITY:
                authority = _text(value)
            case Tlv.UNIQUE_ID:
                if len(value) > MAX_UNIQUE_ID:
                    raise PeerError(f"PROXY v2 unique id is longer than {MAX_UNIQUE_ID} bytes")
                unique_id = value
            case Tlv.SSL:
                tls = _tls(value)
            case _:
                pass
    if local:
        return header  # the sender speaks of itself: nothing of it counts, but a wrong header was still refused
    return ProxyHeader(2, header.length, header.source, header.destination, alpn, authority, unique_id, tls)


def _tlvs(data: bytes, at: int, end: int) -> list[tuple[int, int, int]]:
    """(type, first byte of the value, byte after it) of each TLV in ``data[at:end]``."""
    result = []
    while at < end:
        if end - at < _TLV.size:
            raise PeerError("PROXY v2 TLV is cut short")
        kind, size = _TLV.unpack_from(data, at)
        at += _TLV.size
        if size > end - at:
            raise PeerError("PROXY v2 TLV is longer than its header")
        result.append((kind, at, at + size))
        at += size
    return result


def _tls(value: bytes) -> ProxyTls:
    if len(value) < 5:
        raise PeerError("PROXY v2 TLS record is cut short")
    client, verify = value[0], int.from_bytes(value[1:5])
    texts = {kind: _text(value[start:end]) for kind, start, end in _tlvs(value, 5, len(value))}
    if not client & _CLIENT_SSL:
        return ProxyTls()
    certificate = bool(client & (_CLIENT_CERT_CONN | _CLIENT_CERT_SESS))
    return ProxyTls(
        texts.get(_SSL_VERSION, ""),
        texts.get(_SSL_CIPHER, ""),
        texts.get(_SSL_CN, ""),
        client_certificate=certificate,
        verified=certificate and verify == 0,
    )


def _text(value: bytes) -> str:
    """A TLV's text, of the proxy's choosing: printed and exported by rules of their own, so only decoded here."""
    return value.decode("utf-8", "replace")


# ---------------------------------------------------------------------- writing


def build(version: int, source: Peer, destination: Peer) -> bytes:
    """Return the header that announces a TCP connection from ``source`` to ``destination``.

    Unix peers are announced as UNKNOWN (version 1) or with empty paths (version 2). An IPv4 end with an IPv6 one is written as
    a v4-mapped address, so that both ends are of one family.
    """
    if version == 1:
        return _build_v1(source, destination)
    if not source.version or not destination.version:
        return SIGNATURE + bytes((0x21, 0x31)) + _UNIX.size.to_bytes(2) + bytes(_UNIX.size)
    family = 4 if source.version == destination.version == 4 else 6
    layout = _IPV4 if family == 4 else _IPV6
    body = layout.pack(_packed(source, family), _packed(destination, family), source.port, destination.port)
    return SIGNATURE + bytes((0x21, 0x11 if family == 4 else 0x21)) + len(body).to_bytes(2) + body


def _build_v1(source: Peer, destination: Peer) -> bytes:
    if not source.version or not destination.version:
        return b"PROXY UNKNOWN\r\n"
    family = 4 if source.version == destination.version == 4 else 6
    ends = " ".join(str(ipaddress.ip_address(_packed(peer, family))) for peer in (source, destination))
    return f"PROXY TCP{family} {ends} {source.port} {destination.port}\r\n".encode("ascii")


def _packed(peer: Peer, family: int) -> bytes:
    if family == 4:
        return peer.number.to_bytes(4)
    return (peer.number | (0xFFFF << 32 if peer.version == 4 else 0)).to_bytes(16)


# ---------------------------------------------------------------------- CRC32c

_CASTAGNOLI = 0x82F63B78
"""The polynomial of RFC 3309, bits reversed."""
_CRC_TABLE: list[int] = []


def crc32c(data: bytes) -> int:
    """Return the CRC32c of ``data`` (RFC 3309, which the protocol names); the standard library has only CRC32."""
    if not _CRC_TABLE:
        for byte in range(256):
            for _ in range(8):
                byte = byte >> 1 ^ (_CASTAGNOLI if byte & 1 else 0)
            _CRC_TABLE.append(byte)
    crc = 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ _CRC_TABLE[(crc ^ byte) & 0xFF]
    return crc ^ 0xFFFFFFFF

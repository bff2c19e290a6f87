"""PROXY headers: the specification's own examples, every cut, every wrong byte, and what is built is read back."""

from __future__ import annotations

import struct
from ipaddress import IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from superd.errors import PeerError
from superd.peer import Peer, peer_from_text, unix_peer
from superd.wire.proxy_header import MAX_V1, MAX_V2, SIGNATURE, ProxyHeader, ProxyTls, build, crc32c, scan

V4 = bytes((192, 0, 2, 1, 198, 51, 100, 7)) + struct.pack("!HH", 56324, 443)
HTTP = b"GET / HTTP/1.1\r\nHost: 192.168.0.11\r\n\r\n"


def v2(body: bytes, command: int = 0x21, family: int = 0x11) -> bytes:
    return SIGNATURE + bytes((command, family)) + len(body).to_bytes(2) + body


def tlv(kind: int, value: bytes) -> bytes:
    return bytes((kind,)) + len(value).to_bytes(2) + value


def with_checksum(before: bytes, after: bytes = b"") -> bytes:
    whole = v2(V4 + before + tlv(3, bytes(4)) + after)
    return whole.replace(tlv(3, bytes(4)), tlv(3, crc32c(whole).to_bytes(4)))


@pytest.mark.parametrize(
    ("line", "source", "destination"),
    [
        # The longest lines of section 2.1, then the example of section 2.1's end.
        (b"PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n", ("255.255.255.255", 65535), ("255.255.255.255", 65535)),
        (
            b"PROXY TCP6 " + b"ffff:" * 7 + b"ffff " + b"ffff:" * 7 + b"ffff 65535 65535\r\n",
            ("ffff:" * 7 + "ffff", 65535),
            ("ffff:" * 7 + "ffff", 65535),
        ),
        (b"PROXY TCP4 192.168.0.1 192.168.0.11 56324 443\r\n", ("192.168.0.1", 56324), ("192.168.0.11", 443)),
        (b"PROXY TCP6 ::ffff:192.0.2.1 ::1 0 1\r\n", ("192.0.2.1", 0), ("::1", 1)),
    ],
)
def test_a_v1_line_announces_both_ends(line: bytes, source: tuple[str, int], destination: tuple[str, int]) -> None:
    header = scan(line + HTTP)
    assert header == ProxyHeader(1, len(line), peer_from_text(*source), peer_from_text(*destination))


@pytest.mark.parametrize("line", [b"PROXY UNKNOWN\r\n", b"PROXY UNKNOWN " + b"f" * 91 + b"\r\n", b"PROXY UNKNOWN a b c d\r\n"])
def test_unknown_announces_nothing_and_the_rest_of_its_line_is_ignored(line: bytes) -> None:
    assert scan(line + HTTP) == ProxyHeader(1, len(line))


@pytest.mark.parametrize(
    "line",
    [
        b"GET / HTTP/1.1\r\n",
        b"proxy TCP4 1.2.3.4 1.2.3.4 1 1\r\n",
        b"PROXY  TCP4 1.2.3.4 1.2.3.4 1 1\r\n",
        b"PROXY TCP4 1.2.3.4 1.2.3.4 1 1\n",
        b"PROXY TCP4 1.2.3.4\r 1.2.3.4 1 1\r\n",
        b"PROXY TCP4 1.2.3.4 1.2.3.4 1\r\n",
        b"PROXY TCP4 1.2.3.4 1.2.3.4 1 1 1\r\n",
        b"PROXY TCP4 1.2.3.4 1.2.3.4 01 1\r\n",
        b"PROXY TCP4 1.2.3.4 1.2.3.4 65536 1\r\n",
        b"PROXY TCP4 1.2.3.4 1.2.3.4 -1 1\r\n",
        b"PROXY TCP4 1.2.3.4 1.2.3.4 +1 1\r\n",
        "PROXY TCP4 1.2.3.4 1.2.3.4 \u0661 1\r\n".encode(),
        b"PROXY TCP4 1.2.3.4 ::1 1 1\r\n",
        b"PROXY TCP6 1.2.3.4 ::1 1 1\r\n",
        b"PROXY TCP6 fe80::1%eth0 ::1 1 1\r\n",
        b"PROXY TCP4 01.2.3.4 1.2.3.4 1 1\r\n",
        b"PROXY TCP4 1.2.3 1.2.3.4 1 1\r\n",
        b"PROXY TCP4 localhost 1.2.3.4 1 1\r\n",
        b"PROXY UDP4 1.2.3.4 1.2.3.4 1 1\r\n",
        b"PROXY UNKNOWNX\r\n",
        b"PROXY TCP4 " + b"1" * 200,
        b"PROXY UNKNOWN " + b"f" * 92 + b"\r\n",
    ],
)
def test_a_wrong_v1_line_is_refused(line: bytes) -> None:
    with pytest.raises(PeerError):
        scan(line)


def test_v2_announces_both_ends_of_each_family() -> None:
    assert scan(v2(V4) + HTTP) == ProxyHeader(2, 28, peer_from_text("192.0.2.1", 56324), peer_from_text("198.51.100.7", 443))
    v6 = bytes(15) + b"\1" + b"\x20\1\x0d\xb8" + bytes(11) + b"\7" + struct.pack("!HH", 1, 2)
    assert scan(v2(v6, family=0x21)) == ProxyHeader(2, 52, peer_from_text("::1", 1), peer_from_text("2001:db8::7", 2))
    unix = b"/run/a".ljust(108, b"\0") + b"/run/b".ljust(108, b"\0")
    assert scan(v2(unix, family=0x31)) == ProxyHeader(2, 232, unix_peer(), unix_peer())
    assert scan(v2(b"", family=0x00)) == ProxyHeader(2, 16)


def test_local_counts_for_nothing_but_its_length() -> None:
    assert scan(v2(V4 + tlv(2, b"a.example"), command=0x20)) == ProxyHeader(2, 40)
    assert scan(v2(b"", command=0x20, family=0)) == ProxyHeader(2, 16)


def test_v2_tlvs_are_read_and_unknown_ones_skipped() -> None:
    tls = tlv(0x20, b"\x07" + bytes(4) + tlv(0x21, b"TLSv1.3") + tlv(0x22, b"alice") + tlv(0x23, b"AES") + tlv(0x27, b"x"))
    header = scan(v2(V4 + tlv(1, b"h2") + tlv(2, b"a.example") + tlv(4, b"\0" * 9) + tlv(5, b"\x01\x02") + tls + tlv(0xEE, b"?")))
    assert isinstance(header, ProxyHeader)
    assert (header.alpn, header.authority, header.unique_id) == ("h2", "a.example", b"\x01\x02")
    assert header.tls == ProxyTls("TLSv1.3", "AES", "alice", client_certificate=True, verified=True)


@pytest.mark.parametrize(
    ("client", "verify", "tls"),
    [
        (0x00, 0, ProxyTls()),
        (0x01, 0, ProxyTls()),
        (0x01, 1, ProxyTls()),
        (0x05, 1, ProxyTls(client_certificate=True)),
        (0x03, 0, ProxyTls(client_certificate=True, verified=True)),
    ],
)
def test_a_client_is_verified_only_with_a_certificate_and_a_zero(client: int, verify: int, tls: ProxyTls) -> None:
    header = scan(v2(V4 + tlv(0x20, bytes((client,)) + verify.to_bytes(4))))
    assert isinstance(header, ProxyHeader)
    assert header.tls == tls


def test_the_checksum_is_that_of_rfc_3309_and_is_checked() -> None:
    assert crc32c(b"123456789") == 0xE3069283
    assert crc32c(bytes(32)) == 0x8A9136AA  # RFC 3720, B.4
    good = with_checksum(tlv(2, b"a"), tlv(1, b"h2"))
    assert isinstance(scan(good), ProxyHeader)
    # The checksum's own type is left out: with another one the header has none.
    for at in set(range(16, len(good))) - {good.index(b"\x03\x00\x04")}:
        with pytest.raises(PeerError):
            scan(good[:at] + bytes((good[at] ^ 1,)) + good[at + 1 :])


@pytest.mark.parametrize(
    "data",
    [
        v2(V4, command=0x31),
        v2(V4, command=0x22),
        v2(V4, family=0x41),
        v2(V4, family=0x13),
        v2(V4[:-1]),
        v2(V4, family=0x21),
        v2(V4, family=0x31),
        v2(V4 + b"\1"),
        v2(V4 + b"\1\0\5abcd"),
        v2(V4 + tlv(3, b"abc")),
        v2(V4 + tlv(5, bytes(129))),
        v2(V4 + tlv(0x20, b"\1")),
        v2(V4 + tlv(0x20, bytes(5) + b"\x21")),
        v2(b"", command=0x20, family=0x11),
        v2(V4 + tlv(4, bytes(MAX_V2)))[:16],
    ],
)
def test_a_wrong_v2_header_is_refused(data: bytes) -> None:
    with pytest.raises(PeerError):
        scan(data)


def test_a_version_that_is_not_accepted_is_refused_at_once() -> None:
    with pytest.raises(PeerError):
        scan(b"PROXY ", frozenset({2}))
    with pytest.raises(PeerError):
        scan(SIGNATURE, frozenset({1}))
    with pytest.raises(PeerError):
        scan(b"X")


peers = st.one_of(
    st.builds(
        lambda n, p: peer_from_text(f"{n >> 24}.{n >> 16 & 255}.{n >> 8 & 255}.{n & 255}", p),
        st.integers(0, 2**32 - 1),
        st.integers(0, 65535),
    ),
    st.builds(lambda b, p: Peer("", 6, int.from_bytes(b), p), st.binary(min_size=16, max_size=16), st.integers(0, 65535)).map(
        lambda peer: peer_from_text(IPv6Address(peer.number).compressed, peer.port)
    ),
)


@given(peers, peers, st.sampled_from([1, 2]), st.binary(max_size=20))
def test_what_is_built_is_read_back_at_every_cut(source: Peer, destination: Peer, version: int, rest: bytes) -> None:
    data = build(version, source, destination)
    assert scan(data + rest) == ProxyHeader(version, len(data), source, destination)
    for cut in range(len(data)):
        needed = scan(data[:cut])
        assert isinstance(needed, int)
        assert cut < needed <= len(data)


def test_a_header_may_be_as_long_as_it_may_be() -> None:
    start = SIGNATURE + b"\x21\x11"
    assert scan(start + (MAX_V2 - 16).to_bytes(2)) == MAX_V2
    with pytest.raises(PeerError):
        scan(start + (MAX_V2 - 15).to_bytes(2))


def test_two_ends_of_ipv4_are_announced_as_such_and_one_as_a_mapped_address() -> None:
    four, six = peer_from_text("192.0.2.9", 1234), peer_from_text("2001:db8::1", 80)
    ends = bytes((192, 0, 2, 9)) * 2 + struct.pack(">HH", 1234, 1234)
    assert build(2, four, four) == SIGNATURE + b"\x21\x11\0\x0c" + ends
    mapped = bytes(10) + b"\xff\xff" + bytes((192, 0, 2, 9))
    body = mapped + IPv6Address("2001:db8::1").packed + struct.pack(">HH", 1234, 80)
    assert build(2, four, six) == SIGNATURE + b"\x21\x21\0\x24" + body
    assert build(1, four, four) == b"PROXY TCP4 192.0.2.9 192.0.2.9 1234 1234\r\n"
    assert build(1, four, six) == b"PROXY TCP6 ::ffff:c000:209 2001:db8::1 1234 80\r\n"


def test_unix_ends_are_announced_without_addresses() -> None:
    assert build(1, unix_peer(), unix_peer()) == b"PROXY UNKNOWN\r\n"
    address = peer_from_text("192.0.2.1", 7)
    for ends in ((unix_peer(), unix_peer()), (unix_peer(), address), (address, unix_peer())):
        assert scan(build(2, *ends)) == ProxyHeader(2, 232, unix_peer(), unix_peer())


@given(
    st.sampled_from([b"", b"PROXY ", b"PROXY TCP4 ", b"PROXY TCP6 ", SIGNATURE, SIGNATURE + b"\x21\x11\0"]),
    st.binary(max_size=300),
)
def test_any_bytes_give_a_header_a_number_or_a_peer_error(start: bytes, rest: bytes) -> None:
    data = start + rest
    try:
        answer = scan(data)
    except PeerError:
        return
    if isinstance(answer, int):
        assert len(data) < answer <= max(MAX_V1, MAX_V2)
    else:
        assert answer.length <= len(data)
        assert scan(data[: answer.length]) == answer

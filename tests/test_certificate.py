"""The end of a certificate, read from certificates of a CA of the test's own and from bytes that are none."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
import trustme
from hypothesis import given
from hypothesis import strategies as st

from superd.certificate import days_left, not_after


@pytest.mark.parametrize("end", [datetime(2031, 2, 3, 4, 5, 6, tzinfo=UTC), datetime(2061, 1, 1, tzinfo=UTC)])
def test_the_end_is_that_of_the_first_certificate(end: datetime) -> None:
    made = trustme.CA().issue_cert("x.example.org", not_after=end)
    chain = b"".join(blob.bytes() for blob in made.cert_chain_pems)
    assert not_after(b"Subject: something before it\n" + chain) == end.timestamp()


@given(st.binary(max_size=300))
def test_other_bytes_are_refused(data: bytes) -> None:
    import base64

    for pem in (data, b"-----BEGIN CERTIFICATE-----\n" + base64.b64encode(data) + b"\n-----END CERTIFICATE-----\n"):
        with pytest.raises(ValueError, match="certificate"):
            not_after(pem)


@given(st.data())
def test_a_damaged_certificate_is_refused_or_has_an_end(data: st.DataObject) -> None:
    import base64

    whole = bytearray(DER)
    at = data.draw(st.integers(0, len(whole) - 1))
    whole[at] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(whole)))
    pem = b"-----BEGIN CERTIFICATE-----\n" + base64.b64encode(whole[:cut]) + b"\n-----END CERTIFICATE-----\n"
    try:
        not_after(pem)
    except ValueError:
        pass


def _der() -> bytes:
    import ssl

    return ssl.PEM_cert_to_DER_cert(trustme.CA().issue_cert("x").cert_chain_pems[0].bytes().decode())


DER = _der()


def test_days_are_whole() -> None:
    assert [days_left(end, 86400.0) for end in (86400.0, 86399.0, 3 * 86400.0, 3 * 86400.0 - 1)] == [0, -1, 2, 1]

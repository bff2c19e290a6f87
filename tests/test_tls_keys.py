"""The table `tls`: what it stands for, and what is wrong in it."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from superd.service import Service
from superd.tls_keys import TlsKeys


def keys(**values: Any) -> TlsKeys:
    return TlsKeys.model_validate({"cert": "/a.pem", **values})


def test_without_a_certificate_there_is_not_a_tls() -> None:
    assert not TlsKeys()
    assert keys()


def test_the_key_is_in_the_file_of_the_certificate_unless_another_is_named() -> None:
    named = keys(client_ca="/ca.pem", sni={"B.example": "/b.pem", "c.example": "/c.pem /c.key"})
    assert named.chains == (("", "/a.pem", "/a.pem"), ("b.example", "/b.pem", "/b.pem"), ("c.example", "/c.pem", "/c.key"))
    assert named.files == ("/a.pem", "/b.pem", "/c.pem", "/c.key", "/ca.pem")
    assert keys(key="/a.key").chains == (("", "/a.pem", "/a.key"),)


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({"cert": ""} | {"key": "/a.key"}, "needs `cert`"),
        ({"cert": "a.pem"}, "not an absolute path"),
        ({"require_client_cert": True}, "needs `client_ca`"),
        ({"min_version": "1.1"}, "1.2"),
        ({"sni": {"x": "/a /b /c"}}, "not one absolute path"),
        ({"sni": {"": "/a"}}, "is not a name"),
        ({"alpn": ["é"]}, "not the name of a protocol"),
        ({"ocsp": "/a"}, "Extra inputs"),
    ],
)
def test_what_no_handshake_could_use_is_an_error(values: dict[str, Any], why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        keys(**values)


def test_words_of_certificates_need_a_ca() -> None:
    plain: dict[str, Any] = {"name": "s", "server": "/bin/cat", "port": 7, "only_from": ["cert:alice"]}
    with pytest.raises(ValidationError, match="client_ca"):
        Service.model_validate(plain | {"tls": {"cert": "/a.pem"}})
    assert Service.model_validate(plain | {"tls": {"cert": "/a.pem", "client_ca": "/ca.pem"}}).tls

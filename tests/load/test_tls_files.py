"""Certificates and keys from disk: what relays get of them, what is wrong with them, and what stays in use then."""

from __future__ import annotations

import marshal
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import trustme

from superd.load.tls_files import Material, check_tls_files, material_of
from superd.problem import Severity
from superd.service import Service
from tests.certificates import Authority


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


def service(name: str, **tls: Any) -> Service:
    return Service.model_validate({"name": name, "server": "/bin/cat", "port": 7, "tls": {k: str(v) for k, v in tls.items()}})


def read(*services: Service, before: bytes = b"") -> Material:
    return material_of(services, root=False, before=before)


def test_relays_get_the_keys_of_services_with_tls_alone(authority: Authority) -> None:
    cert, key = authority.issue("a.example.org")
    plain = Service.model_validate({"name": "plain", "server": "/bin/cat", "port": 7})
    found = read(service("a", cert=cert, key=key, client_ca=authority.file), plain)
    assert found.problems == ()
    known = marshal.loads(found.data)
    assert list(known) == list(found.ends) == ["a"]
    assert known["a"]["chains"] == [("", cert.read_bytes(), key.read_bytes())]
    assert known["a"]["ca"] == authority.file.read_bytes()
    assert read(plain).data == b""


def test_the_same_files_have_the_same_digest(authority: Authority) -> None:
    cert, key = authority.issue("a.example.org")
    one = service("a", cert=cert, key=key)
    first = read(one).digest
    assert read(one).digest == first
    authority.issue("a.example.org")
    assert read(one).digest != first


@pytest.mark.parametrize(
    ("which", "text", "why"),
    [
        ("cert", "nothing", "it has no certificate in PEM"),
        ("key", "nothing", "the key cannot be used with"),
        ("key", None, "cannot be read: No such file or directory"),
        ("client_ca", "nothing", "it has no CA that can be used"),
    ],
)
def test_what_cannot_be_used_leaves_the_earlier_keys(authority: Authority, which: str, text: str | None, why: str) -> None:
    cert, key = authority.issue("a.example.org")
    ca = authority.file
    one = service("a", cert=cert, key=key, client_ca=ca)
    good = read(one)
    path = {"cert": cert, "key": key, "client_ca": ca}[which]
    path.unlink() if text is None else path.write_text(text)
    bad = read(one)
    (problem,) = bad.problems
    assert (problem.severity, problem.origin.file, why in problem.message) == (Severity.ERROR, str(path), True)
    assert (bad.data, bad.kept) == (b"", ())
    assert bad.failed == {"a": f"{path}: {problem.message.removeprefix('service `a`: ')}"}
    assert problem.hint.endswith("; superd takes it up when the file changes")
    assert str(path) in problem.hint
    kept = read(one, before=good.data)
    assert (kept.data, kept.kept, len(kept.problems)) == (good.data, ("a",), 1)
    assert kept.failed == bad.failed


def test_the_key_of_another_certificate_is_wrong(authority: Authority) -> None:
    cert, _ = authority.issue("a.example.org")
    _, key = authority.issue("b.example.org")
    (problem,) = check_tls_files([service("a", cert=cert, key=key)], root=False)
    assert "mismatch" in problem.message


@pytest.mark.parametrize(("days", "said"), [(-3, "ended 3 days ago"), (5, "ends in"), (100, "")])
def test_a_certificate_that_ends_soon_is_warned_about(tmp_path: Path, days: int, said: str) -> None:
    made = trustme.CA().issue_cert(
        "x", not_before=datetime(2020, 1, 1, tzinfo=UTC), not_after=datetime.now(UTC) + timedelta(days)
    )
    path = tmp_path / "x.pem"
    path.write_bytes(made.private_key_and_cert_chain_pem.bytes())
    found = read(service("a", cert=path))
    assert [said in problem.message for problem in found.problems] == ([True] if said else [])
    assert found.data

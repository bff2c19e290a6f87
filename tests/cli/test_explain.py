"""``superd explain``: every key and rule that was asked, with its place, and who decides."""

from __future__ import annotations

from pathlib import Path

import pytest

from superd.cli.explain import explain
from superd.cli.sources import sources_of

SERVICE = """\
server = "/bin/cat"
listen = ["127.0.0.1:7001"]
no_access = ["192.0.2.9"]
only_from = ["192.0.2.0/24", ".example.org"]
user = "root"
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "services.d").mkdir()
    (tmp_path / "services.d" / "cat.toml").write_text(SERVICE)
    return tmp_path


class Told:
    """What one call says, with paths as they were typed."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self._folder, self._capsys = folder, capsys

    def __call__(
        self, address: str, *, name: str = "", user: str = "", service: str = "cat", proxy: str = "", cert: str = ""
    ) -> tuple[int, list[str]]:
        sources = sources_of(None, [Path("services.d")], "hosts.allow", "hosts.deny")
        status = explain(sources, service, address, name, user, proxy, frozenset({cert} - {""}))
        out, err = self._capsys.readouterr()
        return status, (out + err).replace(f"{self._folder}/", "").splitlines()

    def add(self, text: str) -> None:
        with (self._folder / "services.d" / "cat.toml").open("a") as file:
            file.write(text)


@pytest.fixture
def told(folder: Path, capsys: pytest.CaptureFixture[str]) -> Told:
    return Told(folder, capsys)


def test_the_list_that_refuses_is_the_one_that_is_named(told: Told) -> None:
    assert told("192.0.2.9") == (
        1,
        [
            "services.d/cat.toml:3: no_access names 192.0.2.9: `192.0.2.9`",
            "service cat: refused: address: in no_access (services.d/cat.toml:3)",
        ],
    )
    assert told("198.51.100.1", name="a.example.net") == (
        1,
        [
            "services.d/cat.toml:3: no_access does not name 198.51.100.1",
            "services.d/cat.toml:4: only_from does not name 198.51.100.1",
            "service cat: refused: address: not in only_from (services.d/cat.toml:4)",
        ],
    )


def test_a_sensor_is_named_with_its_flag(told: Told) -> None:
    told.add('flags = ["SENSOR"]\n')
    assert told("192.0.2.1")[1][-2:] == [
        "services.d/cat.toml:6: flags SENSOR: every client is refused and banned",
        "service cat: refused: sensor: a sensor (services.d/cat.toml:6)",
    ]


def test_what_is_not_said_of_the_client_is_unknown_and_reported_where_a_rule_asks(told: Told, folder: Path) -> None:
    (folder / "hosts.allow").write_text("cat@127.0.0.1 : .example.org\ncat@127.0.0.2 : ALL\ncat : bob@ALL\ncat : 192. : deny\n")
    assert told("192.0.2.1") == (
        1,
        [
            "services.d/cat.toml:3: no_access does not name 192.0.2.1",
            "services.d/cat.toml:4: only_from names 192.0.2.1: `192.0.2.0/24`",
            "service cat: 192.0.2.1 is admitted by the service's own settings",
            "the client's name is asked for, and is `unknown`: `--name NAME` tries another",
            "the client's user is asked for, and taken as unknown: `--user NAME` tries another",
            "hosts.allow:1: does not match: its client list does not name 192.0.2.1: cat@127.0.0.1 : .example.org",
            "hosts.allow:2: does not match: this is not the server of `cat@127.0.0.2`: cat@127.0.0.2 : ALL",
            "hosts.allow:3: does not match: the user would have to be `bob`, and is unknown: cat : bob@ALL",
            "hosts.allow:4: matches: cat : 192. : deny",
            "refused: libwrap: hosts.allow:4",
        ],
    )
    assert told("192.0.2.1", name="unknown", user="bob")[0] == 0
    assert told("198.51.100.1", name="a.example.org")[1][-2:] == [
        "hosts.allow:1: matches: cat@127.0.0.1 : .example.org",
        "admitted: rule_allow: hosts.allow:1",
    ]


def test_flags_have_the_last_word(told: Told, folder: Path) -> None:
    told.add('flags = ["NOLIBWRAP", "IDONLY"]\nlog_on_success = ["USERID"]\n')
    (folder / "hosts.deny").write_text("ALL : ALL\n")
    admitted = "admitted: flag NOLIBWRAP (services.d/cat.toml:6), hosts.allow and hosts.deny are not asked"
    refused = "refused: ident: flag IDONLY (services.d/cat.toml:6), and the user is unknown: `--user NAME` tries one"
    assert told("192.0.2.1", user="bob")[1][-1:] == [admitted]
    assert told("192.0.2.1")[1][-2:] == [admitted, refused]


def test_a_program_that_accepts_by_itself_is_never_asked(told: Told, folder: Path) -> None:
    (folder / "services.d" / "cat.toml").write_text(
        'server = "/bin/cat"\nlisten = ["127.0.0.1:7001"]\nwait = true\nuser = "root"\n'
    )
    assert told("192.0.2.1") == (
        0,
        [
            "services.d/cat.toml:3: wait = true: the program accepts the connections itself, and superd sees no client",
            "admitted: no_rule",
        ],
    )


def test_wrong_questions_are_wrong_usage(told: Told) -> None:
    assert told("192.0.2.1", service="cta") == (64, ["superd: error: no service `cta`; did you mean `cat`?"])
    assert told("nobody") == (
        64,
        [
            "superd: error: `nobody` is not an address",
            "  hint: write an IP address, or `uid:NAME` for the client of a unix socket",
        ],
    )


def test_a_name_that_was_not_given_is_looked_up_as_for_a_connection(told: Told, folder: Path) -> None:
    (folder / "services.d" / "cat.toml").write_text(
        'server = "/bin/cat"\nuser = "nobody"\nlisten = ["127.0.0.1:7001"]\nonly_from = ["localhost"]\n'
    )
    status, lines = told("127.0.0.1")
    assert "the client's name is asked for, and is `localhost`: `--name NAME` tries another" in lines
    assert status == 0


def test_what_only_the_running_superd_knows_is_said(told: Told, folder: Path) -> None:
    (folder / "services.d" / "cat.toml").write_text(
        'server = "/bin/cat"\nuser = "nobody"\nlisten = ["127.0.0.1:7001"]\ninstances = 3\ncps = [5, 5]\n'
    )
    assert told("192.0.2.1")[1][-1] == "not known here, but to the running superd alone: instances, cps"


def test_a_client_of_a_unix_socket_is_named_by_its_user(told: Told, folder: Path) -> None:
    (folder / "services.d" / "cat.toml").write_text(
        'server = "/bin/cat"\nuser = "nobody"\nlisten = ["unix:/run/cat.sock"]\nonly_from = ["uid:root"]\n'
    )
    assert told("uid:root")[0] == 0
    assert told("uid:nobody")[0] == 1


def test_a_proxy_announces_the_client_only_from_its_own_addresses(told: Told) -> None:
    assert told("192.0.2.1", proxy="10.0.0.1")[0] == 64
    told.add('proxy_protocol = "any"\nproxy_from = ["10.0.0.1"]\nproxy_optional_from = ["192.0.2.0/24"]\n')
    status, lines = told("192.0.2.1", name="x", proxy="10.0.0.1")
    assert (status, lines[0]) == (0, "services.d/cat.toml:7: proxy_from names 10.0.0.1: its header announces the client")
    assert told("203.0.113.1", name="x", proxy="10.0.0.1")[0] == 1
    assert told("192.0.2.1", proxy="10.0.0.2") == (
        1, ["service cat: refused: proxy: not in proxy_from (services.d/cat.toml:7)"],
    )  # fmt: skip
    assert told("192.0.2.1", proxy="192.0.2.5") == (
        1,
        ["services.d/cat.toml:8: proxy_optional_from names 192.0.2.5: it is served as it is, and no header is read"],
    )
    assert told("192.0.2.1", name="x")[0] == 0
    assert told("203.0.113.1")[1][-1] == "a proxy must announce the client: `--proxy ADDRESS` tries one"
    assert told("10.0.0.1", name="x")[1][0].endswith("its header may say LOCAL, and then it is the client itself")
    assert told("192.0.2.1", proxy="nonsense")[0] == 64


def test_a_certificate_admits_clients_that_no_address_does(told: Told) -> None:
    told.add('tls = { cert = "/x.pem", client_ca = "/ca.pem" }\nonly_from_add = ["cert:CN=alice"]\n')
    status, lines = told("203.0.113.1", cert="CN=alice")
    assert status == 0
    assert "services.d/cat.toml:4: only_from names 203.0.113.1: `cert:CN=alice`" in lines
    assert "the handshake of TLS" in lines[-1]
    assert told("203.0.113.1", name="a.example.net", cert="CN=bob")[0] == 1


def test_a_service_that_asks_for_no_certificate_says_so(told: Told) -> None:
    assert told("192.0.2.1", cert="x") == (64, ["superd: error: service `cat` asks for no certificate: it has no tls.client_ca"])

"""Who may announce a client: addresses alone, and closed where nothing is said."""

from __future__ import annotations

import pytest

from superd.peer import Peer, peer_from_text, unix_peer
from superd.policy.proxies import Proxies, Sender, compile_proxies, sender_list
from superd.service import Service


def proxies(**keys: object) -> Proxies:
    service = Service.model_validate({"name": "s", "server": "/bin/cat", "port": 7, "proxy_protocol": "any", **keys})
    made = compile_proxies(service)
    assert made is not None
    return made


@pytest.mark.parametrize(
    ("peer", "sender"),
    [
        (peer_from_text("10.0.0.9"), Sender.PROXY),
        (peer_from_text("::ffff:10.0.0.9"), Sender.PROXY),
        (peer_from_text("2001:db8::1"), Sender.PROXY),
        (peer_from_text("10.9.0.1"), Sender.CLIENT),
        (peer_from_text("192.0.2.1"), Sender.STRANGER),
        (unix_peer(33, (33,)), Sender.PROXY),
        (unix_peer(34, (34,)), Sender.STRANGER),
        (unix_peer(None), Sender.STRANGER),
    ],
)
def test_the_address_alone_says_what_a_peer_is(peer: Peer, sender: Sender) -> None:
    lists = proxies(proxy_from=["10.0.0.0/24", "2001:db8::/32", "uid:33"], proxy_optional_from=["10.0.0.0/8"])
    assert lists.sender(peer) is sender


def test_an_empty_list_is_not_a_proxy() -> None:
    assert proxies(proxy_from=[]).sender(peer_from_text("127.0.0.1")) is Sender.STRANGER


def test_a_name_of_the_peer_changes_nothing() -> None:
    lists = proxies(proxy_from=["10.0.0.0/24"])
    assert lists.sender(peer_from_text("192.0.2.1", name="10.0.0.1")) is Sender.STRANGER


@pytest.mark.parametrize("word", ["proxy.example.org", ".example.org", "ALL", "all", "nonsense!"])
def test_names_and_all_are_errors(word: str) -> None:
    with pytest.raises(ValueError, match="is not an address"):
        sender_list(("10.0.0.1", word))


@pytest.mark.parametrize(("word", "versions"), [("v1", {1}), ("v2", {2}), ("any", {1, 2})])
def test_the_versions_are_those_that_are_written(word: str, versions: set[int]) -> None:
    assert proxies(proxy_from=[], proxy_protocol=word).versions == versions


def test_a_service_without_the_key_has_no_lists() -> None:
    assert compile_proxies(Service.model_validate({"name": "s", "server": "/bin/cat", "port": 7})) is None

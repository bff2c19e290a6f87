"""Values of models come through a pickle as they were, and no longer than need be."""

from __future__ import annotations

import pickle

from superd.service import Service

TELNET = {"name": "telnet", "server": "/bin/cat", "port": 23, "limits": {"session": 5, "exempt": ["192.0.2.1"]}}


def test_a_value_is_the_same_after_it_was_sent() -> None:
    sent = Service.model_validate(TELNET)
    received = pickle.loads(pickle.dumps(sent, pickle.HIGHEST_PROTOCOL))
    assert received == sent
    assert received.model_fields_set == sent.model_fields_set
    assert received.model_dump() == sent.model_dump()
    assert hash(received) == hash(sent)


def test_what_has_its_default_is_not_sent() -> None:
    one = pickle.dumps(Service.model_validate(TELNET), pickle.HIGHEST_PROTOCOL)
    assert b"telnet" in one
    assert b"banner_success" not in one


def test_values_share_what_has_its_default() -> None:
    services = [Service.model_validate(TELNET | {"name": name}) for name in "ab"]
    one, other = pickle.loads(pickle.dumps(services, pickle.HIGHEST_PROTOCOL))
    assert one.sandbox is other.sandbox
    assert one.tls is other.tls

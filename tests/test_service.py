"""A service's keys: what is accepted means one thing, and the rest is refused with the value."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from superd.service import Service


def service(**keys: Any) -> Service:
    return Service.model_validate({"name": "s", "server": "/usr/sbin/in.x", "port": 7, **keys})


def test_the_daemon_name_is_the_one_that_tcpd_would_use() -> None:
    assert service().daemon == "in.x"
    assert service(libwrap="other").daemon == "other"
    assert service(flags=["NAMEINARGS"], server_args=["/opt/in.y", "-l"]).daemon == "in.y"
    assert service(flags=["NAMEINARGS"], server_args=["in.y", "-l"]).argv == ("in.y", "-l")
    assert service(server_args=["-l"]).argv == ("in.x", "-l")


@pytest.mark.parametrize(
    "keys",
    [{"wait": "perhaps"}, {"nonsense": 1}, {"instances": -1}, {"flags": ["INTERCEPT"]}, {"umask": "999"}],
)
def test_what_no_service_can_mean_is_refused(keys: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        service(**keys)


def test_a_service_comes_back_from_its_own_keys() -> None:
    one = service(instances=5, only_from=["10.0.0.0/8"], limits={"idle": "5m"}, cps=[10, 30])
    assert Service.model_validate(one.model_dump()) == one


@pytest.mark.parametrize(("kind", "protocol"), [("stream", "sctp"), ("stream", "udp"), ("dgram", "tcp"), ("seqpacket", "tcp")])
def test_a_protocol_that_no_socket_of_the_type_has_is_refused(kind: str, protocol: str) -> None:
    with pytest.raises(ValidationError, match="is not served"):
        Service(name="s", server="/bin/cat", socket_type=kind, protocol=protocol)
    assert Service(name="s", server="/bin/cat", protocol="tcp").proto == "tcp"

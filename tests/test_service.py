"""A service's keys: what is accepted means one thing, and the rest is refused with the value."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from superd.service import Service, parse_duration, parse_size


def service(**keys: Any) -> Service:
    return Service.model_validate({"name": "s", "server": "/usr/sbin/in.x", "port": 7, **keys})


@given(st.integers(0, 9), st.integers(0, 99), st.integers(0, 99), st.integers(1, 99))
def test_a_duration_is_the_sum_of_its_parts(days: int, hours: int, minutes: int, seconds: int) -> None:
    assert parse_duration(f"{days}d{hours}h{minutes}m{seconds}s") == days * 86400 + hours * 3600 + minutes * 60 + seconds


@given(st.integers(0, 10**6), st.sampled_from([("", 1), ("K", 1 << 10), ("M", 1 << 20), ("G", 1 << 30)]))
def test_a_size_is_its_number_of_units_in_either_case(number: int, unit: tuple[str, int]) -> None:
    for text in (f"{number}{unit[0]}", f"{number}{unit[0].lower()}"):
        assert parse_size(text) == number * unit[1]
    assert parse_size("UNLIMITED") == -1


@given(st.text(max_size=8))
def test_any_other_text_is_an_error(text: str) -> None:
    for parse in (parse_duration, parse_size):
        try:
            number = parse(text)
        except ValueError:
            continue
        assert isinstance(number, (int, float))


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

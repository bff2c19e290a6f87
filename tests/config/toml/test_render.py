"""A service that is written out reads back as the same service."""

from __future__ import annotations

import tomllib
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from superd.config.toml.render import render
from superd.config.toml.service_file import make_service, parse_toml
from superd.limits import Limits
from superd.problem import Origin
from superd.service import Service

TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=8)
KEYS = st.fixed_dictionaries(
    {"name": st.sampled_from(["a", "cat"])},
    optional={
        "service": st.sampled_from(["a", "other"]),
        "disable": st.booleans(),
        "flags": st.sets(st.sampled_from(["IDONLY", "KEEPALIVE", "NODELAY"])),
        "port": st.one_of(st.none(), st.integers(0, 65535), st.just("smtp")),
        "umask": st.integers(0, 0o7777),
        "nice": st.integers(-20, 19),
        "server_args": st.lists(TEXT, max_size=3),
        "groups": st.one_of(st.booleans(), st.lists(TEXT, max_size=2)),
        "env": st.dictionaries(TEXT.filter(lambda name: bool(name) and "=" not in name), TEXT, max_size=3),
        "instances": st.one_of(st.none(), st.integers(0, 9)),
        "cps": st.one_of(st.none(), st.tuples(st.floats(0.001, 1e20), st.floats(0, 1e20))),
        "max_load": st.one_of(st.none(), st.floats(1e-9, 1e9)),
        "only_from": st.one_of(st.none(), st.lists(TEXT, max_size=2)),
        "deny_time": st.one_of(st.sampled_from(["FOREVER", "NEVER"]), st.integers(0, 99)),
        "rlimit_as": st.one_of(st.none(), st.integers(-1, 2**63)),
        "log_on_success": st.sets(st.sampled_from(["HOST", "PID", "TRAFFIC"])),
        "limits": st.builds(Limits, idle=st.none() | st.floats(0.5, 9.5), v6_prefix=st.integers(1, 128)),
    },
)


def read_back(text: str, name: str) -> Service | None:
    keys, places, problems = parse_toml(text.encode(), "a.toml")
    assert problems == ()
    service, wrong = make_service(name, keys, places, Origin("a.toml"))
    assert wrong == ()
    return service


@given(KEYS)
def test_what_is_written_reads_back_as_the_same_service(keys: dict[str, Any]) -> None:
    service = Service.model_validate({"server": "/bin/cat", **keys})
    assert read_back(render(service), service.name) == service


@given(st.text("ab #\"'\n\r\\=[]", max_size=20))
def test_comments_change_nothing_whatever_they_say(comment: str) -> None:
    service = Service(name="a", server="/bin/cat", port=7, limits=Limits(idle=5))
    text = render(service, {"": comment, "server": comment, "limits.idle": comment})
    assert tomllib.loads(text) == tomllib.loads(render(service))


def test_keys_at_their_default_are_left_out_and_comments_follow_their_key() -> None:
    service = Service(name="a", server="/bin/cat", limits=Limits(idle=5))
    text = render(service, {"": "whole", "server": "the\nprogram"})
    assert text == '# whole\nserver = "/bin/cat"  # the program\n\n[limits]\nidle = 5.0\n'

"""The table of keys and kinds: every key is either in force or an error that names both, for every kind of service."""

from __future__ import annotations

from typing import Any

import pytest

from superd.key_conflicts import conflicts
from superd.limits import Limits
from superd.service import Service
from superd.service_kinds import BY_ANSWER, KINDS, TABLE

KIND_KEYS: dict[str, dict[str, Any]] = {
    "program": {"server": "/bin/cat", "port": 7},
    "program, `wait`": {"server": "/bin/cat", "port": 7, "wait": True},
    "datagram program": {"server": "/bin/cat", "port": 7, "socket_type": "dgram"},
    "datagram program, `wait`": {"server": "/bin/cat", "port": 7, "socket_type": "dgram", "wait": True},
    "internal": {"type": "INTERNAL", "service": "echo", "port": 7},
    "internal datagrams": {"type": "INTERNAL", "service": "echo", "port": 7, "socket_type": "dgram"},
    "redirect": {"redirect": "192.0.2.1:7", "port": 7},
    "sensor": {"flags": "SENSOR", "port": 7},
}
WAYS: dict[str, dict[str, Any]] = {
    "network": {},
    "unix": {"port": None, "listen": ["unix:/run/x"]},
    "both": {"listen": ["unix:/run/x", "*:7"]},
    "tcpmux": {"port": None, "type": "TCPMUX"},
    "rpc": {"type": "RPC", "rpc_version": "1", "rpc_number": 300000},
}
VALUES: dict[str, Any] = {
    "server_args": ["a"], "user": "nobody", "group": "nogroup", "groups": True, "umask": "077", "nice": 3, "env": {"A": "b"},
    "passenv": ["A"], "env_file": "/x", "login_environment": True, "directory": "/x",
    "stderr": "socket", "rlimit_as": 1 << 30, "rlimit_cpu": 5, "rlimit_data": 1 << 30, "rlimit_rss": 1 << 30,
    "rlimit_stack": 1 << 20, "rlimit_files": 50, "rlimit_nproc": 50, "rlimit_core": 0,
    "rlimit_fsize": 1 << 20, "leftovers": "keep", "limits.memory": 1 << 30, "limits.per_minute": [5, 5], "flags NAMEINARGS": None,
    "banner": "/x", "banner_success": "/x", "banner_fail": "/x", "banners": "/x", "limits.idle": 5, "flags IDONLY": None,
    "flags KEEPALIVE": None, "flags NODELAY": None, "flags SENSOR": None, "log_on_success USERID": None,
    "log_on_failure USERID": None, "log_on_success TRAFFIC": None, "port": 8, "listen": ["*:9"], "backlog": 5, "v6only": True,
    "socket_mode": "0600", "socket_user": "root", "socket_group": "root", "only_from": ["192.0.2.1"], "no_access": ["192.0.2.1"],
    "per_source": 2, "instances": 3, "limits.source_rate": [3, 3], "limits.v4_prefix": 24, "limits.v6_prefix": 48,
    "limits.exempt": ["192.0.2.1"], "quiet": ["192.0.2.1"],
    "limits.session": 5, "require": ["cgroup"], "limits.memory_swap": 5, "limits.pids": 5, "limits.cpu_quota": 5,
    "limits.io_weight": 5, "limits.service": {"pids": 5}, "tls": {"cert": "/x.pem"},
    "limits.start": 5, "limits.first_byte": 5, "limits.cpu": 5, "stdio": "pipe", "sandbox": "strict",
    "limits.source": [{"sessions": 3}], "limits.penalties": {"refused": 5},
    "proxy_protocol": "any", "proxy_from": ["192.0.2.1"], "proxy_optional_from": ["192.0.2.1"], "send_proxy": "v1",
    "limits.kill_grace": 2, "deny_time": 5, "at_limit": "wait", "queue": 5, "queue_time": 5,
    "access_times": ["1:00-2:00"], "max_load": 3.5,
    "wait": True, "socket_type": "dgram", "rpc_version": "1-2", "rpc_number": 300001,
}  # fmt: skip


def with_key(keys: dict[str, Any], key: str) -> dict[str, Any]:
    name, space, word = key.partition(" ")
    table, dot, inner = key.partition(".")
    if space:
        before = keys.get(name, sorted(Service.model_fields[name].default))
        return {**keys, name: [*([before] if isinstance(before, str) else before), word]}
    if key.startswith("proxy_"):  # each of them needs the other two
        keys = {"proxy_protocol": "any", "proxy_from": ["192.0.2.9"], **keys}
    return {**keys, table: {inner: VALUES[key]}} if dot else {**keys, key: VALUES[key]}


def built(keys: dict[str, Any]) -> Service:
    return Service.model_validate({"name": "s", **keys})


def of(answer: str, way: str) -> dict[str, Any]:
    keys = {**KIND_KEYS[answer], **WAYS[way]}
    if "type" in WAYS[way] and "type" in KIND_KEYS[answer]:
        keys["type"] = [KIND_KEYS[answer]["type"], WAYS[way]["type"]]
    return keys


@pytest.mark.parametrize("answer", KIND_KEYS)
@pytest.mark.parametrize("way", WAYS)
def test_a_service_has_one_kind_by_its_answer(answer: str, way: str) -> None:
    if way == "tcpmux" and ("wait" in answer or "datagram" in answer):
        assert any(item.kind.title == "through tcpmux" for item in conflicts(built(of(answer, way))))
    found = [kind.title for kind in BY_ANSWER if kind.has(built(of(answer, way)))]
    assert found == [answer]


def test_every_key_of_the_table_exists() -> None:
    for kind in KINDS:
        for key in TABLE[kind]:
            name, table = key.partition(" ")[0], key.partition(".")
            assert name in Service.model_fields or (table[0] == "limits" and table[2] in Limits.model_fields), key
            assert key in VALUES, key

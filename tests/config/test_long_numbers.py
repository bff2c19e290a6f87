"""A number of thousands of digits is an error with its place wherever a number may stand, never an exception."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import pytest

from superd.config.hosts.tables import parse
from superd.errors import ConfigError
from superd.load.services import read
from superd.load.sources import Sources
from superd.problem import errors
from superd.system.trusted_file import trusted_files

LONG = "9" * 5000


@pytest.mark.parametrize("option", ["linger", "nice", "rfc931", "umask", "keepalive"])
def test_an_option_of_a_rule(option: str) -> None:
    [rule], _ = parse(f"ALL : ALL : {option} {LONG}\n".encode(), "hosts.allow", "allow")
    assert rule.options[0].error


@pytest.mark.parametrize("line", [f"port = {LONG}", f"nice = {LONG}", f'redirect = "h:{LONG}"', f'umask = "{LONG}"'])
def test_a_key_of_a_service_file(tmp_path: Path, line: str) -> None:
    (tmp_path / "s.toml").write_text(f'server = "/bin/cat"\nlisten = ["127.0.0.1:7001"]\nuser = "root"\n{line}\n')
    with pytest.raises(ConfigError) as refused:
        read(Sources(services=(str(tmp_path),)))
    assert all(problem.origin.file.endswith("s.toml") for problem in errors(refused.value.problems))


@pytest.mark.parametrize("line", [f"port = {LONG}", f"instances = {LONG}", f"cps = {LONG} 1", f"rlimit_as = {LONG}M"])
def test_an_attribute_of_xinetd(tmp_path: Path, line: str) -> None:
    conf = tmp_path / "xinetd.conf"
    conf.write_text(
        f"service s\n{{\n type = UNLISTED\n socket_type = stream\n wait = no\n user = nobody\n server = /bin/cat\n {line}\n}}\n"
    )
    with contextlib.suppress(ConfigError):
        read(Sources(config=str(conf)))


def test_a_folder_where_a_file_should_be_costs_no_descriptor(tmp_path: Path) -> None:
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(5):
        with trusted_files(strict=False) as files, pytest.raises(OSError, match=r"(?i)directory"):
            files.read(str(tmp_path))
    assert len(os.listdir("/proc/self/fd")) == before

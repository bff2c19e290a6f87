"""The host's answers, from a /proc of a folder: each setting that is wrong is named with its remedy."""

from __future__ import annotations

from pathlib import Path

import pytest

from superd.cli.doctor_host import Host, files, kernel, logs, names, others, versions
from superd.cli.finding import Finding, Level
from superd.registry import Registry
from superd.service import Service
from superd.settings import LogSettings, Settings


def host(tmp_path: Path, **texts: str) -> Host:
    for name, text in ({"proc/sys/net/core/somaxconn": "4096"} | texts).items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n")
    return Host(str(tmp_path))


def registry(**keys: object) -> Registry:
    service = Service.model_validate({"name": "a", "server": "/bin/cat", "user": "nobody", "port": 7070, **keys})
    return Registry({"a": service}, Settings())


def wrong(findings: list[Finding]) -> dict[str, Finding]:
    return {finding.subject: finding for finding in findings if finding.level is not Level.FINE}


def test_a_kernel_that_cuts_the_queue_is_named(tmp_path: Path) -> None:
    found = wrong(list(kernel(registry(backlog=8192), host(tmp_path))))
    assert found["somaxconn"].fix == "sysctl -w net.core.somaxconn=8192"
    assert "somaxconn" not in wrong(list(kernel(registry(backlog=512), host(tmp_path))))


def test_syncookies_that_are_off_are_named(tmp_path: Path) -> None:
    found = wrong(list(kernel(None, host(tmp_path, **{"proc/sys/net/ipv4/tcp_syncookies": "0"}))))
    assert found["syncookies"].fix == "sysctl -w net.ipv4.tcp_syncookies=1"


def test_an_address_of_ipv6_needs_ipv6(tmp_path: Path) -> None:
    listening = registry(listen=["[2001:db8::7]:873"], port=None)
    assert "[2001:db8::7]:873" in wrong(list(kernel(listening, host(tmp_path))))["ipv6"].text
    assert "ipv6" not in wrong(list(kernel(listening, host(tmp_path, **{"proc/net/if_inet6": "x"}))))


def test_a_low_port_needs_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    found = wrong(list(kernel(registry(port=80), host(tmp_path))))
    assert found["port 80"].fix.endswith("sysctl -w net.ipv4.ip_unprivileged_port_start=80")
    assert "port 80" not in wrong(
        list(kernel(registry(port=80), host(tmp_path, **{"proc/sys/net/ipv4/ip_unprivileged_port_start": "80"})))
    )


def test_few_open_files_of_the_running_superd_are_named(tmp_path: Path) -> None:
    texts = {"proc/7/comm": "superd: master", "proc/7/limits": "Limit Soft Hard Units\nMax open files  512  1024  files"}
    found = wrong(list(files(registry(), host(tmp_path, **texts))))
    assert found["nofile"].text.startswith("1024 of the running superd (pid 7): 1 listeners leave about")
    texts["proc/7/limits"] = "Max open files  1048576  1048576  files"
    assert wrong(list(files(registry(), host(tmp_path, **texts)))) == {}


def test_a_log_target_that_does_not_exist_is_named(tmp_path: Path) -> None:
    wanting = Registry({}, Settings(log=LogSettings(targets=("syslog", "journal"))))
    assert set(wrong(list(logs(wanting, host(tmp_path))))) == {"syslog", "journal"}
    there = host(tmp_path, **{"dev/log": "", "run/systemd/journal/socket": ""})
    assert wrong(list(logs(wanting, there))) == {}


def test_another_superserver_is_named_with_its_unit(tmp_path: Path) -> None:
    found = wrong(list(others(host(tmp_path, **{"proc/12/comm": "xinetd"}))))
    assert found["xinetd"].text == "another superserver runs (pid 12)"
    assert found["xinetd"].fix == "systemctl disable --now xinetd"


def test_a_slow_resolver_is_named() -> None:
    assert names(2.5).level is Level.ODD
    assert names(0.02).level is Level.FINE


def test_a_library_that_is_too_old_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.metadata.version", lambda name: "0.1" if name == "trio" else "99.0")
    found = wrong(list(versions(host(tmp_path))))
    assert set(found) == {"trio"}
    assert found["trio"].level is Level.BAD

"""Files of a folder that leave between being listed and being read."""

from __future__ import annotations

import pytest

from superd.config.foreign import has_left
from superd.config.inetd import source as inetd_source
from superd.config.xinetd import source as xinetd_source
from tests.config.golden import MemoryFiles

ECHO = b"service echo\n{\n type = INTERNAL\n socket_type = stream\n wait = no\n user = root\n}\n"


class Leaving(MemoryFiles):
    """One name is listed once, and gone by the time that it is read."""

    def __init__(self, files: dict[str, bytes], folder: str, name: str) -> None:
        super().__init__(files)
        self._leaving: tuple[str, str] | None = folder, name

    def list(self, path: str) -> list[str]:
        names = super().list(path)
        if self._leaving is not None and path == self._leaving[0]:
            names.append(self._leaving[1])
            self._leaving = None
        return names


class Dangling(MemoryFiles):
    """Lists a link that leads nowhere."""

    def list(self, path: str) -> list[str]:
        return [*super().list(path), "dangling"]


def test_a_file_of_includedir_that_was_removed_meanwhile_is_not_an_error() -> None:
    files = {"/etc/xinetd.conf": b"includedir /etc/xinetd.d\n", "/etc/xinetd.d/echo": ECHO}
    foreign = xinetd_source.parse("/etc/xinetd.conf", Leaving(files, "/etc/xinetd.d", "gone"))
    assert ([service.name for service in foreign.services], foreign.problems) == (["echo"], ())


def test_a_file_of_an_inetd_folder_that_was_removed_meanwhile_is_not_an_error() -> None:
    files = {"/etc/inetd.d/echo": b"echo stream tcp nowait root internal\n"}
    foreign = inetd_source.parse("/etc/inetd.d", Leaving(files, "/etc/inetd.d", "gone"), "inetutils")
    assert [service.service for service in foreign.services] == ["echo"]
    assert not any("gone" in str(problem) for problem in foreign.problems)


def test_a_link_that_leads_nowhere_is_an_error() -> None:
    files = {"/etc/xinetd.conf": b"includedir /etc/xinetd.d\n", "/etc/xinetd.d/echo": ECHO}
    (problem,) = xinetd_source.parse("/etc/xinetd.conf", Dangling(files)).problems
    assert "cannot read `/etc/xinetd.d/dangling`" in str(problem)


@pytest.mark.parametrize(("path", "left"), [("/d/a", False), ("/d/b", True), ("/other/a", True)])
def test_what_a_folder_does_not_list_any_more_has_left(path: str, left: bool) -> None:
    assert has_left(MemoryFiles({"/d/a": b""}), path) == left

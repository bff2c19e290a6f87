"""Changes near files are seen: of the file, of a link in its place, of where the link leads to; of other folders none."""

from __future__ import annotations

import select
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from superd.system.file_watch import FileWatch, folders_of


@pytest.fixture
def watch() -> Iterator[FileWatch]:
    one = FileWatch()
    yield one
    one.close()


def seen(watch: FileWatch) -> bool:
    return bool(select.select([watch.fd], [], [], 0)[0])


CHANGES: dict[str, Callable[[Path], object]] = {
    "written": lambda folder: (folder / "live/cert.pem").write_text("new"),
    "replaced": lambda folder: (folder / "other").rename(folder / "live/cert.pem"),
    "the link changed": lambda folder: (folder / "live/link.pem").unlink(),
    "written where the link leads to": lambda folder: (folder / "archive/cert1.pem").write_text("new"),
    "made readable": lambda folder: (folder / "live/cert.pem").chmod(0o600),
}


@pytest.mark.parametrize("change", sorted(CHANGES))
def test_a_change_is_seen_once(watch: FileWatch, tmp_path: Path, change: str) -> None:
    for name in ("live", "archive"):
        (tmp_path / name).mkdir()
    for name in ("live/cert.pem", "archive/cert1.pem", "other"):
        (tmp_path / name).write_text("old")
    (tmp_path / "live/link.pem").symlink_to("../archive/cert1.pem")
    watch.watch((str(tmp_path / "live/cert.pem"), str(tmp_path / "live/link.pem")))
    assert not seen(watch)
    CHANGES[change](tmp_path)
    assert seen(watch)
    watch.drain()
    assert not seen(watch)
    (tmp_path / "beyond").write_text("not one of its folders")
    assert not seen(watch)


def test_nothing_to_watch_has_no_descriptor(watch: FileWatch, tmp_path: Path) -> None:
    watch.watch((str(tmp_path / "x"),))
    assert watch.fd >= 0
    watch.watch(())
    assert watch.fd == -1


def test_a_folder_that_does_not_exist_is_not_a_fault(watch: FileWatch, tmp_path: Path) -> None:
    watch.watch((str(tmp_path / "none/x"),))
    assert not seen(watch)


def test_a_circle_of_links_has_an_end(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    assert folders_of(str(tmp_path / "a")) == (str(tmp_path),)

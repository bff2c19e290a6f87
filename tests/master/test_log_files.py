"""Log files that root opens for the front."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, cast

from superd.master.log_files import LogFiles
from superd.registry import Registry
from superd.service import Service
from superd.settings import Settings
from tests.master.parts import Lines

if TYPE_CHECKING:
    from superd.log.log import Log


def test_each_file_is_opened_once_and_one_that_cannot_be_is_reported(tmp_path: Path) -> None:
    good, bad = tmp_path / "a.log", tmp_path / "missing" / "b.log"
    keys = {"server": "/bin/cat", "port": 7}
    paths = {"a": good, "b": bad, "c": good}
    services = {name: Service.model_validate({"name": name, "log_type": f"FILE {path}", **keys}) for name, path in paths.items()}
    log = Lines()
    files = LogFiles(cast("Log", log))
    names = files.open_all(Registry(services, Settings()))
    assert len(names) == 1
    (fd,) = files.fds(names)
    os.write(fd, b"line\n")
    files.close()
    assert good.read_text() == "line\n"
    assert len(log.lines) == 1
    assert f"`{bad}`" in log.lines[0]
    assert "No such file or directory" in log.lines[0]

"""The status page of a real daemon, in a real browser."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from tests.daemon_process import Superd, free_port, talk
from tests.needs import needs
from tests.trips.test_control import connect, serve
from tests.trips.test_metrics import configure, get


def test_a_browser_shows_what_happens_in_dark_and_light(superd: Superd) -> None:
    chromium = needs("chromium", "chromium")
    port, web = serve(superd, no_access='["127.0.0.9"]'), free_port()
    configure(superd, f'[page]\nlisten = "127.0.0.1:{web}"\n')
    superd.start()
    assert superd.command("ban", "192.0.2.0/24", "--because", "<b>loop</b>").returncode == 0
    talk(port, source="127.0.0.9")
    with connect(port):
        url = f"http://127.0.0.1:{web}/"
        shots = []
        for scheme in ("Light", "Dark"):
            picture = superd.folder / f"{scheme}.png"
            browse(chromium, superd, url, scheme, f"--screenshot={picture}")
            shots.append(picture.read_bytes())
        dom = browse(chromium, superd, url, "Light", "--dump-dom")
    for text in ("cat", "192.0.2.0/24", "&lt;b&gt;loop&lt;/b&gt;", "1 started, 1 refused", "nothing needs a person"):
        assert text in dom, dom
    assert "<script" not in dom
    assert shots[0].startswith(b"\x89PNG")
    assert shots[0] != shots[1]


def browse(chromium: str, superd: Superd, url: str, scheme: str, *options: str) -> str:
    """Open a page; return what the browser prints."""
    home = superd.folder / "browser"
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir()
    done = subprocess.run(
        [
            chromium, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars",
            f"--user-data-dir={home}", "--window-size=1200,900",
            f"--blink-settings=preferredColorScheme={1 if scheme == 'Light' else 0}", *options, url,
        ],
        capture_output=True, text=True, timeout=120, check=False, env={"HOME": str(home), "PATH": "/usr/bin:/bin"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("listen", ["*:9191", "192.0.2.1:9191", "[2001:db8::1]:9191"])
def test_an_address_that_others_reach_needs_allow(superd: Superd, listen: str) -> None:
    configure(superd, f'[page]\nlisten = "{listen}"\n')
    done = superd.command("check", str(superd.folder / "superd.toml"))
    assert done.returncode == 78
    assert "name who may ask in `allow`" in done.stdout + done.stderr
    configure(superd, f'[page]\nlisten = "{listen}"\nallow = ["192.0.2.0/24"]\n')
    assert superd.command("check", str(superd.folder / "superd.toml")).returncode == 0


def test_the_page_changes_nothing_and_goes_with_a_reload(superd: Superd) -> None:
    web = free_port()
    serve(superd)
    configure(superd, f'[page]\nlisten = "127.0.0.1:{web}"\nallow = ["192.0.2.0/24"]\n')
    superd.start()
    assert "superd on" in get(f"http://127.0.0.1:{web}/")
    configure(superd, "")
    superd.reload()
    with pytest.raises(OSError, match="refused"):
        get(f"http://127.0.0.1:{web}/")

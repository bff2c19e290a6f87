"""The recipes for Arch and Alpine are built on Debian, and their linters find nothing to say.

namcap, abuild and atools cannot be had: Debian, PyPI and npm have none of them. pkglint, which reads a recipe for Arch
and the package made of it, and a language server that knows APKBUILD take their place. Alpine's functions run in busybox's ash.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from superd import __version__
from tests.needs import needs

ROOT = Path(__file__).parent.parent
PACKAGING = ROOT / "packaging"
BIN = Path(sys.executable).parent
PATH = f"{BIN}:{os.environ['PATH']}"
WANTED = {
    "usr/bin/superd",
    "usr/share/man/man8/superd.8",
    "usr/share/man/man5/superd.toml.5",
    "usr/share/man/man5/superd-services.5",
    "usr/share/bash-completion/completions/superd",
    "usr/share/superd/schema/superd-service.json",
}

ALPINE = """
startdir=$1 srcdir=$2 pkgdir=$3
. "$startdir/APKBUILD"
cd "$srcdir/$pkgname-$pkgver"
build
package
"""


def pkglint(path: Path) -> tuple[int, str]:
    done = subprocess.run([needs("pkglint", str(BIN / "pkglint")), path], capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


def test_pkglint_finds_nothing_to_say_about_the_recipe_for_arch() -> None:
    assert pkglint(PACKAGING / "arch/PKGBUILD") == (0, "1 package linted: 1 clean\n")


@pytest.mark.timeout(180)
def test_makepkg_builds_the_package_for_arch_and_pkglint_finds_nothing_to_say(tmp_path: Path) -> None:
    needs("makepkg", "makepkg")
    needs("fakeroot", "fakeroot")
    bsdtar = needs("libarchive-tools", "bsdtar")
    needs("build", str(BIN / "pyproject-build"))
    done = subprocess.run([PACKAGING / "build-arch", tmp_path], capture_output=True, text=True, env=os.environ | {"PATH": PATH})
    assert done.returncode == 0, done.stdout + done.stderr
    [package] = tmp_path.glob(f"superd-{__version__}-*.pkg.tar.gz")
    files = subprocess.run([bsdtar, "-tf", package], capture_output=True, text=True).stdout.splitlines()
    units = {"usr/lib/systemd/system/superd.service", "usr/lib/sysusers.d/superd.conf", "usr/lib/tmpfiles.d/superd.conf"}
    assert (WANTED | units) - {file.removesuffix(".gz") for file in files} == set()
    assert pkglint(package) == (0, "1 package linted: 1 clean\n")


def test_the_language_server_finds_nothing_to_say_about_the_recipe_for_alpine() -> None:
    program = needs("termux-language-server", str(BIN / "termux-language-server"))
    done = subprocess.run([program, "--color=never", "--check", PACKAGING / "alpine/APKBUILD"], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "")


def test_the_language_server_knows_a_wrong_recipe(tmp_path: Path) -> None:
    program = needs("termux-language-server", str(BIN / "termux-language-server"))
    (tmp_path / "APKBUILD").write_text((PACKAGING / "alpine/APKBUILD").read_text().replace("pkgver=", "version="))
    done = subprocess.run([program, "--color=never", "--check", tmp_path / "APKBUILD"], capture_output=True, text=True)
    assert "'pkgver' is a required property" in done.stdout


@pytest.mark.timeout(180)
def test_the_functions_of_the_recipe_for_alpine_build_and_install(tmp_path: Path) -> None:
    ash = needs("busybox", "busybox")
    needs("gpep517", str(BIN / "gpep517"))
    sources, installed, tools = tmp_path / "src", tmp_path / "pkg", tmp_path / "bin"
    tree = sources / f"superd-{__version__}"
    for folder in (tree, installed, tools):
        folder.mkdir(parents=True)
    copy = f"git ls-files -z | grep -zv '^tests/' | tar --null -T - -cf - | tar -xf - -C {tree}"
    subprocess.run(["sh", "-ec", copy], check=True, cwd=ROOT)
    (sources / "superd.initd").write_bytes((PACKAGING / "alpine/superd.initd").read_bytes())
    modules = next(path for path in sys.path if path.endswith("site-packages"))
    # Debian's python3 with what the tests have installed; it would install into /usr/local, as no python3 of Alpine's does.
    python = f'#!/bin/sh\nPYTHONPATH={modules} DEB_PYTHON_INSTALL_LAYOUT=deb exec /usr/bin/python3 "$@"\n'
    for name, text in (("python3", python), ("gpep517", f'#!/bin/sh\nexec {tools}/python3 -m gpep517 "$@"\n')):
        (tools / name).write_text(text)
        (tools / name).chmod(0o755)
    command: list[str | Path] = [ash, "ash", "-euc", ALPINE, "build", PACKAGING / "alpine", sources, installed]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | {"PATH": f"{tools}:{os.environ['PATH']}"})
    assert done.returncode == 0, done.stdout + done.stderr
    files = {str(path.relative_to(installed)) for path in installed.rglob("*") if path.is_file()}
    assert (WANTED | {"etc/init.d/superd"}) - files == set()
    assert (installed / "etc/superd/services.d").is_dir()


def test_ash_reads_the_scripts_for_openrc_and_before_the_installation() -> None:
    ash = needs("busybox", "busybox")
    for name in ("superd.initd", "superd.pre-install", "APKBUILD"):
        done = subprocess.run([ash, "ash", "-n", PACKAGING / "alpine" / name], capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (0, ""), name

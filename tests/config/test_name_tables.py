"""/etc/hosts and /etc/networks: names in any case, aliases, comments, and what is neither."""

from __future__ import annotations

from superd.config.name_tables import read_table
from tests.config.golden import MemoryFiles

HOSTS = b"# comment\n127.0.0.1\tlocalhost Box # the box\n::1 localhost ip6-localhost\n\xff\xfe bad\nalone\n"


def test_a_name_has_the_number_that_stands_first_for_it() -> None:
    table = read_table(MemoryFiles({"/etc/hosts": HOSTS}), "/etc/hosts", 1)
    assert {name: table[name] for name in ("localhost", "box", "ip6-localhost")} == {
        "localhost": "127.0.0.1",
        "box": "127.0.0.1",
        "ip6-localhost": "::1",
    }


def test_a_networks_name_stands_before_its_number() -> None:
    table = read_table(MemoryFiles({"/etc/networks": b"lab 192.168 old-lab\n"}), "/etc/networks", 0)
    assert table == {"lab": "192.168", "old-lab": "192.168"}


def test_without_the_file_there_are_not_names() -> None:
    assert read_table(MemoryFiles({}), "/etc/hosts", 1) == {}

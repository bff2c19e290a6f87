"""The reader of a file is chosen by its text, and once for all commands."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from superd.config.grammar import Kind, grammar_of


@pytest.mark.parametrize(
    ("path", "text", "kind"),
    [
        ("/tmp/x", "service a\n{\n}\n", "xinetd"),
        ("/tmp/x", "service a{\nport = 1\n}\n", "xinetd"),
        ("/tmp/x", "# head\n\ndefaults\n{\n}\n", "xinetd"),
        ("/tmp/x", "includedir /etc/xinetd.d\n", "xinetd"),
        ("/tmp/x", "stray\nservice a\n{\n", "xinetd"),
        ("/etc/xinetd.conf", "", "xinetd"),
        ("/tmp/x", "ftp stream tcp nowait root /bin/cat cat\n", "inetd"),
        ("/tmp/x", "100017/1 tli rpc/tcp wait root /bin/cat cat\n", "inetd"),
        ("/tmp/x", "ftp on\n  socktype = stream,\n  exec = /bin/cat;\n", "inetd"),
        ("/tmp/x", "ftp off exec = /bin/cat;\n", "inetd"),
        ("/tmp/x", ".include /etc/inetd.d/*\n", "inetd"),
        ("/tmp/x", "192.0.2.1:\nftp stream tcp nowait root /bin/cat cat\n", "inetd"),
        ("/tmp/x", 'server = "/bin/cat"\n', "service"),
        ("/tmp/x", "port = 7\n[limits]\nidle = 3\n", "service"),
        ("/tmp/x.toml", "server_args_add = 3\n", "service"),
        ("/tmp/x.toml", 'server = "/bin/cat\nport = \n', "service"),
        ("/tmp/x.toml", 'limits.idle = "3m"\n', "service"),
        ("/tmp/x.toml", 'xinetd = ["/etc/xinetd.conf"]\n[defaults]\nserver = "x"\n', "settings"),
        ("/tmp/x", "[policy]\nhosts_allow = 3\n", "settings"),
        ("/tmp/x", 'services = "x"\nservr = 3\n', "settings"),
        ("/etc/superd/superd.toml", "server = 3\n", "settings"),
        ("/etc/superd/services.d/a.toml", "servr = 3\n", "service"),
        ("/etc/superd/services.d/a.toml.d/10.toml", "servr = 3\n", "service"),
        ("/tmp/x.toml", "servr = 3\n", "settings"),
        ("/tmp/x.toml", "", "settings"),
        ("/tmp/inetd.conf.new", "", "inetd"),
    ],
)
def test_the_text_decides_and_then_the_name(path: str, text: str, kind: Kind) -> None:
    assert grammar_of(path, text.encode()) == kind
    assert grammar_of(path, b"# a comment\n\n" + text.encode()) == kind


@given(st.binary(max_size=200))
def test_any_bytes_have_one(data: bytes) -> None:
    assert grammar_of("/tmp/x", data) in ("settings", "service", "xinetd", "inetd")

"""A service with a word that nothing can be made of goes on without it, for the other checks."""

from __future__ import annotations

from superd.load.words import without_bad_words
from superd.problem import Origin, Problem
from superd.service import Service


def test_each_bad_word_is_reported_at_its_key_and_taken_out() -> None:
    keys = {"port": "no-such-port", "redirect": "nowhere:no-such-port"}
    services = {name: Service.model_validate({"name": name, **keys}) for name in ("bad", "worse")}
    services["good"] = Service.model_validate({"name": "good", "server": "/bin/cat", "port": 1})
    origins = {("bad", "port"): Origin("bad.toml", 2), ("bad", ""): Origin("bad.toml", 1)}
    problems: list[Problem] = []
    assert without_bad_words(services, origins, problems) == {"bad", "worse"}
    assert {(problem.origin.file, problem.origin.line) for problem in problems} >= {("bad.toml", 2), ("bad.toml", 1)}
    assert (services["bad"].port, services["bad"].redirect) == (0, None)
    assert services["good"].port == 1


def test_a_port_that_is_of_the_other_protocol_is_said_with_the_right_type() -> None:
    services = {"tftp": Service.model_validate({"name": "tftp", "server": "/bin/cat", "port": "tftp"})}
    problems: list[Problem] = []
    without_bad_words(services, {}, problems)
    (problem,) = problems
    assert problem.message == "`port`: `tftp` is in /etc/services for udp, not for tcp"
    assert problem.hint == 'write `socket_type = "dgram"`'

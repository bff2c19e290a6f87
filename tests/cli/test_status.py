"""The screens of status."""

from __future__ import annotations

import time
from typing import Any

from superd.cli.status import event_text, limit_text, problem_lines, screen, service_screen, spark, where
from superd.panel import queries
from superd.panel.steps import Call
from tests.panel.script import World

NOW = time.time()


def answer(*services: dict[str, Any], problems: tuple[dict[str, str], ...] = ()) -> dict[str, Any]:
    made = World().run(queries.get_status(Call({}, 0)))
    made["daemon"]["config_read"] = NOW - 3 * 3600
    return {**made, "services": [{**made["services"][0], **changed} for changed in services], "problems": list(problems)}


def paused(**changed: Any) -> dict[str, Any]:
    return {
        "service": "x",
        "by": 0,
        "since": time.time() - 500,
        "because": "kernel upgrade",
        "refuse": False,
        "drain": False,
        **changed,
    }


def test_everything_fits_and_problems_come_first() -> None:
    problem = {"severity": "error", "about": "rsync", "text": "cannot listen", "hint": "superd check"}
    busy = {"name": "git", "sessions": 3}
    made = answer(busy, {"name": "x" * 90, "addresses": ["[2001:db8::7]:873/stream"] * 9}, problems=(problem,))
    for columns in (80, 120):
        lines = screen(made, columns)
        assert max(map(len, lines)) <= columns
        assert lines[0].startswith("superd 1   up")
        assert lines[1:4] == ["1 thing needs you:", "  ✗ rsync  cannot listen", "           hint: superd check"]
        assert any(line.startswith("git") and "3/50" in line for line in lines)


def test_idle_services_are_one_line_unless_asked_for() -> None:
    idle = {"sessions": 0, "started_hour": 0, "refused_hour": 0}
    made = answer({"name": "git", "sessions": 3}, *({**idle, "name": f"s{number}"} for number in range(5)))
    assert "(5 more services without clients in the last hour: superd status --all)" in screen(made, 80)
    assert len(screen(made, 80, everything=True)) == 8


def test_a_paused_service_says_its_operator_since_when_and_why() -> None:
    text = "\n".join(screen(answer({"name": "door", "paused": paused()}), 80))
    assert 'paused by root, 8 min: "kernel upgrade"' in text
    text = "\n".join(screen(answer({"name": "door", "paused": paused(refuse=True)}), 80))
    assert "refused by root" in text


def test_an_address_that_is_not_open_is_counted() -> None:
    assert where({"addresses": ["a/stream", "b"], "missing": ["a/stream"]}) == "b (1 of 2)"
    assert where({"addresses": ["a/stream", "b"], "missing": []}) == "a +1"
    assert where({"addresses": [], "missing": []}) == "through tcpmux"


def test_no_service_says_what_to_type() -> None:
    assert screen(answer(), 80)[-1] == "no service is configured: superd check"


def test_one_service_in_full() -> None:
    made = World().run(queries.get_service(Call({"service": "git"}, 0)))
    made["served"] = [0] * 59 + [4]
    lines = service_screen(made, 80)
    assert lines[0] == "git   /usr/bin/git   user nobody"
    assert any("3 of 50" in line for line in lines)
    assert any("4 cps" in line and "192.0.2.9 last, 2 s ago" in line for line in lines)
    assert max(map(len, lines)) <= 80


def test_peers_text_cannot_reach_the_terminal() -> None:
    evil = {"severity": "error", "about": "\x1b[2J", "text": "\x1b]0;x\x07", "hint": "\x9b1m"}
    assert not any("\x1b" in line or "\x9b" in line for line in problem_lines([evil]))


def test_bars_have_eight_heights() -> None:
    assert spark([0, 1, 8]) == " ▁█"
    assert spark([0, 0]) == ""


def test_ends_and_refusals_are_one_line_each() -> None:
    base = {"when": NOW, "event": "exit"}
    assert event_text({**base, "fields": {"peer": "192.0.2.1", "port": 5, "duration": 0.4, "status": 0}}).endswith(
        "0.4 s, exit 0"
    )
    fail = {**base, "event": "fail", "fields": {"peer": "::1", "reason": "instances", "limit": 40, "now": 40}}
    assert event_text(fail).endswith("refused: instances (40 of 40)")


def test_rules_and_certificates_are_in_it() -> None:
    made = answer({"name": "git"})
    assert not any("hosts.allow" in line for line in screen(made, 80))
    made["tables"].update(rules=14, warnings=2)
    assert "14 rules in /etc/hosts.allow and /etc/hosts.deny; 2 things to look at: superd check" in screen(made, 80)
    there = World()
    there.state["certificates"] = [{"service": "git", "end": time.time() + 61.5 * 86400, "failed": "", "file": "x"}]
    shown = service_screen(there.run(queries.get_service(Call({"service": "git"}, 0))), 80)
    assert any(line.startswith("  tls        certificate until 2") and line.endswith(", 61 days left") for line in shown)


def test_limits_say_how_full_they_are() -> None:
    rows = [("per_source", 2, 3, "192.0.2.7"), ("cps", 1, None, "1 a second"), ("limits.penalties", 2, None, "have penalties")]
    texts = [limit_text(dict(zip(("key", "used", "limit", "who"), row, strict=True))) for row in rows]
    assert [" ".join(text.split()) for text in texts] == [
        "per_source 2 of 3, 192.0.2.7",
        "cps 1 source at it; 1 a second",
        "limits.penalties 2 sources refused",
    ]


def test_services_whose_programs_have_no_groups_are_named_and_are_not_a_problem() -> None:
    there = World()
    there.state["ungrouped"] = {"git": "no cgroup v2"}
    made = there.run(queries.get_status(Call({}, 0)))
    assert made["problems"] == []
    assert "no limits by groups of processes for git: superd status git" in screen(made, 80)
    shown = service_screen(there.run(queries.get_service(Call({"service": "git"}, 0))), 80)
    assert "  no groups  memory, pids and quotas do not hold: no cgroup v2" in shown

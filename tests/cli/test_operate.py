"""What commands that change something print."""

from __future__ import annotations

from superd.cli.operate import ban_lines, change_text, reload_lines

CHANGES = {
    "opened": [{"service": "tang", "addresses": ["127.0.0.1:7500/stream"]}],
    "closed": [{"service": "finger", "addresses": ["*:79/stream"]}],
    "changed": [
        {
            "service": "git",
            "keys": [
                {"key": "instances", "old": 20, "new": 50},
                {"key": "only_from", "old": ["a"], "new": ["a", "10.8.0.0/16"]},
            ],
        }
    ],
    "kept": 12,
}


def test_a_reload_is_counts_and_with_diff_each_key() -> None:
    answer = {"changes": CHANGES}
    assert reload_lines(answer, 80, dry_run=False, diff=False) == ["reload: 1 opened, 1 changed, 1 closed, 12 kept"]
    assert reload_lines(answer, 80, dry_run=True, diff=True) == [
        "reload would be: 1 opened, 1 changed, 1 closed, 12 kept",
        "+ tang        127.0.0.1:7500/stream",
        "- finger      *:79/stream",
        "~ git         instances 20 → 50",
        "              only_from + 10.8.0.0/16",
    ]


def test_a_reload_without_changes_says_so() -> None:
    nothing = {"changes": {"opened": [], "closed": [], "changed": [], "kept": 3}}
    assert reload_lines(nothing, 80, dry_run=False, diff=True) == ["reload: 3 kept"]


def test_values_come_went_or_changed() -> None:
    assert change_text({"key": "user", "old": "", "new": "nobody"}) == "user none → nobody"
    assert change_text({"key": "x", "old": ["a", "b"], "new": ["b"]}) == "x - a"
    assert change_text({"key": "x", "old": ["a", "b"], "new": ["b", "a"]}) == "x ['a', 'b'] → ['b', 'a']"


def test_bans_are_a_table_that_fits() -> None:
    ban = {"prefix": "192.0.2.0/24", "service": "", "since": 0, "until": 0, "by": 0, "because": "x" * 300, "hits": 7}
    lines = ban_lines([ban], 80)
    assert lines[0].split() == ["BANNED", "SERVICE", "UNTIL", "HITS", "BY", "BECAUSE"]
    assert lines[1].startswith("192.0.2.0/24  all      for ever     7  root")
    assert max(map(len, lines)) <= 80
    assert ban_lines([], 80) == []

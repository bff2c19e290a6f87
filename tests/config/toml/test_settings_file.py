"""superd.toml: the daemon's settings, the services' defaults, and a place for whatever is wrong."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from superd.config.toml.settings_file import parse_settings
from superd.settings import Settings

PIECES = ["stop_grace = 5\n", "undecided = 0\n", "defaults = 1\n", "[defaults]\n", "[policy]\n", "[log]\n", "nice = 1\n"]
PIECES += ["only_from_add = 1\n", 'facility = "x"\n', "queue = 1\n", "q = 1\n", "=\n", "\n", "policy = 2\n"]


@given(st.one_of(st.binary(max_size=60), st.lists(st.sampled_from(PIECES), max_size=8).map("".join).map(str.encode)))
def test_any_bytes_give_settings_and_problems_inside_the_file(data: bytes) -> None:
    settings, defaults, places, problems = parse_settings(data, "superd.toml")
    assert isinstance(settings, Settings)
    assert set(places) == set(defaults)
    for origin in (*places.values(), *(problem.origin for problem in problems)):
        assert origin.file == "superd.toml"
        assert 1 <= origin.line <= data.count(b"\n") + 1


@given(st.integers(-5, 5))
def test_a_count_is_taken_or_reported_at_its_line_and_nothing_else_is(count: int) -> None:
    settings, _, _, problems = parse_settings(f"# first\nundecided = {count}\n".encode(), "superd.toml")
    assert [problem.origin.line for problem in problems] == ([] if count >= 1 else [2])
    assert settings.undecided == (count if count >= 1 else Settings().undecided)


def test_defaults_are_handed_on_as_written() -> None:
    data = b'stop_grace = "1m"\n[defaults]\nonly_from_add = "10."\nnice = "no number"\nnise = 1\n'
    settings, defaults, places, problems = parse_settings(data, "superd.toml")
    assert settings.stop_grace == 60
    assert defaults == {"only_from_add": "10.", "nice": "no number"}
    assert places["nice"].line == 4
    assert [(problem.origin.line, problem.hint) for problem in problems] == [
        (5, "did you mean `nice`?"),
        (4, "for example `nice = 10`"),
    ]


def test_an_unknown_key_of_a_table_is_reported_at_its_own_line() -> None:
    _, _, _, problems = parse_settings(b"[policy]\n\nhosts_alow = 1\n[log]\nqueeu = 1\n", "superd.toml")
    assert [problem.origin.line for problem in problems] == [3, 5]
    assert [problem.hint for problem in problems] == ["did you mean `hosts_allow`?", "did you mean `queue`?"]


def test_a_services_key_is_reported_where_it_belongs_and_not_the_nearest_other() -> None:
    *_, problems = parse_settings(b'server = "/bin/cat"\nuser = "nobody"\nport = 7\n', "superd.toml")
    assert [(problem.origin.line, problem.hint) for problem in problems] == [
        (line, "a service's key: it belongs in a file of the services' folder, or in [defaults]") for line in (1, 3)
    ]


def test_a_wrong_default_is_reported_without_a_service_at_its_own_line() -> None:
    text = b'[defaults]\ncps = "x"\nnice = 99\n[defaults.limits]\nidle = "q"\nbogus = 1\n'
    problems = sorted(parse_settings(text, "superd.toml")[3], key=lambda problem: problem.origin)
    assert [
        (problem.origin.line, problem.message.partition("`: ")[0])
        for problem in sorted(problems, key=lambda problem: problem.origin)
    ] == [
        (2, "`cps"),
        (3, "`nice"),
        (5, "`limits.idle"),
        (6, "unknown key `bogus`"),
    ]

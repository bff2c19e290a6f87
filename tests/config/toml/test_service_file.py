"""A service file: every key has its place, and fragments are laid on top of each other key by key."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from superd.config.toml.service_file import KEYS, Keys, make_service, merge, parse_toml
from superd.problem import Origin
from superd.service import Service

PIECES = ["nice = 1", "nice = 1\n", "[limits]\n", "idle = 5\n", '"port" = 7\n', "limits.idle = 3\n", "= ", '"""', "\n", "# x\r\n"]
FRAGMENTS = st.dictionaries(
    st.sampled_from(["nice", "port", "only_from", "only_from_add", "limits"]),
    st.one_of(st.integers(0, 9), st.dictionaries(st.sampled_from(["idle", "session"]), st.integers(1, 9))),
)


@given(st.one_of(st.binary(max_size=60), st.lists(st.sampled_from(PIECES), max_size=8).map("".join).map(str.encode)))
def test_any_bytes_give_keys_or_one_problem_and_every_place_is_inside_the_file(data: bytes) -> None:
    keys, places, problems = parse_toml(data, "a.toml")
    assert len(problems) <= 1
    assert not (problems and keys)
    assert set(keys) <= set(places)
    for origin in (*places.values(), *(problem.origin for problem in problems)):
        assert 1 <= origin.line <= data.count(b"\n") + 1


@given(FRAGMENTS, FRAGMENTS)
def test_a_fragment_changes_the_keys_it_names_and_no_other(base: Keys, over: Keys) -> None:
    merged = merge(base, over)
    named = {key.removesuffix("_add") for key in over}
    assert {key: merged[key] for key in base if key not in named} == {key: base[key] for key in base if key not in named}
    assert set(merged) == set(base) | named
    if isinstance(base.get("limits"), dict) and isinstance(over.get("limits"), dict):
        assert merged["limits"] == {**base["limits"], **over["limits"]}
    elif "limits" in over:
        assert merged["limits"] == over["limits"]


def test_add_appends_to_what_was_set_and_makes_a_list_of_one_word() -> None:
    assert merge({"only_from": ["10."]}, {"only_from_add": "11."}) == {"only_from": ["10.", "11."]}
    assert merge({"only_from": "10."}, {"only_from_add": ["11."]}) == {"only_from": ["10.", "11."]}
    assert merge({}, {"only_from_add": ["11."]}) == {"only_from": ["11."]}


def test_each_wrong_key_is_reported_at_its_own_line_and_the_rest_is_still_checked() -> None:
    data = b'server = "/bin/cat"\nnise = 1\numask = "9"\nport = 7\n[limits]\nidle = "x"\n'
    keys, places, _ = parse_toml(data, "a.toml")
    service, problems = make_service("a", keys, places, Origin("a.toml", 1))
    assert sorted(problem.origin.line for problem in problems) == [2, 3, 6]
    assert "did you mean `nice`?" in {problem.hint for problem in problems}
    assert service is not None
    assert service.port == 7
    assert "name" not in KEYS


def test_services_with_the_same_keys_share_the_set_of_them_and_no_other() -> None:
    def made(**keys: object) -> Service:
        service, wrong = make_service("a", {"server": "/bin/cat", "listen": ["127.0.0.1:7"], **keys}, {}, Origin("a.toml"))
        assert service is not None
        assert wrong == ()
        return service

    one, same, other = made(nice=1), made(nice=2), made(umask="022")
    assert one.model_fields_set is same.model_fields_set
    assert "nice" in one.model_fields_set
    assert other.model_fields_set == one.model_fields_set - {"nice"} | {"umask"}


def test_what_an_escape_makes_a_nul_byte_is_reported_at_each_place_and_nothing_is_asked_about_it() -> None:
    data = b'user = "\\u0000"\nport = 7\nenv = { A = "x\\u0000" }\n[limits]\n"a\\u0000" = 1\n'
    keys, _, problems = parse_toml(data, "a.toml")
    assert keys == {}
    assert [(problem.origin.line, problem.message) for problem in problems] == [(n, "contains a NUL byte") for n in (1, 3, 4)]


def test_lines_are_an_editors_and_what_stands_in_a_text_of_many_lines_is_not_a_key() -> None:
    data = 'env = { A = """\nport = 1\n[limits]\n""" } # \u2028 \'\'\'\nport = 2\nnice_add = 3\n'.encode()
    keys, places, _ = parse_toml(data, "a.toml")
    assert {key: places[key].line for key in (*keys, "nice")} == {"env": 1, "port": 5, "nice_add": 6, "nice": 6}


def test_a_unit_of_systemd_is_called_one_and_no_toml_of_another_name_is() -> None:
    unit = b"# hello\n[Unit]\nDescription=x\n[Socket]\nAccept=yes\n"
    assert [str(problem) for problem in parse_toml(unit, "a.socket")[2]] == [
        "a.socket:2: error: is a unit of systemd\n  hint: type `superd import systemd a.socket -o DIR`"
    ]
    assert not parse_toml(b"port = 1\n[limits]\nidle = 5\n", "a.conf")[2]


def test_a_byte_order_mark_is_named_because_no_editor_shows_it() -> None:
    assert [str(problem) for problem in parse_toml("\ufeffport = 1\n".encode(), "a.toml")[2]] == [
        "a.toml:1: error: begins with a byte order mark\n  hint: save the file as UTF-8 without it"
    ]

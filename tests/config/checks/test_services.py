"""What one service file alone cannot show, as `check` says it."""

from __future__ import annotations

from dataclasses import replace

from superd.config.checks.services import Host, check, check_kinds
from superd.problem import Origin
from superd.service import Service

HOST = Host(lambda _: True, lambda _: True, lambda _: "", lambda _: True, (), True)
MUX = Service(name="tcpmux", type=frozenset({"INTERNAL"}), port=1)


def said(*services: Service) -> list[str]:
    return [f"{problem.severity.value}: {problem.message}" for problem in check({s.name: s for s in services}, {}, HOST)]


def client(name: str, **keys: object) -> Service:
    return Service.model_validate({"name": name, "type": ["TCPMUX"], "server": "/bin/cat", **keys})


def test_a_program_that_runs_as_root_belongs_to_root() -> None:
    theirs = replace(HOST, not_only_root=lambda _: "belongs to `bob`, not to root")
    service = Service.model_validate({"name": "a", "server": "/bin/cat", "port": 1, "user": "root"})
    (problem,) = check({"a": service}, {}, theirs)
    assert problem.message == "`/bin/cat` runs as root, and it belongs to `bob`, not to root"
    assert len(check({"a": service.model_copy(update={"user": ""})}, {}, theirs)) == 1
    assert check({"a": service.model_copy(update={"user": "nobody"})}, {}, theirs) == []
    assert check({"a": service}, {}, HOST) == []


def test_each_unknown_user_and_group_is_reported_at_its_own_key() -> None:
    nobody = replace(HOST, users=lambda _: False, groups=lambda _: False)
    keys = {"user": "u", "group": "g", "groups": ["h"], "socket_user": "v", "socket_group": "i"}
    service = Service.model_validate({"name": "a", "server": "/bin/cat", "listen": ["unix:/x"], **keys})
    origins = {("a", key): Origin("a.toml", number) for number, key in enumerate(keys, 1)}
    found = sorted(check({"a": service}, origins, nobody), key=lambda problem: problem.origin)
    kinds = [("user", "u"), ("group", "g"), ("group", "h"), ("user", "v"), ("group", "i")]
    assert [problem.message for problem in found] == [f"{kind} `{name}` does not exist" for kind, name in kinds]
    assert [problem.origin.line for problem in found] == [1, 2, 3, 4, 5]


def test_lists_are_an_error_where_the_program_accepts() -> None:
    service = {"name": "a", "server": "/bin/cat", "port": 1, "wait": True}
    for key in ("only_from", "no_access"):
        (problem,) = check_kinds(Service.model_validate({**service, key: ["192.0.2.1"]}), {}, access_alone=True)
        assert problem.severity.value == "error"
        assert f"`{key}` cannot be kept with `wait = true`" in problem.message
    assert check_kinds(Service.model_validate(service), {}) == []


def test_clients_with_a_tcpmux_are_fine() -> None:
    assert said(MUX, client("one"), client("two")) == []


def test_clients_without_a_tcpmux_are_warned_of() -> None:
    assert said(client("one")) == ["warning: no client can reach it: no service `tcpmux` is served"]


def test_two_of_one_name_are_an_error_whatever_its_case() -> None:
    (problem,) = said(MUX, client("one"), client("two", service="ONE"))
    assert problem.startswith("error: tcpmux knows `ONE` as service `one`")


def test_what_is_not_a_connection_cannot_be_handed_over() -> None:
    for keys in ({"wait": True}, {"socket_type": "dgram", "wait": True}):
        found = check_kinds(client("one", **keys), {})
        assert any("tcpmux hands over a connection" in problem.message for problem in found)


def test_a_key_without_effect_is_an_error_of_our_own_files_alone() -> None:
    service = Service.model_validate({"name": "a", "redirect": "192.0.2.1:7", "port": 1, "nice": 5})
    (problem,) = check_kinds(service, {("a", "nice"): Origin("a.toml", 3)})
    assert (problem.origin.line, problem.message) == (3, "`nice` has no effect with `redirect`: no program is started")
    assert check_kinds(service, {}, access_alone=True) == []


def test_streams_only_is_said_of_those_that_speak_over_streams_only() -> None:
    for name in ("tcpmux", "auth"):
        service = Service.model_validate({"name": name, "type": ["INTERNAL"], "socket_type": "dgram", "port": 1})
        assert said(service) == [f"error: `{name}` speaks over streams only"]


def test_a_log_in_a_folder_that_does_not_exist_is_reported() -> None:
    keys = {"name": "a", "server": "/bin/cat", "listen": ["127.0.0.1:7"], "log_type": "FILE /nowhere/a.log 1 2"}
    service = Service.model_validate(keys)
    place = {("a", "log_type"): Origin("a.toml", 3)}
    found = check({"a": service}, place, replace(HOST, readable=lambda path: path != "/nowhere"))
    assert [str(problem) for problem in found] == [
        "a.toml:3: warning: log folder `/nowhere` does not exist; the service logs to superd's own log\n  hint: mkdir /nowhere"
    ]
    assert check({"a": service}, place, HOST) == []


def test_programs_that_cannot_have_their_user_are_one_note() -> None:
    keys = {"server": "/bin/cat", "user": "nobody"}
    services = {f"s{n}": Service.model_validate({**keys, "name": f"s{n}", "port": 7000 + n}) for n in range(7)}
    own = replace(HOST, root=False)
    [problem] = [problem for problem in check(services, {}, own) if "not root" in problem.message]
    assert problem.message == (
        "not root: the programs of `s0`, `s1`, `s2`, `s3`, `s4` and 2 more run as superd's own user, not as `nobody`"
    )
    one = {"s0": services["s0"]}
    said = [problem.message for problem in check(one, {}, own) if "not root" in problem.message]
    assert said == ["not root: the program of `s0` runs as superd's own user, not as `nobody`"]
    assert not [
        problem for problem in check(one, {}, replace(own, own_names=frozenset({"nobody"}))) if "not root" in problem.message
    ]


def test_services_in_xinetds_style_that_log_nothing_are_one_note() -> None:
    keys = {"server": "/bin/cat", "log_style": "xinetd", "log_on_success": [], "log_on_failure": []}
    services = [Service.model_validate({**keys, "name": f"s{number}", "port": 7000 + number}) for number in range(7)]
    services[1] = services[1].model_copy(update={"log_on_failure": frozenset({"HOST"})})
    services[2] = services[2].model_copy(update={"disable": True})
    found = [
        problem
        for problem in check({service.name: service for service in services}, {}, HOST)
        if "log nothing" in problem.message
    ]
    assert [str(problem) for problem in found] == [
        "s0: note: `s0`, `s3`, `s4`, `s5`, `s6` log nothing, refusals included: log_on_success and log_on_failure are empty\n"
        "  hint: set `log_on_success = HOST PID EXIT` and `log_on_failure = HOST`"
    ]


def test_what_to_type_against_a_silent_service_is_in_the_words_of_its_file() -> None:
    keys = {"name": "a", "server": "/bin/cat", "port": 7, "log_style": "xinetd", "log_on_success": [], "log_on_failure": []}
    services = {"a": Service.model_validate(keys)}
    hints = {
        file: [
            problem.hint for problem in check(services, {("a", ""): Origin(file, 1)}, HOST) if "logs nothing" in problem.message
        ]
        for file in ("services.d/a.toml", "/etc/xinetd.d/a")
    }
    assert hints == {
        "services.d/a.toml": ['set `log_on_success = ["HOST", "PID", "EXIT"]` and `log_on_failure = ["HOST"]`'],
        "/etc/xinetd.d/a": ["set `log_on_success = HOST PID EXIT` and `log_on_failure = HOST`"],
    }


def test_no_limit_where_senders_can_be_forged_is_warned_of() -> None:
    keys = {"name": "a", "server": "/bin/cat", "port": 1, "socket_type": "dgram"}
    assert said(Service.model_validate(keys)) == []
    assert said(Service.model_validate({**keys, "instances": "UNLIMITED"})) == [
        "warning: instances = UNLIMITED: each forged sender of a datagram starts one more program"
    ]
    assert said(Service.model_validate({**keys, "instances": "UNLIMITED", "wait": True})) == []

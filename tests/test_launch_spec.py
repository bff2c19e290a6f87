"""What a launcher is sent about a service: identity, environment, limits."""

from __future__ import annotations

import json
from typing import Any

import pytest

from superd.launch_spec import CONNECTION_VARIABLES, Account, Accounts, Profile, launch_spec, profile_of
from superd.service import Service

WEB = Account("web", 33, 34, "/srv/web", "/bin/false")


def service(**keys: Any) -> Service:
    return Service(name="x", port=7, **({"server": "/bin/cat"} | keys))


def _user(name: str) -> Account:
    if name != "web":
        raise KeyError(name)
    return WEB


ACCOUNTS = Accounts(_user, {"web": 34, "mail": 8, "adm": 4}.__getitem__, lambda name, gid: (gid, 100, 8, 100))


def test_a_profile_is_the_same_after_json_and_an_earlier_versions_lacks_what_it_did_not_know() -> None:
    profile = Profile(1, 2, (3, 4), -5, ((6, 7), (8, -1)), "plan")
    row = json.loads(json.dumps(profile.row()))
    assert Profile.of_row(row) == profile
    del row["sandbox"]
    assert Profile.of_row(row) == Profile(1, 2, (3, 4), -5, ((6, 7), (8, -1)))


def environment(made: Service, environ: dict[str, str] | None = None, files: dict[str, str] | None = None) -> dict[str, str]:
    return dict(launch_spec(made, Profile(), environ or {}, WEB, files or {}).env)


@pytest.mark.parametrize(
    ("keys", "profile"),
    [
        ({"user": "web", "groups": False}, Profile(33, 34)),
        ({"user": "web", "group": "mail", "groups": False}, Profile(33, 8)),
        ({"user": "web", "groups": True}, Profile(33, 34, (8, 34, 100))),
        ({"user": "web", "groups": ["mail", "adm", "mail"]}, Profile(33, 34, (4, 8))),
        ({"user": "web", "groups": False, "nice": -3}, Profile(33, 34, nice=-3)),
        ({"user": "web", "groups": False, "rlimit_cpu": 5}, Profile(33, 34, rlimits=((0, 5),))),
        ({"user": "web", "groups": False, "limits": {"memory": 4096}}, Profile(33, 34, rlimits=((9, 4096),))),
        ({"user": "web", "groups": False, "rlimit_as": 1, "limits": {"memory": 4096}}, Profile(33, 34, rlimits=((9, 1),))),
    ],
)
def test_root_becomes_what_the_service_says(keys: dict[str, Any], profile: Profile) -> None:
    assert profile_of(service(**keys), ACCOUNTS, root=True) == profile


def test_an_ordinary_user_stays_who_they_are() -> None:
    made = service(user="web", group="mail", groups=True, nice=-3, rlimit_cpu=5)
    assert profile_of(made, ACCOUNTS, root=False) == Profile(-1, -1, (), 0, ((0, 5),))
    assert profile_of(service(nice=4), ACCOUNTS, root=False).nice == 4


@pytest.mark.parametrize("keys", [{"user": "gone"}, {"user": "web", "group": "gone"}, {"user": "web", "groups": ["gone"]}])
def test_an_unknown_name_is_an_error_with_the_name(keys: dict[str, Any]) -> None:
    with pytest.raises(KeyError, match="gone"):
        profile_of(service(**keys), ACCOUNTS, root=True)


def test_the_environment_has_a_path_and_what_the_service_passes() -> None:
    assert environment(service(), {"SECRET": "1"}) == {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
    assert environment(service(passenv=["A", "B"]), {"A": "1", "SECRET": "1"}).keys() == {"PATH", "A"}
    assert environment(service(env={"PATH": "/x"}))["PATH"] == "/x"


def test_what_a_service_manager_meant_for_superd_is_not_passed_on() -> None:
    environ = {"LISTEN_FDS": "1", "NOTIFY_SOCKET": "/x", "WATCHDOG_USEC": "1", "SUPERD_NOFILE": "9", "LANG": "C"}
    assert environment(service(passenv=["*"]), environ).keys() == {"PATH", "LANG"}


def test_a_login_has_its_home_and_a_file_counts_more_than_env() -> None:
    seen = environment(service(login_environment=True, env={"USER": "me", "A": "env"}), files={"A": "file"})
    assert seen.items() >= {"HOME": "/srv/web", "USER": "me", "LOGNAME": "web", "SHELL": "/bin/false", "A": "file"}.items()


def test_what_the_connection_sets_cannot_be_set_by_superds_own_environment_or_a_file() -> None:
    forged = dict.fromkeys(CONNECTION_VARIABLES, "forged")
    assert not environment(service(passenv=["*"]), forged, forged).keys() & CONNECTION_VARIABLES


@pytest.mark.parametrize(("directory", "folder"), [("", "/"), ("/srv", "/srv"), ("~", "/srv/web")])
def test_the_folder_is_the_services_or_a_home_or_the_root(directory: str, folder: str) -> None:
    assert launch_spec(service(directory=directory), Profile(), {}, WEB, {}).directory == folder


@pytest.mark.parametrize(("keys", "grace"), [({"leftovers": "end"}, 5.0), ({"leftovers": "keep"}, -1.0), ({"wait": True}, -1.0)])
def test_leftovers_end_with_their_session_unless_kept_or_of_a_wait_service(keys: dict[str, Any], grace: float) -> None:
    assert launch_spec(service(**keys), Profile(), {}, WEB, {}).leftovers_grace == grace


def test_a_launcher_gets_no_profile_and_no_name() -> None:
    message = launch_spec(service(server_args=["-n"]), Profile(33, 34), {}, WEB, {}).message(7)
    assert message["index"] == 7
    assert message["program"] == "/bin/cat"
    assert list(message["argv"]) == ["cat", "-n"] or list(message["argv"]) == ["/bin/cat", "-n"]
    assert not {"profile", "service"} & message.keys()

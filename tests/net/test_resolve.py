"""Names by a real server on loopback that answers, lies, loops or says nothing; the rest of the trip: test_beside_tcpd.py."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dns.message
import dns.name
import dns.rcode
import dns.reversename
import dns.rrset
import pytest
import trio

from superd.net.resolve import HostsFile, LookupPlaces, Resolver
from superd.settings import Settings

if TYPE_CHECKING:
    from dns.rdatatype import RdataType

Zone = dict[tuple[str, str], tuple[str, ...]]
"""What (name, type) of question is answered by: "TYPE data" each, "" for no such name; a question that is not here by silence."""


class Server:
    """A name server: its zone, what it was asked, and an event at the first question that it leaves without an answer."""

    def __init__(self, zone: Zone) -> None:
        self.zone = zone
        self.asked: list[tuple[str, str]] = []
        self.silent = trio.Event()
        self.address: tuple[str, int] = "", 0

    async def run(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        with trio.socket.socket(type=trio.socket.SOCK_DGRAM) as sock:
            await sock.bind(("127.0.0.1", 0))
            self.address = sock.getsockname()
            task_status.started()
            while True:
                data, peer = await sock.recvfrom(4096)
                question = dns.message.from_wire(data)
                name, kind = question.question[0].name, question.question[0].rdtype
                answer = self._answer(question, name, kind)
                if answer is None:
                    self.silent.set()
                else:
                    await sock.sendto(answer.to_wire(max_size=65535), peer)

    def _answer(self, question: dns.message.Message, name: dns.name.Name, kind: RdataType) -> dns.message.Message | None:
        key = name.to_text(), kind.name
        self.asked.append(key)
        if key not in self.zone:
            return None
        answer = dns.message.make_response(question)
        for record in self.zone[key]:
            if not record:
                answer.set_rcode(dns.rcode.NXDOMAIN)
                continue
            what, data = record.split(" ", 1)
            answer.answer.append(dns.rrset.from_text(name, 30, "IN", what, data))
        return answer


def reverse(address: str) -> tuple[str, str]:
    return dns.reversename.from_address(address).to_text(), "PTR"


@pytest.fixture
def hosts(tmp_path: Path) -> HostsFile:
    """No entry, and DNS to be asked."""
    return HostsFile(str(tmp_path / "hosts"), str(tmp_path / "nsswitch.conf"))


Ask = Callable[..., Resolver]


@pytest.fixture
async def server(nursery: trio.Nursery) -> Server:
    server = Server({})
    await nursery.start(server.run)
    return server


@pytest.fixture
def resolver(server: Server, hosts: HostsFile) -> Ask:
    def make(**options: object) -> Resolver:
        return Resolver(hosts=hosts, nameservers=[server.address], **{"deadline": 20.0, **options})  # type: ignore[arg-type]

    return make


async def test_a_name_that_leads_back_is_the_name(server: Server, resolver: Ask) -> None:
    server.zone = {reverse("192.0.2.7"): ("PTR good.example.",), ("good.example.", "A"): ("A 192.0.2.9", "A 192.0.2.7")}
    assert await resolver().name_of("192.0.2.7") == "good.example"


async def test_a_name_of_ipv6_leads_back_in_any_spelling(server: Server, resolver: Ask) -> None:
    server.zone = {reverse("2001:db8::7"): ("PTR six.example.",), ("six.example.", "AAAA"): ("AAAA 2001:db8:0:0::7",)}
    assert await resolver().name_of("2001:db8::7") == "six.example"


@pytest.mark.parametrize(
    ("forward", "why"),
    [
        (("A 192.0.2.9",), "another address"),
        (("",), "no such name"),
        (("CNAME other.example.",), "an alias that leads nowhere"),
    ],
)
async def test_a_name_that_leads_elsewhere_is_paranoid(forward: tuple[str, ...], why: str, server: Server, resolver: Ask) -> None:
    server.zone = {reverse("192.0.2.7"): ("PTR bad.example.",), ("bad.example.", "A"): forward, ("other.example.", "A"): ("",)}
    assert await resolver().name_of("192.0.2.7") == "paranoid", why


@pytest.mark.parametrize("name", ["a\\032b.example.", "a\\010.example.", "\\036\\040reboot\\041.example.", "-x.example."])
async def test_a_name_that_no_host_can_have_is_none(name: str, server: Server, resolver: Ask) -> None:
    server.zone = {reverse("192.0.2.7"): (f"PTR {name}",)}
    assert await resolver().name_of("192.0.2.7") == "unknown"


async def test_a_name_that_is_an_address_is_paranoid(server: Server, resolver: Ask) -> None:
    server.zone = {reverse("192.0.2.7"): ("PTR 10.0.0.1.",)}
    assert await resolver().name_of("192.0.2.7") == "paranoid"


async def test_the_name_of_the_root_is_one_that_is_not_confirmed(server: Server, resolver: Ask) -> None:
    """As in libwrap: `cat: PARANOID` in hosts.deny let such a client in, and every owner of a reverse zone can be one."""
    server.zone = {reverse("192.0.2.7"): ("PTR .",)}
    assert await resolver().name_of("192.0.2.7") == "paranoid"


async def test_of_a_long_answer_the_first_name_counts_and_no_more_is_parsed(
    server: Server, resolver: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = tuple(f"PTR host{number}.example." for number in range(1500))
    server.zone = {reverse("192.0.2.7"): names, ("host0.example.", "A"): ("A 192.0.2.7",)}
    parsed: list[int] = []
    real = dns.message.from_wire

    def from_wire(wire: bytes, *arguments: Any, **keys: Any) -> dns.message.Message:
        parsed.append(len(wire))
        return real(wire, *arguments, **keys)

    monkeypatch.setattr("dns.asyncquery.from_wire", from_wire, raising=False)
    monkeypatch.setattr(dns.message, "from_wire", from_wire)
    assert await resolver().name_of("192.0.2.7") == "host0.example"
    assert max(parsed) < 2000


async def test_a_reload_changes_the_deadline_and_the_number_of_places(resolver: Ask) -> None:
    names = resolver()
    names.configure(Settings.model_validate({"policy": {"decide_timeout": 0.05, "lookups_at_once": 32}}))
    assert (names._places._all.total_tokens, names._places._share) == (32, 2)
    assert await names.name_of("192.0.2.7") == "unknown"


async def test_a_server_that_says_nothing_makes_the_name_unknown_in_time(server: Server, resolver: Ask) -> None:
    assert await resolver(deadline=0.05).name_of("192.0.2.7") == "unknown"
    assert server.asked == [reverse("192.0.2.7")]


async def test_a_name_that_is_not_confirmed_in_time_is_paranoid(server: Server, resolver: Ask) -> None:
    server.zone = {reverse("192.0.2.7"): ("PTR slow.example.",)}
    assert await resolver(deadline=0.3).name_of("192.0.2.7") == "paranoid"


async def test_many_who_ask_for_one_address_are_one_question(server: Server, resolver: Ask) -> None:
    server.zone = {reverse("192.0.2.7"): ("",)}
    one = resolver()
    async with trio.open_nursery() as askers:
        for _ in range(50):
            askers.start_soon(one.name_of, "192.0.2.7")
    assert server.asked == [reverse("192.0.2.7")]
    assert one.cached("192.0.2.7") == "unknown"


async def test_a_network_whose_name_servers_are_dead_holds_up_nothing_else(server: Server, resolver: Ask) -> None:
    server.zone = {reverse("192.0.2.7"): ("PTR good.example.",), ("good.example.", "A"): ("A 192.0.2.7",)}
    one = resolver(at_once=32)
    async with trio.open_nursery() as askers:
        for last in range(100):
            askers.start_soon(one.name_of, f"198.51.100.{last}")
        await server.silent.wait()
        assert await one.name_of("192.0.2.7") == "good.example"
        askers.cancel_scope.cancel()


async def test_a_place_that_was_waited_for_in_vain_is_not_kept(nursery: trio.Nursery) -> None:
    places = LookupPlaces(16)

    async def hold(address: str, task_status: trio.TaskStatus[trio.CancelScope] = trio.TASK_STATUS_IGNORED) -> None:
        with trio.CancelScope() as scope:
            async with places.of(address):
                task_status.started(scope)
                await trio.sleep_forever()

    first: trio.CancelScope = await nursery.start(hold, "192.0.2.1")
    with trio.move_on_after(0.01) as late:
        await hold("192.0.2.2")
    assert late.cancelled_caught, "the network has one place"
    await nursery.start(hold, "192.0.3.1")
    await nursery.start(hold, "2001:db8::1")
    first.cancel()
    await nursery.start(hold, "192.0.2.2")


async def test_the_hosts_file_comes_first_and_is_read_again_when_it_changed(tmp_path: Path, server: Server) -> None:
    (tmp_path / "hosts").write_text("192.0.2.7  one.example alias  # 192.0.2.8 two\n nonsense\n192.0.2.7 later\n")
    hosts = HostsFile(str(tmp_path / "hosts"), str(tmp_path / "nsswitch.conf"))
    assert await hosts.name_of("192.0.2.7") == "one.example"
    assert await Resolver(hosts=hosts, nameservers=[server.address]).name_of("192.0.2.7") == "one.example"
    assert server.asked == []
    (tmp_path / "hosts").write_text("192.0.2.7  another.example\n192.0.2.9 another.example\n")
    assert await hosts.name_of("192.0.2.7") == "another.example"
    assert await hosts.addresses_of("ANOTHER.example") == {"192.0.2.7", "192.0.2.9"}


@pytest.mark.parametrize(
    ("line", "name", "asks_dns"),
    [
        ("hosts: dns", None, True),
        ("hosts: files", "one.example", False),
        ("hosts: files resolve [!UNAVAIL=return] dns", "one.example", True),
        ("# hosts: dns\npasswd: files", "one.example", True),
    ],
)
async def test_nsswitch_says_who_is_asked(line: str, name: str | None, asks_dns: bool, tmp_path: Path) -> None:
    (tmp_path / "hosts").write_text("192.0.2.7 one.example\n")
    (tmp_path / "nsswitch.conf").write_text(line + "\n")
    hosts = HostsFile(str(tmp_path / "hosts"), str(tmp_path / "nsswitch.conf"))
    assert await hosts.name_of("192.0.2.7") == name
    assert hosts.asks_dns == asks_dns


async def test_a_name_has_the_addresses_of_both_kinds_and_the_hosts_file_comes_first(
    tmp_path: Path, server: Server, resolver: Ask
) -> None:
    server.zone = {
        ("far.example.org.", "A"): ("A 192.0.2.1", "A 192.0.2.2"),
        ("far.example.org.", "AAAA"): ("AAAA 2001:db8::1",),
        ("none.example.org.", "A"): ("",),
        ("none.example.org.", "AAAA"): ("",),
    }
    (tmp_path / "hosts").write_text("192.0.2.9 near.example.org\n")
    names = resolver()
    assert await names.addresses_of("far.example.org") == ({"192.0.2.1", "192.0.2.2", "2001:db8::1"}, 30.0)
    assert (await names.addresses_of("near.example.org"))[0] == {"192.0.2.9"}
    assert await names.addresses_of("none.example.org") == (set(), 1.0)

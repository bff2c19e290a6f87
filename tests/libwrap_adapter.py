"""superd's answers to cases of access control, one JSON object a line: the other side of a comparison with libwrap.

A case says what the tables hold and what is known of a request; the answer says the verdict, the rules that matched and
the options they carry out. Cases that hang on a deliberate difference (docs/wrappers-differences.md) are left out with
``{"skip": why}``.
"""

from __future__ import annotations

import json
import re
import sys
from dataclasses import replace
from typing import Any

from superd.config.hosts_access import parse
from superd.peer import Peer
from superd.policy.hosts_access import Facts, compile_policy, decide
from superd.policy.patterns import unmapped
from superd.rule import Policy, Rule, Table
from superd.verdict import Ask, Need, Reason

DIRECTORY = "/oracle-files"


def to_bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def make_peer(address: str, name: str, user: str, port: int) -> Peer:
    """The end of a connection as the case tells it: what is not said is unknown."""
    import ipaddress

    address = address or "unknown"
    try:
        parsed = ipaddress.ip_address(unmapped(address).partition("%")[0])
        version, number = int(parsed.version), int(parsed)
    except ValueError:
        version, number = 0, 0
    return Peer(unmapped(address), version, number, port, name or "unknown", user or "unknown")


def answer(case: dict[str, Any]) -> dict[str, Any]:
    if case.get("client_addr") == "255.255.255.255" or case.get("server_addr") == "255.255.255.255":
        return {"skip": "the address inet_addr(3) cannot tell from an error"}
    rules: dict[str, tuple[Rule, ...]] = {}
    tables_of: tuple[Table, ...] = ("allow", "deny")
    for table in tables_of:
        text = case.get(table)
        if isinstance(text, dict):
            return {"skip": "a table that cannot be opened"}
        data = to_bytes((text or "").replace("@DIR@", DIRECTORY))
        if data and not data.endswith(b"\n"):
            return {"skip": "no newline at the end"}
        if any(len(line) > 2046 for line in data.replace(b"\\\n", b"").split(b"\n")):
            return {"skip": "a long line"}
        if b"\0" in data:
            return {"skip": "a NUL"}
        if data.endswith(b"\\\n"):
            return {"skip": "no newline at the end"}
        rules[table] = parse(data, f"hosts.{table}", table)[0]
    files = {f"{DIRECTORY}/{name}": to_bytes(text.replace("@DIR@", DIRECTORY)) for name, text in case.get("files", {}).items()}
    user = case.get("user") or (case.get("ident", "") if case.get("client_port") and case.get("server_port") else "")
    if case.get("udp") and not case.get("user"):
        user = ""
    client = make_peer(case.get("client_addr", ""), case.get("client_name", ""), user, case.get("client_port", 0))
    server = make_peer(case.get("server_addr", ""), case.get("server_name", ""), "", case.get("server_port", 0))
    tables = compile_policy(Policy(rules["allow"], rules["deny"], files))
    groups = case.get("netgroups", {})
    facts = Facts()
    daemon = case.get("daemon", "unknown")
    for _ in range(1000):
        found = decide(tables, daemon, client, server, facts)
        if not isinstance(found, Ask):
            break
        if found.need is Need.NETGROUP:
            group, host = found.netgroup
            facts = replace(facts, netgroups={**facts.netgroups, found.netgroup: host in groups.get(group, [])})
        elif found.need is Need.ACLEXEC:
            return {"skip": "aclexec"}
        else:
            raise AssertionError(found)
    assert not isinstance(found, Ask)
    names = [option.name for option in found.steps]
    verdict = "twist" if "twist" in names else ("allow" if found.admit else "deny")
    matched = [{"table": found.rule.table, "line": found.rule.origin.line}] if found.rule is not None else []
    if found.reason is Reason.RULE_BROKEN:
        if re.search("severity", found.detail) and re.search("authpriv|syslog|ftp|error|warn|panic|none", found.detail):
            return {"skip": "severity names"}
        verdict = "deny"
    return {"verdict": verdict, "matched": matched, "steps": names}


def main() -> None:
    """Answers until the input ends."""
    for line in sys.stdin:
        sys.stdout.write(json.dumps(answer(json.loads(line))) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()

"""A name server and ident servers for one test, in a network of its own: answers what its one argument says, and nothing else.

The argument is JSON: ``zone`` is "name type" → list of texts (a list that is ``null``: no answer at all, like a dead server),
``fleeting`` are names whose answers live for 0 seconds, ``users`` is address → reply of its ident server, with ``%s`` for the
ports. Listens on 127.0.0.1:53 and ADDRESS:113.
"""

from __future__ import annotations

import json
import select
import socket
import sys
from collections.abc import Collection

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset


def reply_to(data: bytes, zone: dict[str, list[str] | None], fleeting: Collection[str] = ()) -> bytes:
    """The answer to one query, CNAMEs followed; nothing for a name that is dead."""
    query = dns.message.from_wire(data)
    question = query.question[0]
    answer = dns.message.make_response(query)
    answer.flags |= dns.flags.RA
    name, kind = question.name.to_text(omit_final_dot=True).lower(), dns.rdatatype.to_text(question.rdtype)
    while True:
        alias = zone.get(f"{name} CNAME")
        if alias is None:
            break
        answer.answer.append(dns.rrset.from_text(f"{name}.", 30, "IN", "CNAME", *(f"{text}." for text in alias)))
        name = alias[0]
    key = f"{name} {kind}"
    if key in zone:
        found = zone[key]
        if found is None:
            return b""
        texts = [f"{text}." if kind == "PTR" else text for text in found]
        answer.answer.append(dns.rrset.from_text(f"{name}.", 0 if name in fleeting else 30, "IN", kind, *texts))
    elif not answer.answer and not any(known.split()[0] == name for known in zone):
        answer.set_rcode(dns.rcode.NXDOMAIN)
    return answer.to_wire()


def main() -> None:
    """Serves until it is ended."""
    said = json.loads(sys.argv[1])
    names = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    names.bind(("127.0.0.1", 53))
    idents = {socket.create_server((address, 113)): reply for address, reply in said["users"].items()}
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    while True:
        ready, _, _ = select.select([names, *idents], [], [])
        for sock in ready:
            if sock is names:
                data, sender = names.recvfrom(4096)
                answer = reply_to(data, said["zone"], said.get("fleeting", ()))
                if answer:
                    names.sendto(answer, sender)
                continue
            client, _ = sock.accept()
            with client:
                ports = client.recv(100).strip()
                client.sendall(idents[sock].encode().replace(b"%s", ports))


if __name__ == "__main__":
    main()

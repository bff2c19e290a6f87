"""Addresses that ``only_from`` admits and ``no_access`` refuses all the same. Pure; knows no client and resolves nothing.

Runs in: the reading child, the operator's commands.
"""

from __future__ import annotations

import ipaddress

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def shadowed(only_from: tuple[str, ...], no_access: tuple[str, ...]) -> list[tuple[str, str]]:
    """(word of only_from, the word of no_access that holds all of it), for each that can never connect.

    Ranges and braces are compared as they are written.
    """
    if not only_from or not no_access:
        return []
    same = {word.lower(): word for word in reversed(no_access)}
    domains = [word for word in no_access if word.startswith(".")]
    networks: dict[tuple[int, int, int], str] = {}
    for word in no_access:
        network = _network(word)
        if network is not None:
            networks.setdefault((network.version, network.prefixlen, int(network.network_address)), word)
    lengths = sorted({(version, length) for version, length, _ in networks})  # a look-up for each, not for each word
    found: list[tuple[str, str]] = []
    for word in only_from:
        hidden = same.get("all") or same.get(word.lower())
        part = _network(word) if hidden is None else None
        if part is not None:
            hidden = _around(part, networks, lengths)
        elif hidden is None:
            hidden = next((domain for domain in domains if word.lower().endswith(domain.lower())), None)
        if hidden is not None:
            found.append((word, hidden))
    return found


def _around(part: Network, networks: dict[tuple[int, int, int], str], lengths: list[tuple[int, int]]) -> str | None:
    number, bits = int(part.network_address), part.max_prefixlen
    for version, length in lengths:
        if version == part.version and length <= part.prefixlen:
            word = networks.get((version, length, number >> (bits - length) << (bits - length)))
            if word is not None:
                return word
    return None


def _network(word: str) -> Network | None:
    try:
        return ipaddress.ip_network(word.replace("[", "").replace("]", ""), strict=False)
    except ValueError:
        return None

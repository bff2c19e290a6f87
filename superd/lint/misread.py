"""Words and characters that turn a rule into another one: EXCEPT misspelt, an option without its colon, special blanks.

Runs in: the operator's commands. Says who is admitted or refused by it first, and never changes a rule.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from superd.frozen import frozen
from superd.look_alikes import look_alike
from superd.policy.address_pattern import lower
from superd.rule import Option

if TYPE_CHECKING:
    from superd.rule import Rule

_EXCEPT_WORDS = frozenset(["but", "exception", "excepting", "excepts", "expects", "excl", "exclude", "excluded", "excludes"])
_EXCEPT_WORDS |= {"excluding", "exempt", "exemption", "minus", "not", "unless", "without"}
_EVERYBODY = frozenset(("any", "anybody", "anyone", "everybody", "everyone", "world", "all."))
_SCHEMES = frozenset(("http", "https", "ftp", "ftps", "ssh", "sftp", "telnet", "tcp", "udp", "rsync", "git", "imap", "smtp"))
_KEYWORDS = ("all", "local", "known", "unknown", "paranoid")
_QUOTES = "\"'`"
_SEPARATORS = re.compile("[ ,\\t\\r\\n:]+")
_ADDRESS = re.compile(r"[0-9]+\.|\.[A-Za-z]|\[[0-9A-Fa-f]*:|@")
_MARK = "\x1f"
_VERDICTS = frozenset(("allow", "deny"))
_OPTIONS = _VERDICTS | frozenset(("spawn", "twist", "aclexec", "banners", "setenv", "severity", "rfc931", "umask", "keepalive"))
_VERDICT_WORDS = {
    **dict.fromkeys(("accept", "allowed", "grant", "permit", "pass"), "allow"),
    **dict.fromkeys(("block", "denied", "drop", "forbid", "refuse", "reject"), "deny"),
}
_MOST_SLIPS = 2
"""Letters that are left out, put in, exchanged or wrong: `EXPECT` has two, `EXEPT` one."""


@frozen
class Misreading:
    """``what`` is wrong, ``meant`` the rule as it was meant, ``consequence`` what the rule does instead.

    ``opens``: clients get in that the rule was to keep out.
    """

    consequence: str
    what: str
    meant: Rule
    opens: bool


def misreading(rule: Rule, pieces: Sequence[str] = ()) -> Misreading | None:
    """The first word that makes another rule of this one, with the rule as it was meant; None for a rule without any.

    ``pieces`` are the physical lines that the rule is joined of, without their backslashes.
    """
    what: list[str] = []
    whole = _cut_apart(rule, pieces, what) if len(pieces) > 1 else rule
    whole = _without_url(whole, what)
    daemons, _ = _read(whole.daemons, what, options=False)
    clients, option = _read(whole.clients, what, options=True)
    options = tuple(_option(given, what) for given in whole.options)
    if not what:
        return None
    if option is not None and len(whole.clients) == len(option) and (apart := _clients_at(daemons)):
        daemons, clients = daemons[:apart], daemons[apart:]
    if option is not None:
        options = (Option(option[0], " ".join(option[1:]), rule.origin), *options)
    meant = replace(rule, daemons=tuple(daemons), clients=tuple(clients), options=options)
    consequence, opens = _consequence(rule, meant)
    return Misreading(consequence, what[0], meant, opens)


def _cut_apart(rule: Rule, pieces: Sequence[str], what: list[str]) -> Rule:
    """The rule with a blank where a backslash glued the last word of a line to the first of the next."""
    parts = {word.replace(_MARK, ""): word.split(_MARK) for word in _SEPARATORS.split(_MARK.join(pieces)) if _MARK in word}

    def apart(tokens: tuple[str, ...]) -> tuple[str, ...]:
        found: list[str] = []
        for token in tokens:
            words = [word for word in parts.get(token, ()) if word]
            if len(words) > 1:
                what.append(f"a backslash joins two lines without a blank, so `{token[:40]}` is one pattern")
            found += words or [token]
        return tuple(found)

    return replace(rule, daemons=apart(rule.daemons), clients=apart(rule.clients))


def _without_url(rule: Rule, what: list[str]) -> Rule:
    """The rule with the host of a URL, which is cut at its colon: the rest of it is an option that does not exist."""
    if not (rule.clients and lower(rule.clients[-1]) in _SCHEMES and rule.options and rule.options[0].name.startswith("//")):
        return rule
    url = rule.options[0]
    host = re.split("[/?#]", url.name[2:], maxsplit=1)[0].rpartition("@")[2]
    what.append(f"`{rule.clients[-1]}:{url.name[:60]}` is a URL, and is cut at its colon")
    return replace(rule, clients=(*rule.clients[:-1], host) if host else rule.clients, options=rule.options[1:])


def _read(tokens: tuple[str, ...], what: list[str], *, options: bool) -> tuple[list[str], list[str] | None]:
    """The list as it was meant, and the option that stands at its end."""
    found: list[str] = []
    for index, token in enumerate(tokens):
        word = lower(token)
        alike = look_alike(token)
        bare = token.strip(_QUOTES)
        if alike is not None:
            what.append(alike[0])
            found += filter(None, (part.strip(_QUOTES) for part in alike[1].replace(",", " ").split()))
        elif bare and bare != token:
            what.append(f"the quote is part of the pattern `{token}`")
            found.append(bare)
        elif not index and word == "except" and len(tokens) > 1:
            what.append("nothing stands before EXCEPT")
            found += ["ALL", token]
        elif index and word == "except" and index == len(tokens) - 1:
            what.append("nothing stands after EXCEPT")
        elif index and index < len(tokens) - 1 and _means_except(token, _has_all(tokens[:index])):
            what.append(f"`{token}` is a pattern and not EXCEPT")
            found.append("EXCEPT")
        elif index and word[0] == "!" and len(word) > 1:
            what.append(f"`{token}` is a pattern: EXCEPT is what takes clients away")
            found += [token[1:]] if "EXCEPT" in found else ["EXCEPT", token[1:]]
        elif word in _EVERYBODY:
            what.append(f"`{token}` is a host's name and not ALL" if options else f"`{token}` is a daemon's name and not ALL")
            found.append("ALL")
        elif token.isupper() and (keyword := _keyword(word, _KEYWORDS if options else ("all",))):
            what.append(f"`{token}` is a {'host' if options else 'daemon'}'s name and not {keyword}")
            found.append(keyword)
        elif options and _means_option(word, last=index == len(tokens) - 1):
            what.append(f"`{token}` is a pattern here: an option stands after a colon")
            return found or ["ALL"], [_VERDICT_WORDS.get(word, word), *tokens[index + 1 :]]
        else:
            found.append(token)
    return found, None


def _clients_at(daemons: Sequence[str]) -> int:
    """Where the clients of a list of both begin: at the first address or domain, not at the first word; else 0."""
    return next((index for index, token in enumerate(daemons) if index and _ADDRESS.match(token)), 0)


def _keyword(word: str, keywords: Sequence[str]) -> str:
    """The keyword that a slip of the keyboard made this word of, or ""."""
    if word in ("except", *_KEYWORDS) or len(word) < 2:
        return ""
    slips, keyword = min((_slips(word, keyword), keyword) for keyword in keywords)
    return keyword.upper() if slips < _MOST_SLIPS or (slips == _MOST_SLIPS and len(keyword) > len("local")) else ""


def _means_option(word: str, *, last: bool) -> bool:
    if word in _VERDICTS or word in _VERDICT_WORDS:
        return last
    return word in _OPTIONS


def _means_except(token: str, after_all: bool) -> bool:
    """``excel`` and ``expert`` are names of hosts as well, so that two slips need capitals, or ALL before them."""
    bare = lower(token).strip(":;.-!")
    if bare == "except":
        return lower(token) != "except"
    if bare in _EXCEPT_WORDS:
        return after_all or token.isupper()
    if bare in _VERDICT_WORDS or bare[:1] not in ("e", "x") or not 4 < len(bare) < 9:
        return False
    slips = _slips(bare, "except")
    return slips < _MOST_SLIPS or (slips == _MOST_SLIPS and (after_all or token.isupper()))


def _slips(word: str, meant: str) -> int:
    """How many slips of the keyboard make ``word`` of ``meant`` (optimal string alignment)."""
    before: list[int] = []
    row = list(range(len(meant) + 1))
    for line, letter in enumerate(word, 1):
        before, last, row = row, before, [line]
        for column, wanted in enumerate(meant, 1):
            cost = min(before[column] + 1, row[column - 1] + 1, before[column - 1] + (letter != wanted))
            if line > 1 and column > 1 and letter == meant[column - 2] and word[line - 2] == wanted:
                cost = min(cost, last[column - 2] + 1)
            row.append(cost)
    return row[-1]


def _option(option: Option, what: list[str]) -> Option:
    name, value = look_alike(option.name), look_alike(option.value)
    if name is None and value is None:
        return option
    what.append(name[0] if name is not None else value[0] if value is not None else "")
    return replace(option, name=name[1].strip() if name else option.name, value=value[1] if value else option.value, error="")


def _consequence(rule: Rule, meant: Rule) -> tuple[str, bool]:
    if any(option.error for option in rule.options) and (rule.daemons, rule.clients) == (meant.daemons, meant.clients):
        return "this rule refuses every client that matches it", False
    admits = _admits(rule)
    verb = "admits" if admits else "refuses"
    kept, taken = _before_except(rule.clients), _after_except(meant.clients)
    except_lost = bool(taken) and not _after_except(rule.clients)
    for mine, theirs in ((rule.daemons, meant.daemons), (rule.clients, meant.clients)):
        before, after = _before_except(mine), _before_except(theirs)
        if not except_lost and mine != theirs and not set(map(lower, before)) & set(map(lower, after)):
            return f"this rule {'admits' if _admits(meant) else 'refuses'} nobody", not _admits(meant)
    if any(tokens and lower(tokens[-1]) == "except" for tokens in (rule.daemons, rule.clients)):
        return f"this rule {verb} {'every client' if _has_all(kept) else 'all of its list'}", admits
    if except_lost or _admits(meant) is not admits:
        who = "every client" if _has_all(kept) else " ".join(f"`{word}`" for word in (taken or kept)[:3])
        return f"this rule {verb} {who}{' too' if taken and who != 'every client' else ''}", admits
    if (rule.daemons, rule.clients) != (meant.daemons, meant.clients):
        return f"this rule {verb} other clients than it was to", True
    return "the option is carried out as it stands", False


def _admits(rule: Rule) -> bool:
    for option in rule.options:
        if option.name in _VERDICTS:
            return option.name == "allow"
    return rule.table == "allow"


def _has_all(tokens: Sequence[str]) -> bool:
    return any(lower(token) == "all" for token in tokens)


def _before_except(tokens: tuple[str, ...]) -> tuple[str, ...]:
    return tokens[: _except_at(tokens)]


def _after_except(tokens: tuple[str, ...]) -> tuple[str, ...]:
    return tokens[_except_at(tokens) + 1 :]


def _except_at(tokens: tuple[str, ...]) -> int:
    return next((index for index, token in enumerate(tokens) if lower(token) == "except"), len(tokens))

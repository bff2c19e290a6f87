"""One thing that happened, as every formatter gets it. Formats nothing.

Runs in the master and in the front. Used by log.py, which makes events, and by the formatters.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

from superd.log import fields as facts

if TYPE_CHECKING:
    from superd.log.fields import Fields
    from superd.record import SessionRecord
    from superd.service import Service
    from superd.syslog_priority import Level
    from superd.verdict import Verdict


class Kind(Enum):
    """The kinds of events: the word in JSON and the journal's MESSAGE_ID, which never changes (sd-id128(3))."""

    START = "start", "ba0fc42015294bfe845e8713246653b6"
    EXIT = "exit", "d8536dfd65aa4d6a9db3bb1d8a45b225"
    FAIL = "fail", "f84907f77fba415792e3b935def5f505"
    USER = "user", "0bb0921a18604e85a90ed92665676052"
    REPEATS = "repeats", "8e9924c8fd834831b53a27e5700f3f66"
    OUTPUT = "output", "791b2d3667f24c3e8f334c2f0e54e8af"
    BAN = "ban", "5d2dfb287dbe487788fd9592cff8d9a6"
    PAUSE = "pause", "b642c48e56a34aeea2f1fa9015356072"
    MESSAGE = "message", "343f44d3cf5e4222aec38b4c9d8f886d"
    PROBLEM = "problem", "14686ec3d44641139bd03117a89c0735"
    READY = "ready", "ada88e456d534777ab93eb0d54cdd460"
    LISTENING = "listening", "6b5136e5612d451e96f118a6c2edfb0d"
    RELOAD = "reload", "934bdb024c7f4442b7ba63b845a159a7"
    RELOAD_REFUSED = "reload_refused", "ae26f48e6a034a90bbae441ae0285f82"
    PROCESS_REPLACED = "process_replaced", "dd7480da6f244b02b5175d7ed641fd52"
    LOG_LOST = "log_lost", "924728c87fc24e6796a683918ee2154e"
    LOG_TROUBLE = "log_trouble", "88dd8d636a4a4067b6af6f6bcb6bf161"
    STOPPING = "stopping", "2ae0a7c4bd2a4e4cac5d990b83cdd453"
    STOPPED = "stopped", "ed1e8f0799c14f4191417085eb6fe9e8"

    def __init__(self, word: str, message_id: str) -> None:
        self.word = word
        self.message_id = message_id


class Event:
    """``when`` is wall-clock seconds. ``text`` is a line for people, made safe; "" for what the fields say completely.

    ``owner`` is the service in whose own log the event belongs; without it the event belongs in superd's, and ``service``
    is the name alone. ``record`` is the session, if the event belongs to one, ``session`` its id, or ""; ``verdict`` the refusal
    of a FAIL.
    """

    __slots__ = ("_fields", "_session", "kind", "level", "owner", "record", "service", "text", "verdict", "when")

    def __init__(
        self,
        kind: Kind,
        level: Level,
        when: float,
        owner: Service | None = None,
        record: SessionRecord | None = None,
        verdict: Verdict | None = None,
        *,
        service: str = "",
        text: str = "",
        session: str = "",
        fields: Fields | None = None,
    ) -> None:
        self.kind = kind
        self.level = level
        self.when = when
        self.owner = owner
        self.service = service if owner is None else owner.name
        self.text = text
        self.record = record
        self._session = session
        self.verdict = verdict
        self._fields = fields

    @property
    def session(self) -> str:
        """The session's id, or ``""``. Not made for events that are never written."""
        record = self.record
        return self._session or (record.session if record is not None and record.conn else "")

    @property
    def fields(self) -> Fields:
        """The event's facts in the order of a line, values made safe. Made once, for all formatters."""
        if self._fields is not None:
            return self._fields
        record, kind = self.record, self.kind
        if record is None:
            made: Fields = {}
        elif kind is Kind.START:
            made = facts.start_fields(record)
        elif kind is Kind.EXIT:
            made = facts.exit_fields(record)
        elif kind is Kind.FAIL and self.verdict is not None:
            made = facts.fail_fields(record, self.verdict)
        elif kind is Kind.USER:
            made = facts.user_fields(record)
        else:
            made = facts.session_fields(record)
        self._fields = made
        return made

"""The parts of `front/datagram/`, put together for the front.

Runs in: the front. Knows no trade of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from superd.front.datagram.internal_answers import InternalAnswers
from superd.front.datagram.names import SenderNames
from superd.front.datagram.peer_programs import PeerPrograms
from superd.front.datagram.sockets import DatagramSockets
from superd.front.datagram.verdicts import DatagramVerdicts
from superd.front.datagram.wait_programs import WaitPrograms

if TYPE_CHECKING:
    from collections.abc import Callable

    from superd.address import BindAddress
    from superd.front.datagram.names import Names
    from superd.front.gate.gate import Gate
    from superd.front.handing_over import HandsOver, RunsCommands, StartTask
    from superd.front.in_force import InForce
    from superd.front.sessions.book import SessionBook
    from superd.log.log import Log
    from superd.net.listener import ListenerSet


class Datagrams:
    """Services of datagrams, and `wait` services: all whose connections the front does not accept.

    ``renew`` asks the master for another socket at an address; ``renewed`` gets the answer.
    """

    def __init__(
        self,
        names: Names,
        gate: Gate,
        book: SessionBook,
        dispatch: HandsOver,
        commands: RunsCommands,
        listeners: ListenerSet,
        in_force: InForce,
        renew: Callable[[BindAddress], None],
        log: Log,
        start_task: StartTask,
        clock: Callable[[], float],
    ) -> None:
        sender_names = SenderNames(names, start_task)
        verdicts = DatagramVerdicts(gate, sender_names, commands, book, log, clock)
        answers = InternalAnswers(verdicts, gate, lambda: in_force.datagram_ports)
        wait = WaitPrograms(verdicts, gate, book, dispatch, listeners, log, start_task, clock)
        peers = PeerPrograms(verdicts, gate, book, dispatch, listeners, in_force.services, renew, start_task, clock)
        sockets = DatagramSockets(answers, wait, peers)
        self.on_ready = sockets.on_ready
        self.forget = sockets.forget
        self.configure = sender_names.configure
        self.renewed = peers.renewed
        self.shared = wait.shared
        self.adopt = wait.adopt

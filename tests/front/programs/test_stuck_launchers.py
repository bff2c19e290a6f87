"""Launchers that stand still are gone round, and come back when they report again."""

from __future__ import annotations

from superd.front.programs.dispatch import Dispatch
from superd.front.programs.stuck_launchers import StuckLaunchers
from tests.front.programs.parts import Parts


async def test_each_is_asked_about_once_and_its_service_stays_with_it_until_it_reports() -> None:
    parts = Parts("cat", "other")
    parts.in_force.launchers_of = {"cat": (0, 1), "other": (0, 1)}
    dispatch = Dispatch(parts.links, parts.book, parts.in_force, parts.stdio, lambda service: None)
    stuck = StuckLaunchers(dispatch, parts.ask, parts.log)
    stuck.on_silent([0])
    stuck.on_silent([0])
    assert parts.asked == [("stuck", 0)]
    assert (dispatch.choose("cat"), dispatch.choose("other")) == (1, 1)
    stuck.answered(0, "other")
    stuck.answered(1, "cat")  # late: that one reports
    assert (dispatch.choose("cat"), dispatch.choose("other")) == (1, 0)
    stuck.on_silent([])
    assert (dispatch.choose("cat"), dispatch.choose("other")) == (0, 0)
    assert parts.log.messages == [("notice", "its programs start again")]
    stuck.on_silent([0])
    assert len(parts.asked) == 2


async def test_a_launcher_of_which_the_master_knows_no_service_is_gone_round_by_all() -> None:
    parts = Parts("cat")
    dispatch = Dispatch(parts.links, parts.book, parts.in_force, parts.stdio, lambda service: None)
    stuck = StuckLaunchers(dispatch, parts.ask, parts.log)
    stuck.on_silent([0])
    stuck.answered(0, "")
    assert dispatch.choose("cat") == 1

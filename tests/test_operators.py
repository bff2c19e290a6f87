"""Who may look and who may change things."""

from __future__ import annotations

from superd.operators import Operators

OPERATORS = Operators(frozenset({0}), frozenset({100}), frozenset({7}), frozenset({200}), own=frozenset({65533}))


def test_an_admin_is_one_by_name_or_by_group() -> None:
    assert OPERATORS.may_change(0, (0,))
    assert OPERATORS.may_change(5, (5, 100))
    assert not OPERATORS.may_change(5, (5, 200))


def test_a_viewer_may_look_and_change_nothing() -> None:
    for uid, gids in ((7, (7,)), (8, (200,))):
        assert OPERATORS.may_look(uid, gids)
        assert not OPERATORS.may_change(uid, gids)
    assert not OPERATORS.may_look(9, (9,))


def test_superds_own_user_is_not_an_operator_whatever_its_groups() -> None:
    assert not OPERATORS.may_change(65533, (100,))
    assert not OPERATORS.may_look(65533, (100, 200))

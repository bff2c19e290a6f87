"""superd.toml's values: what they default to and what they refuse."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from pydantic import ValidationError

from superd.settings import LogSettings, PolicySettings, Settings
from superd.syslog_priority import FACILITIES, LEVELS, priority


def test_nothing_written_is_a_whole_configuration() -> None:
    settings = Settings.model_validate({})
    assert (settings.policy.hosts_allow, settings.policy.hosts_deny) == ("/etc/hosts.allow", "/etc/hosts.deny")
    assert settings == Settings()


@given(st.text(max_size=12) | st.sampled_from(list(FACILITIES)).map(str.upper))
def test_a_word_that_is_not_a_facility_is_refused(word: str) -> None:
    assume(word not in FACILITIES)
    for model in (PolicySettings, LogSettings):
        with pytest.raises(ValidationError, match="is not a syslog facility"):
            model.model_validate({"facility": word})


@pytest.mark.parametrize("facility", FACILITIES)
def test_every_facility_of_syslog_has_a_number_with_every_level(facility: str) -> None:
    numbers = {priority("", PolicySettings(facility=facility).facility, level) for level in LEVELS}
    assert len(numbers) == len(LEVELS)


@pytest.mark.parametrize("key", ["hook_timeout", "decide_timeout", "ident_timeout", "banner_timeout"])
def test_a_deadline_of_nothing_is_refused(key: str) -> None:
    with pytest.raises(ValidationError):
        PolicySettings.model_validate({key: 0})
    assert getattr(PolicySettings.model_validate({key: "1m30s"}), key) == 90.0

"""Lives with real guests, whose processes are killed again and again, each one step further than the one before."""

from __future__ import annotations

import pytest

pytestmark = [pytest.mark.real, pytest.mark.timeout(900)]
KILLS_LEAST = 14


@pytest.mark.parametrize("life", ["saved", "restored"])
def test_a_life_with_a_real_guest_that_is_killed_again_and_again_ends_right(real_driver, life: str) -> None:
    worn = real_driver.wear_out(life)
    assert len(worn.steps) > KILLS_LEAST

from __future__ import annotations

import pytest
from msgspec.structs import replace

from vmf_kvm.proof import prove

pytestmark = pytest.mark.real


def test_a_guest_that_boots_and_speaks_proves_an_accelerator(connection, image):
    assert prove(connection, image, accelerator="tcg") == ""
    assert connection.machines() == ()


def test_a_guest_that_does_not_end_in_time_proves_that_it_hangs(connection, image):
    assert prove(connection, image, accelerator="tcg", seconds=0.2).startswith("hangs: ")
    assert connection.machines() == ()


def test_a_guest_that_ends_without_a_word_proves_nothing(connection, image):
    silent = replace(image, kernel_parameters=f"{image.kernel_parameters} rdinit=/bin/poweroff")
    assert prove(connection, silent, accelerator="tcg").startswith("does not work: ")
    assert connection.machines() == ()


def test_an_accelerator_that_does_not_start_aborts(connection, image):
    broken = replace(image, kernel=image.disks[0].file)
    assert prove(connection, broken, accelerator="tcg").startswith("aborts: ")
    assert connection.machines() == ()

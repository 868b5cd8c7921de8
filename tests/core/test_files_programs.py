"""A program is found wherever the system keeps it, and one that is not there is named with its package."""

from __future__ import annotations

import pytest

from vmf.errors import HostFault, SetupError
from vmf.files import programs


def test_the_users_own_path_is_not_asked(monkeypatch):
    monkeypatch.setenv("PATH", "")
    assert programs.find("sh").endswith("/sh")


@pytest.mark.parametrize("fault", [SetupError, HostFault])
@pytest.mark.parametrize("name", programs.PACKAGES)
def test_what_is_not_installed_is_named_with_its_package(tmp_path, monkeypatch, name, fault):
    monkeypatch.setattr(programs, "PATH", str(tmp_path))
    with pytest.raises(fault, match=f"{name} is not installed") as caught:
        programs.need(name, fault=fault)
    assert caught.value.hint == f"install {programs.PACKAGES[name]}"
    (tmp_path / name).touch(mode=0o755)
    assert programs.need(name) == str(tmp_path / name)

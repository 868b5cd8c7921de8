from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import settings
from xdist.scheduler import LoadScopeScheduling

from guests import wide as wide_guest
from vmf.warehouse import tiny as tiny_guest

pytest.register_assert_rewrite("vmf.testing")
settings.register_profile("unhurried", deadline=None)  # pytest's own timeout is the bound
settings.load_profile("unhurried")

THIRDPARTY = Path(__file__).with_name("thirdparty")
XEN = "tests/plugins/xen/"
"""The modules that emulate whole computers: one process has all of them, as two at once miss each other's deadlines."""


class ByModule(LoadScopeScheduling):
    """Gives processes whole modules, in whose fixtures real guests are."""

    def _split_scope(self, nodeid):
        return XEN if nodeid.startswith(XEN) else nodeid.partition("::")[0]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    return ByModule(config, log)


def pytest_collection_modifyitems(items):
    """What takes longest begins."""
    items.sort(key=lambda item: not item.nodeid.startswith(XEN))


@pytest.fixture(scope="session")
def site(tmp_path_factory) -> Path:
    """A folder into which the plugins of third parties have been installed."""
    folder = tmp_path_factory.mktemp("site")
    options = ("--quiet", "--no-deps", "--no-index", "--no-build-isolation", "--disable-pip-version-check")
    plugins = sorted(each.parent for each in THIRDPARTY.glob("*/pyproject.toml"))
    subprocess.run((sys.executable, "-m", "pip", "install", *options, "--target", folder, *plugins), check=True)
    return folder


@pytest.fixture(scope="session")
def tiny(tmp_path_factory) -> Path:
    """The tiny guest's bundle: the folder that VMF_TEST_TINY names, or one built for this session."""
    named = os.environ.get("VMF_TEST_TINY")
    if named:
        return Path(named)
    folder = tmp_path_factory.mktemp("images") / "tiny"
    tiny_guest.build(folder, report=print)
    return folder


@pytest.fixture(scope="session")
def wide() -> Path:
    """The wide guest's bundle: drivers for every device; built once for this checkout."""
    return wide_guest.build()

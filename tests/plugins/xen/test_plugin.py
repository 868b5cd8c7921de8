from __future__ import annotations

import pytest

from vmf.errors import SetupError
from vmf.model import Host
from vmf.plugins import Plugins


@pytest.fixture
def plugins():
    return Plugins.load()


def test_its_words_are_known_and_it_drives_no_host(plugins, tmp_path):
    (listed,) = (each for each in plugins.listed if each.name == "xen")
    assert (listed.error, listed.drives) == ("", False)
    assert "xen" in plugins.types
    with pytest.raises(SetupError, match="host x: the plugin xen only knows the words of its specs"):
        plugins.connect(Host(name="x", type="xen"), tmp_path)


def test_its_rules_are_among_those_of_lint(plugins):
    assert {"XEN201", "XEN203"} <= {each.rule.id for each in plugins.checks()}

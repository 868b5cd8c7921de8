from __future__ import annotations

import pytest

from vmf.errors import SpecError
from vmf.plugins import Plugins
from vmf.spec import load_hosts
from vmf_kvm.settings import KvmHost, settings

HOST = "apiVersion: vmf/v1\nkind: Host\nmetadata: {name: h}\nspec: {type: kvm, kvm: %s}\n"


@pytest.mark.parametrize(
    ("block", "needed"),
    [
        ("{bridge_script: /etc/bridge}", [("bridge-script", "spec.kvm.bridge_script")]),
        ("{xml_script: [/opt/edit, --site]}", [("xml-script", "spec.kvm.xml_script")]),
        ("{xml_script: []}", []),
        ("{}", []),
    ],
)
def test_what_it_cannot_do_yet_is_an_ability_that_it_lacks(tmp_path, block, needed):
    plugins = Plugins.load()
    (tmp_path / "h.yaml").write_text(HOST % block)
    words = {"kvm": plugins.types["kvm"].settings}
    (host,) = load_hosts([tmp_path / "h.yaml"], settings=words, remark=pytest.fail)
    assert [(each.ability, each.field) for each in plugins.needs(host)] == needed
    assert not {ability for ability, _ in needed} & plugins.types["kvm"].capabilities.keys()


@pytest.mark.parametrize(("block", "daemon"), [("{}", None), ("{daemon: system}", "system")])
def test_a_host_says_whose_daemon_it_uses(tmp_path, block, daemon):
    (tmp_path / "h.yaml").write_text(HOST % block)
    (host,) = load_hosts([tmp_path / "h.yaml"], settings={"kvm": KvmHost}, remark=pytest.fail)
    assert settings(host).daemon == daemon


def test_another_daemon_is_no_daemon(tmp_path):
    (tmp_path / "h.yaml").write_text(HOST % "{daemon: foreign}")
    with pytest.raises(SpecError, match="daemon"):
        load_hosts([tmp_path / "h.yaml"], settings={"kvm": KvmHost}, remark=pytest.fail)

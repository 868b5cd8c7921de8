"""The page of each plugin has its words and its rules."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec import inspect as shapes

from vmf_kvm.settings import KvmHost
from vmf_vmware.rules import CHECKS as VMWARE
from vmf_vmware.settings import VmwareHost, VmwareJob, VmwareNetworks
from vmf_xen.rules import CHECKS as XEN
from vmf_xen.settings import XenHost, XenJob

PLUGINS = Path(__file__).parents[2] / "plugins"
BLOCKS = (
    ("kvm", KvmHost, "spec.kvm"),
    ("xen", XenJob, "spec.xen"),
    ("xen", XenHost, "spec.xen"),
    ("vmware", VmwareJob, "spec.vmware"),
    ("vmware", VmwareHost, "spec.vmware"),
    ("vmware", VmwareNetworks, "spec.vmware.networks"),
)


def page(plugin):
    return (PLUGINS / plugin / "README.md").read_text()


@pytest.mark.parametrize(("plugin", "struct", "at"), BLOCKS)
def test_every_field_has_its_row(plugin, struct, at):
    for field in shapes.type_info(struct).fields:
        assert f"| `{at}.{field.encode_name}` | {field.type.extra_json_schema['description']} |" in page(plugin)


@pytest.mark.parametrize(("plugin", "checks"), [("xen", XEN), ("vmware", VMWARE)])
def test_every_rule_has_its_row(plugin, checks):
    for rule in (check.rule for check in checks):
        title = f"{rule.title[0].upper()}{rule.title[1:]}."
        assert f"| {rule.id} | {rule.severity} | {title} | {rule.mend} |" in page(plugin)

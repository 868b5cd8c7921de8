from __future__ import annotations

import pytest
from msgspec.structs import replace

from vmf.errors import HostFault
from vmf.model import Platform
from vmf_vmware.ground import check

HERE = Platform(
    type="vmware", accelerator="vmware", version="8.0.2", machine="vmx-21", cpu="intel-icelake", vendor="GenuineIntel"
)


@pytest.mark.parametrize("changes", [{}, {"version": "7.0.3"}, {"version": "8.0.0"}])
def test_memory_goes_on_upon_the_like_and_upon_newer_versions(changes):
    check(replace(HERE, **changes), HERE)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"type": "kvm"}, "type kvm"),
        ({"vendor": "AuthenticAMD"}, "AuthenticAMD"),
        ({"cpu": "intel-sapphirerapids"}, "sapphirerapids"),
        ({"version": "8.0.10"}, r"8\.0\.10"),
        ({"machine": "vmx-22"}, "vmx-22"),
    ],
)
def test_memory_does_not_go_on_elsewhere(changes, told):
    with pytest.raises(HostFault, match=told) as caught:
        check(replace(HERE, **changes), HERE)
    assert caught.value.hint

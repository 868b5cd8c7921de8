from __future__ import annotations

import pytest
from msgspec.structs import replace

from one_guest import PLATFORM
from vmf.errors import HostFault
from vmf_libvirt.ground import Ground, check

HERE = Ground(type="xen", name="Xen", accelerator="xen", version="4.17.2", vendor="AMD", machines=("pv", "hvm"))
UNFIT = {
    "it was made by type kvm": {"type": "kvm"},
    "it was made by tcg": {"accelerator": "tcg"},
    "it was made on processors by Intel, these are AMD": {"vendor": "Intel"},
    "it was made by Xen 4.17.10, this is 4.17.2": {"version": "4.17.10"},
    "this Xen knows no machine of type pvh": {"machine": "pvh"},
}


@pytest.mark.parametrize("version", ["4.17.2", "4.17", "4.9.10", ""])
def test_memory_goes_on_where_it_was_made_or_on_something_newer(version):
    check(replace(PLATFORM, version=version), HERE)


@pytest.mark.parametrize("reason", UNFIT)
def test_on_anything_else_it_does_not_and_the_reason_is_told(reason):
    with pytest.raises(HostFault, match=reason) as caught:
        check(replace(PLATFORM, **UNFIT[reason]), HERE)
    assert "upon a host like the one that it was on" in caught.value.hint

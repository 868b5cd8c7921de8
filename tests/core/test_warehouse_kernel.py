from __future__ import annotations

import lzma

import pytest

from vmf.errors import SetupError
from vmf.warehouse.kernel import built_in, ordered


def module(root, name, *, depends="", pack=lambda data: data, suffix=".ko"):
    """Write a module as the kernel's build leaves it: what it depends on stands among other words in its `.modinfo`."""
    data = b"\x7fELF\0license=GPL\0depends=" + depends.encode() + b"\0retpoline=Y\0"
    path = root / "lib/modules/6.1" / f"{name}{suffix}"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(pack(data))
    return data


def test_what_a_module_depends_on_comes_before_it_and_once(tmp_path):
    for name, depends in {"isofs": "cdrom", "sr_mod": "cdrom,scsi_mod", "cdrom": "", "scsi_mod": ""}.items():
        module(tmp_path, name, depends=depends)
    assert list(ordered(tmp_path, ["sr_mod", "isofs"])) == ["cdrom", "scsi_mod", "sr_mod", "isofs"]


def test_dashes_and_underscores_are_the_same(tmp_path):
    module(tmp_path, "virtio-blk", depends="virtio-ring")
    module(tmp_path, "virtio_ring")
    assert list(ordered(tmp_path, ["virtio_blk"])) == ["virtio_ring", "virtio_blk"]


def test_a_module_that_is_not_there_is_left_out(tmp_path):
    module(tmp_path, "isofs", depends="cdrom")
    assert list(ordered(tmp_path, ["ahci", "isofs"])) == ["isofs"]


def test_compressed_modules_come_out_plain(tmp_path):
    xz = module(tmp_path, "isofs", depends="cdrom", pack=lzma.compress, suffix=".ko.xz")
    plain = module(tmp_path, "cdrom")
    assert ordered(tmp_path, ["isofs"]) == {"cdrom": plain, "isofs": xz}


def test_zstd_is_left_to_its_tool(tmp_path, monkeypatch):
    tools = tmp_path / "bin"
    tools.mkdir()
    (tools / "zstd").write_text('#!/bin/sh\nread -r packed <"$2" && echo "$1 $packed"\n')
    (tools / "zstd").chmod(0o755)
    monkeypatch.setenv("PATH", str(tools))
    module(tmp_path, "isofs", pack=lambda _: b"packed\n", suffix=".ko.zst")
    assert ordered(tmp_path, ["isofs"]) == {"isofs": b"-dcq packed\n"}


def test_without_zstd_the_error_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    module(tmp_path, "isofs", suffix=".ko.zst")
    with pytest.raises(SetupError, match=r"isofs\.ko\.zst.*\n *install zstd"):
        ordered(tmp_path, ["isofs"])


def test_what_is_built_in_is_known(tmp_path):
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib/modules.builtin").write_text("kernel/fs/isofs/isofs.ko\nkernel/drivers/block/virtio-blk.ko\n")
    assert built_in(tmp_path) == {"isofs", "virtio_blk"}

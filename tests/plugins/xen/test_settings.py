from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from vmf.ads import block_needs, needs
from vmf.errors import SpecError
from vmf.spec import JobWords, load_hosts, load_jobs
from vmf_xen.abilities import ABILITIES
from vmf_xen.settings import Mode, XenHost, XenJob, mode, settings

JOB = "apiVersion: vmf/v1\nkind: Job\nmetadata: {name: j}\nspec: {type: xen, image: box.raw, memory: 1GiB, xen: %s}\n"
HOST = "apiVersion: vmf/v1\nkind: Host\nmetadata: {name: h}\nspec: {type: xen, xen: %s}\n"


def test_a_job_s_block(tmp_path):
    (tmp_path / "box.raw").touch()
    (tmp_path / "j.yaml").write_text(JOB % "{mode: hvm}")
    words = JobWords(images=tmp_path, settings={"xen": XenJob})
    (job,) = load_jobs([tmp_path / "j.yaml"], words, remark=pytest.fail)
    assert job.settings == {"xen": {"mode": "hvm"}}
    assert mode(job) is Mode.HVM
    assert [str(need) for need in block_needs(job, "xen")] == ["spec.xen.mode needs the ability mode-hvm"]
    assert block_needs(job, "kvm") == ()
    assert mode(replace(job, settings={})) is Mode.PV


def test_another_mode_is_no_mode(tmp_path):
    (tmp_path / "box.raw").touch()
    (tmp_path / "j.yaml").write_text(JOB % "{mode: pwh}")
    with pytest.raises(SpecError, match="pvh"):
        load_jobs([tmp_path / "j.yaml"], JobWords(images=tmp_path, settings={"xen": XenJob}), remark=pytest.fail)


@pytest.mark.parametrize(
    ("block", "read"),
    [
        ("{}", XenHost()),
        (
            "{folder: /srv/vmf, bridge_script: /etc/xen/vif, xml_script: [/opt/edit, --site], loader: /usr/bin/pygrub}",
            XenHost(
                folder=Path("/srv/vmf"),
                bridge_script=Path("/etc/xen/vif"),
                xml_script=("/opt/edit", "--site"),
                loader=Path("/usr/bin/pygrub"),
            ),
        ),
    ],
)
def test_a_host_s_block(tmp_path, block, read):
    (tmp_path / "h.yaml").write_text(HOST % block)
    (host,) = load_hosts([tmp_path / "h.yaml"], settings={"xen": XenHost}, remark=pytest.fail)
    assert settings(host) == read


def test_what_its_words_need_is_known():
    assert [each.ability for each in needs(XenJob(mode=Mode.PVH))] == ["mode-pvh"]
    assert needs(XenJob()) == ()
    assert {each.ability for each in needs(XenHost(bridge_script=Path("/s")))} <= ABILITIES.keys()

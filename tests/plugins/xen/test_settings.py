from __future__ import annotations

import pytest

from vmf.spec import JobWords, load_hosts, load_jobs
from vmf_xen.settings import XenHost, XenJob

JOB = "apiVersion: vmf/v1\nkind: Job\nmetadata: {name: j}\nspec: {type: xen, image: box.raw, memory: 1GiB, xen: %s}\n"
HOST = "apiVersion: vmf/v1\nkind: Host\nmetadata: {name: h}\nspec: {type: xen, xen: %s}\n"


def test_a_job_s_block(tmp_path):
    (tmp_path / "box.raw").touch()
    (tmp_path / "j.yaml").write_text(JOB % "{hardware: true}")
    words = JobWords(images=tmp_path, settings={"xen": XenJob})
    (job,) = load_jobs([tmp_path / "j.yaml"], words, remark=pytest.fail)
    assert job.settings == {"xen": {"hardware": True}}


def test_a_host_s_block(tmp_path):
    block = "{bridge_script: /etc/xen/vif, xml_script: [/opt/edit, --site, here], loader: /usr/bin/pygrub}"
    (tmp_path / "h.yaml").write_text(HOST % block)
    (host,) = load_hosts([tmp_path / "h.yaml"], settings={"xen": XenHost}, remark=pytest.fail)
    assert host.settings["xen"] == {
        "bridge_script": "/etc/xen/vif",
        "xml_script": ("/opt/edit", "--site", "here"),
        "loader": "/usr/bin/pygrub",
    }

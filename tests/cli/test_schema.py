from __future__ import annotations

import json

import pytest
from jsonschema import Draft7Validator

from vmf import cli


@pytest.fixture
def printed(capsys):
    def printed(*words: str):
        assert cli.main(["schema", *words]) == 0
        return json.loads(capsys.readouterr().out)

    return printed


@pytest.mark.parametrize("kind", ["Job", "Host", "Image"])
def test_each_kind_has_a_schema(printed, kind):
    made = printed(kind)
    Draft7Validator(made)
    assert made["$id"] == f"urn:vmf:v1:{kind.lower()}"


def test_it_is_the_one_of_jobs_where_nothing_is_said(printed):
    assert printed() == printed("Job")


def test_the_words_of_the_plugins_at_hand_are_in_it_each_in_its_place(printed):
    job, host = (printed(kind)["properties"]["spec"]["properties"] for kind in ("Job", "Host"))
    assert "mode" in job["xen"]["properties"]
    assert "loader" in host["xen"]["properties"]
    assert host["type"]["enum"] == ["kvm", "vmware", "xen"]


def test_no_other_kind_is_known(capsys):
    with pytest.raises(SystemExit) as ended:
        cli.main(["schema", "Pod"])
    assert ended.value.code == 78
    assert "'Job', 'Host', 'Image'" in capsys.readouterr().err

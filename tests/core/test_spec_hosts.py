from __future__ import annotations

import os
import re
from enum import StrEnum
from pathlib import Path

import pytest
from msgspec import Struct

from vmf.errors import Fault, SpecError
from vmf.model import Host
from vmf.spec import load_hosts
from vmf.spec.hosts import host_files

HEAD = "apiVersion: vmf/v1\nkind: Host\nmetadata: {name: h}\n"


class Mode(StrEnum):
    FAST = "fast"
    SAFE = "safe"


class Nested(Struct, frozen=True, kw_only=True):
    port: int


class Kvm(Struct, frozen=True, kw_only=True):
    bridge: str = "none"
    mode: Mode = Mode.SAFE
    folder: Path | None = None
    nested: tuple[Nested, ...] = ()


class Remote(Struct, frozen=True, kw_only=True):
    address: str


class Nothing(Struct, frozen=True, kw_only=True):
    pass


SETTINGS = {"kvm": Kvm, "remote": Remote, "fake": Nothing}


@pytest.fixture
def file(tmp_path):
    def write(text: str, *, name: str = "host.yaml") -> Path:
        path = tmp_path / name
        path.write_text(text)
        return path

    return write


@pytest.fixture
def spec(file):
    return lambda text: load_hosts([file(f"{HEAD}spec: {text}\n")], settings=SETTINGS, remark=pytest.fail)


LISTS = ("users: {}", "images: {}", "networks: {{types: {}}}", "folders: {{x: {{path: /x, users: {}}}}}")


@pytest.mark.parametrize("words", LISTS)
def test_a_list_of_nobody_is_read_as_one_and_a_list_that_is_left_open_is_refused(spec, words):
    """Everybody is meant where there is no list, not where all lines of one are commented out."""
    given, absent = spec(f"{{type: fake, {words.format('[]')}}}"), spec("{type: fake, folders: {x: {path: /x}}}")
    assert given != absent
    with pytest.raises(SpecError, match="a list is wanted, this is empty"):
        spec(f"{{type: fake, {words.format('')}}}")


@pytest.fixture
def fault_of(spec):
    def fault_of(text: str) -> Fault:
        with pytest.raises(SpecError) as caught:
            spec(text)
        (fault,) = caught.value.faults
        return fault

    return fault_of


def test_a_host_may_be_no_more_than_a_type(spec):
    assert spec("{type: kvm}") == (Host(name="h", type="kvm"),)


def test_a_host_has_its_policy(spec):
    assert spec("{type: fake, memory: 64GiB, cpus: 8, machines: 4}") == (
        Host(name="h", type="fake", memory=64 * 2**30, cpus=8, machines=4),
    )


def test_the_block_of_the_type_becomes_plain_settings(spec, tmp_path):
    (host,) = spec("{type: kvm, kvm: {bridge: no, mode: fast, folder: x, nested: [{port: 10}]}}")
    block = {"bridge": "no", "mode": "fast", "folder": str(tmp_path / "x"), "nested": ({"port": 10},)}
    assert host.settings == {"kvm": block}


def test_paths_in_settings_are_absolute(file, tmp_path, monkeypatch):
    file(f"{HEAD}spec: {{type: kvm, kvm: {{folder: x}}}}")
    monkeypatch.chdir(tmp_path)
    (host,) = load_hosts([Path("host.yaml")], settings=SETTINGS, remark=pytest.fail)
    assert host.settings["kvm"]["folder"] == str(tmp_path / "x")


def test_the_block_is_checked_by_the_struct_of_the_type(fault_of):
    assert fault_of("{type: kvm, kvm: {brigde: x}}").hint == "did you mean bridge?"
    assert fault_of("{type: kvm, kvm: {nested: [{port: 1e3}]}}").what.startswith("spec.kvm.nested, item 1.port: '1e3'")
    assert fault_of("{type: fake, fake: {a: b}}").hint == "known here: none"


def test_a_block_that_has_to_be_given_is_missed(fault_of):
    assert fault_of("{type: remote}").what == "spec: the key remote is missing"
    assert fault_of("{type: remote, remote: {}}").what == "spec.remote: the key address is missing"


def test_the_block_of_another_type_is_an_unknown_key(fault_of):
    assert fault_of("{type: kvm, remote: {address: a}}").what == "spec: unknown key 'remote'"


@pytest.mark.parametrize("key", ["settings", "name", "uri"])
def test_what_is_no_word_of_a_host_is_an_unknown_key(fault_of, key):
    assert fault_of(f"{{type: kvm, {key}: {{a: b}}}}").what == f"spec: unknown key '{key}'"


def test_an_unknown_type_names_those_that_are_known(fault_of):
    fault = fault_of("{type: kmv, kvm: {bridge: a}, remote: {address: b}}")
    assert (fault.what, fault.hint) == ("spec.type: 'kmv' is none of fake, kvm, remote", "did you mean kvm?")


def test_no_plugin_at_all_is_told(file):
    with pytest.raises(SpecError, match=re.escape("'kvm' is none of (nothing)")):
        load_hosts([file(f"{HEAD}spec: {{type: kvm}}")], settings={}, remark=pytest.fail)


def test_a_missing_type_names_those_that_are_known(fault_of):
    fault = fault_of("{memory: 1GiB, kvm: {}, remote: {address: b}}")
    assert (fault.what, fault.hint) == ("spec: the key type is missing", "add `type:` (one of fake, kvm, remote)")


def test_a_folder_is_read_in_the_order_of_names(file, tmp_path):
    for name in ("b.yml", "a.yaml", "c.yaml"):
        file(HEAD.replace("name: h", f"name: {name[0]}") + "spec: {type: kvm}", name=name)
    file("not: yaml: at: all", name="notes.txt")
    assert [host.name for host in load_hosts([tmp_path], settings=SETTINGS, remark=pytest.fail)] == ["a", "b", "c"]


def test_of_a_folder_neither_hidden_files_nor_deeper_ones_nor_pipes_are_read(file, tmp_path):
    (tmp_path / "deep").mkdir()
    (tmp_path / "folder.yaml").mkdir()
    for name in ("a.yaml", ".b.yaml", "c.txt", "deep/d.yaml"):
        file(f"{HEAD}spec: {{type: fake}}\n", name=name)
    os.mkfifo(tmp_path / "pipe.yaml")
    (tmp_path / "link.yaml").symlink_to("pipe.yaml")
    (tmp_path / "lost.yaml").symlink_to("nowhere")
    assert [each.name for each in host_files([tmp_path])] == ["a.yaml", "lost.yaml"]


def test_an_empty_folder_has_no_hosts(tmp_path):
    assert load_hosts([tmp_path], settings=SETTINGS, remark=pytest.fail) == ()


def test_a_missing_path_is_told(tmp_path):
    with pytest.raises(SpecError, match="no such file"):
        load_hosts([tmp_path / "hosts"], settings=SETTINGS, remark=pytest.fail)


def test_two_hosts_of_one_name_are_told_with_both_places(file):
    one = file(f"{HEAD}spec: {{type: kvm}}", name="a.yaml")
    two = file(f"{HEAD}spec: {{type: fake}}", name="b.yaml")
    with pytest.raises(SpecError) as caught:
        load_hosts([one, two], settings=SETTINGS, remark=pytest.fail)
    (fault,) = caught.value.faults
    assert fault.what == f"metadata.name: 'h' is already the name of the one in {one}:3"
    assert (fault.where, fault.line) == (str(two), 3)


def test_a_job_is_no_host(file):
    with pytest.raises(SpecError, match="jobs are given to `vmf run`"):
        load_hosts([file("apiVersion: vmf/v1\nkind: Job\n")], settings=SETTINGS, remark=pytest.fail)


def test_all_faults_of_all_files_come_in_one_go(file):
    paths = [file(f"{HEAD}spec: {{type: kvm, cpus: 0, machines: -1}}", name="a.yaml"), file("", name="b.yaml")]
    paths.append(file(HEAD.replace("name: h", "name: ''"), name="c.yaml"))
    with pytest.raises(SpecError) as caught:
        load_hosts(paths, settings=SETTINGS, remark=pytest.fail)
    assert [Path(fault.where).name for fault in caught.value.faults] == ["a.yaml"] * 2 + ["b.yaml"] + ["c.yaml"] * 2


@pytest.mark.parametrize(
    "address", ["h", "a-b.example.org", "10.0.0.1", "fe80::1", "::1", "::", "fe80::", "::ffff:1.2.3.4"]
)
def test_a_host_is_reached_by_its_name_or_by_an_address_of_either_kind(spec, address):
    (host,) = spec(f"{{type: fake, connection: {{transport: ssh, address: '{address}'}}}}")
    assert host.connection.address == address


@pytest.mark.parametrize(
    "address", ["-h", ":-h", ":", "h;id", "::$(id)", "a b", "::1/x", "user@h", "[::1]", "h\\n", "::1\\n", ""]
)
def test_what_could_be_an_option_or_a_word_of_a_shell_is_no_address(spec, address):
    with pytest.raises(SpecError, match=r"spec\.connection\.address"):
        spec(f'{{type: fake, connection: {{transport: ssh, address: "{address}"}}}}')


@pytest.mark.parametrize("user", ["ana", "ana@vsphere.local", r"CORP\ana", "svc-vmf", "ana.b_c"])
def test_a_user_there_may_be_one_of_a_domain(spec, user):
    (host,) = spec(f"{{type: fake, connection: {{transport: ssh, address: h, user: '{user}'}}}}")
    assert host.connection.user == user


@pytest.mark.parametrize("user", ["-lroot", "a b", "a;id", "$(id)", "ana:word", "a/b", "ana\n", ""])
def test_what_could_be_an_option_or_a_word_of_a_shell_is_no_user(spec, user):
    with pytest.raises(SpecError, match=r"spec\.connection\.user"):
        spec(f'{{type: fake, connection: {{transport: ssh, address: h, user: "{user}"}}}}')


@pytest.mark.parametrize("words", ["images: [{{path: {}}}]", "folders: {{x: {{path: {}}}}}"])
def test_paths_of_a_hosts_policy_are_full_ones_of_the_host(spec, words):
    (host,) = spec(f"{{type: fake, {words.format('/srv//x/../images/.')}}}")
    (granted,) = host.images or host.folders.values()
    assert granted.path == Path("/srv/images")
    with pytest.raises(SpecError, match="'srv/images' is no full path"):
        spec(f"{{type: fake, {words.format('srv/images')}}}")

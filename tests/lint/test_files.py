"""Files that a spec names, beyond their being there."""

from __future__ import annotations

from pathlib import Path

import pytest

from lint.samples import job

RUN = "run: x"


def told(found):
    return [(each.rule.id, each.fault.hint) for each in found]


class TestFolders:
    @pytest.mark.parametrize(
        "lines",
        [
            ("cdrom: {iso: a}",),
            ("cloud_init: {user_data: a}",),
            ("cloud_init: {user_data: seed, meta_data: a}",),
            ("cloud_init: {user_data: seed, network_config: a}",),
            (RUN, "secrets: {A: a}"),
        ],
    )
    def test_where_a_file_is_wanted(self, judged, lines):
        assert told(judged(job(*lines))) == [("VMF406", "name the file inside it")]

    def test_of_the_host_nobody_knows_here(self, judged):
        assert judged(job(RUN, "secrets: {A: {on_host: /tmp}}", "cdrom: {iso: {on_host: /tmp}}")) == ()

    def test_a_disk_or_a_kernel_is_told_by_its_reader_alone(self, judged):
        wrong = job("disks: [{file: a, format: raw}]", "boot: {kernel: b}")
        assert [each.rule.id for each in judged(wrong)] == ["VMF404", "VMF404"]


class TestDisksInPlace:
    @pytest.mark.parametrize("link", [Path.symlink_to, Path.hardlink_to])
    def test_one_file_by_two_names(self, judged, link):
        link(Path("other.raw"), Path("data.raw").absolute())
        found = judged(job("disks: [{file: data.raw}, {file: other.raw, access: in-place}]"))
        assert [each.rule.id for each in found] == ["VMF214", "VMF214"]
        assert [name in each.fault.what for name, each in zip(("other.raw", "data.raw"), found, strict=True)] == [
            True,
            True,
        ]

    def test_one_file_of_the_host_by_two_spellings(self, judged):
        found = judged(job("disks: [{file: {on_host: /a/b/../x.raw}}, {file: {on_host: /a/x.raw}, access: in-place}]"))
        assert [each.rule.id for each in found].count("VMF214") == 2

    def test_snapshots_may_share_one(self, judged):
        Path("other.raw").symlink_to("data.raw")
        assert judged(job("disks: [{file: data.raw}, {file: other.raw, access: read}]")) == ()


class TestNamesOnACdrom:
    @pytest.mark.parametrize(
        ("files", "hint"),
        [
            ("[a/x, b/x]", "rename one of the two, or put it into a folder"),
            ("[a/x, b, a/x]", "leave it out"),
            ("[a/x, ./a/x]", "leave it out"),
            ("[a/x, {on_host: /x}]", "rename one of the two, or put it into a folder"),
        ],
    )
    def test_given_twice(self, judged, files, hint):
        assert told(judged(job(f"cdrom: {{files: {files}}}"))) == [("VMF407", hint)]

    def test_in_folders_of_their_own_they_may_be_the_same(self, judged):
        assert judged(job("cdrom: {files: [a, b, seed]}")) == ()


class TestSecrets:
    @pytest.mark.parametrize(("mode", "found"), [(0o600, 0), (0o400, 0), (0o640, 1), (0o604, 1), (0o610, 1)])
    def test_that_others_may_use(self, judged, mode, found):
        Path("token").chmod(mode)
        assert told(judged(job(RUN, "secrets: {A: token}"))) == found * [("VMF408", "chmod go-rwx token")]

    def test_a_link_is_as_open_as_its_file(self, judged):
        Path("link").symlink_to("token")
        assert judged(job(RUN, "secrets: {A: link}")) == ()

    @pytest.mark.parametrize(
        ("data", "found"),
        [
            ("#cloud-config\npassword: hunter2\n", 1),
            ("#cloud-config\nusers:\n- name: a\n  plain_text_passwd: b\n", 1),
            ("#cloud-config\nssh_keys:\n  rsa_private: |\n    -----BEGIN RSA PRIVATE KEY-----\n", 1),
            ("#cloud-config\nssh_pwauth: true\npassword:\n", 0),
            ("#cloud-config\nusers:\n- name: a\n  lock_passwd: true\n", 0),
        ],
    )
    def test_in_a_seed(self, judged, data, found):
        Path("seed").write_text(data)
        Path("seed").chmod(0o644)
        assert told(judged(job("cloud_init: {user_data: seed}"))) == found * [("VMF408", "chmod go-rwx seed")]
        Path("seed").chmod(0o600)
        assert judged(job("cloud_init: {user_data: seed}")) == ()

    def test_one_on_the_host_is_the_hosts_affair(self, judged):
        assert judged(job(RUN, "secrets: {A: {on_host: /etc/passwd}}")) == ()


@pytest.mark.parametrize(
    ("seed", "rules"),
    [
        ("{user_data: seed}", []),
        ("{user_data: {on_host: /seed}, meta_data: seed}", []),
        ("{network_config: seed}", ["VMF409"]),
        ("{}", ["VMF409"]),
        ("{}\n  run: x", []),
        ("", []),
    ],
)
def test_a_seed_needs_user_data(judged, seed, rules):
    assert [each.rule.id for each in judged(job(f"cloud_init: {seed}"))] == rules

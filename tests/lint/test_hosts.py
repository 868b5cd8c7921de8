"""Jobs against the hosts that are listed, and hosts against their plugins."""

from __future__ import annotations

import pytest

from lint.samples import HOSTS, LISTED, Sample, bare, host, job


@pytest.mark.parametrize("sample", HOSTS, ids=lambda sample: f"{sample.rule}: {sample.name}")
def test_it_is_found_at_its_place_and_mended_no_more(places, sample: Sample):
    found = [("0.yaml", *sample.place, sample.rule)]
    assert places(sample.broken, hosts=(LISTED,)) == found
    assert places(sample.broken, LISTED) == found
    assert places(sample.mended, hosts=(LISTED,)) == []


@pytest.mark.parametrize("sample", HOSTS, ids=lambda sample: f"{sample.rule}: {sample.name}")
def test_without_a_host_nothing_is_known(judged, sample: Sample):
    assert judged(sample.broken) == ()


@pytest.mark.parametrize("more", [("memory: 9GiB", "cpus: 5", "disk_space: 21GiB", "networks: {types: [user]}"), ()])
@pytest.mark.parametrize("sample", HOSTS[3:], ids=lambda sample: f"{sample.rule}: {sample.name}")
def test_one_host_that_can_is_enough(judged, sample: Sample, more):
    assert judged(sample.broken, hosts=(LISTED, host(*more, name="other"))) == ()


@pytest.mark.parametrize(
    ("words", "offered", "rules"),
    [
        ("{}", "{}", []),
        ("{}", "{types: []}", ["VMF506"]),
        ("{}", "{types: [user]}", []),
        ("{type: none}", "{types: [user]}", []),
        ("{type: none}", "{types: []}", []),
        ("{type: user}", "{types: [user], users: {user: [ana]}}", []),
        ("{type: bridge}", "{}", []),
        ("{type: bridge}", "{types: [user, nat]}", ["VMF506"]),
    ],
)
def test_networks(judged, words, offered, rules):
    found = judged(job(f"network: {words}"), hosts=(host(f"networks: {offered}"),))
    assert [each.rule.id for each in found] == rules


def test_a_type_without_a_plugin_is_told_once(judged):
    (found,) = judged(job("type: tyo"), hosts=(LISTED,))
    assert (found.rule.id, found.fault.hint) == ("VMF502", "did you mean toy?")


def test_a_block_alone_says_which_hosts_will_do(judged):
    """A job that only the words of a hypervisor describe boots on that one."""
    found = judged(bare("words: {}"), hosts=(LISTED,))
    assert [each.rule.id for each in found] == ["VMF503"]


def test_of_a_host_that_is_not_driven_nobody_knows_what_it_can(judged):
    found = judged(job("clock: local", "network: {type: user}"), hosts=(host().replace("toy", "words"),))
    assert [each.rule.id for each in found] == ["VMF507"]


def test_hosts_of_the_command_line_are_judged_as_well(places):
    assert places(job(), hosts=(host("cpus: 0"),)) == [("host-0.yaml", 6, 9, "VMF114")]


@pytest.mark.parametrize(
    ("field", "transport", "column"), [("key", "ssh", 51), ("certificate", "tls", 59), ("ca", "api", 50)]
)
def test_a_file_that_a_connection_needs_is_looked_for_beside_the_spec(places, folder, field, transport, column):
    there = host(f"connection: {{transport: {transport}, address: far, {field}: secret}}")
    rules = [each for each in places(there) if each[-1] == "VMF401"]
    assert rules == [("0.yaml", 6, column, "VMF401")]
    (folder / "secret").touch()
    assert "VMF401" not in {each[-1] for each in places(there)}


@pytest.mark.parametrize(
    ("connection", "path", "whats"),
    [
        ("{}", "/no", ["'/no': no such file or directory"]),
        ("{}", "/dev/null", ["'/dev/null': neither a file nor a folder"]),
        ("{}", "/etc/passwd", ["'/etc/passwd': no folder"]),
        ("{}", "/usr", []),
        ("{transport: ssh, address: a}", "/no", []),
    ],
)
@pytest.mark.parametrize("words", ["images: [{{path: {}}}]", "folders: {{x: {{path: {}}}}}"])
def test_folders_of_a_policy_are_looked_for_where_the_host_is_this_computer(judged, connection, path, whats, words):
    found = judged(host(words.format(path), f"connection: {connection}"))
    assert [each.fault.what.split(": ", 1)[1] for each in found if each.rule.id == "VMF508"] == whats

"""The input CD holds what a guest is to find."""

from __future__ import annotations

import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vmf.errors import HoldCode, JobFault
from vmf.files import cdrom, disc, volume
from vmf.model import Image, Job, Results, Ssh

FUZZ = settings(database=None, max_examples=30)
MAGIC = volume.magic("5eed")
TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))
KEY = "ssh-ed25519 AAAA vmf"


def job(**changes):
    return Job(name="hello", image=Image(name="tiny"), memory=2**28, **changes)


def test_contents_are_the_guest_contract():
    asked = job(run="echo grüß\n", env={"A": "1"}, results=Results(files=("out.txt", "a folder")))
    assert cdrom.contents(asked, MAGIC) == {
        "magic": MAGIC,
        "env": b"export A='1'\n",
        "run": "echo grüß\n".encode(),
        "results": b"vmf-attributes\nout.txt\na folder\n",
        "vmf-end": b"5eed\n",
    }


def test_a_job_that_wants_nothing_back_is_asked_for_what_it_publishes_alone():
    files = cdrom.contents(job(), MAGIC)
    assert (files["run"], files["env"], files["results"]) == (b"", b"", b"vmf-attributes\n")


@FUZZ
@given(
    st.dictionaries(st.from_regex(r"\AV[A-Z0-9_]{0,8}\Z"), TEXTS),
    st.dictionaries(st.from_regex(r"\AS[A-Z0-9_]{0,8}\Z"), st.binary().map(lambda value: value.replace(b"\0", b""))),
    st.lists(TEXTS),
)
def test_a_shell_reads_every_value_and_argument_as_it_was_given(env, secrets, arguments):
    asked = job(env=env, arguments=tuple(arguments))
    script = cdrom.contents(asked, MAGIC, secrets=secrets)["env"] + b"".join(
        b"printf '%%s\\0' \"$%s\"\n" % name.encode() for name in (*env, *secrets)
    )
    script += b'for each in "$@"; do printf "%s\\0" "$each"; done\n'
    said = subprocess.run(["sh"], input=script, capture_output=True, check=True).stdout
    values = [*(value.encode() for value in env.values()), *secrets.values(), *(each.encode() for each in arguments)]
    assert said == b"".join(value + b"\0" for value in values)


def test_a_key_is_for_the_user_that_the_job_names_and_for_nobody_else():
    found = cdrom.contents(job(ssh=Ssh(user="ann")), MAGIC, key=KEY)
    assert (found["authorized_keys"], found["login"]) == (f"{KEY}\n".encode(), b"ann\n")
    assert cdrom.contents(job(), MAGIC).keys() == found.keys() - {"authorized_keys", "login"}


@pytest.mark.parametrize("changes", [{"run": "a\ud800"}, {"env": {"A": "\udfff"}}, {"arguments": ("\udc80",)}])
def test_half_a_character_is_the_jobs_fault(changes):
    with pytest.raises(JobFault, match=f"{next(iter(changes))}: .*half a character") as caught:
        cdrom.contents(job(**changes), MAGIC)
    assert caught.value.code is HoldCode.MACHINE_INVALID


def test_the_disc_has_its_label_and_is_private(tmp_path):
    path = tmp_path / "input.iso"
    disc.write(path, cdrom.contents(job(), MAGIC), label=cdrom.LABEL)
    assert path.read_bytes()[32768 + 40 :].startswith(b"VMF ")
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [path]

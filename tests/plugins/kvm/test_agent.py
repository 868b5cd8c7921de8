"""What comes of a guest agent's answers; a real agent is in the contract suite."""

from __future__ import annotations

import base64
import io
import json

import pytest

from vmf.errors import HostLost, JobFault
from vmf_kvm import agent
from vmf_libvirt.errors import LibvirtFault


class Guest:
    """An agent with one file, which takes and gives at most `most` bytes at once."""

    def __init__(self, content=b"", most=10**9):
        self.content, self.most, self.commands = content, most, []

    def __call__(self, question):
        asked = json.loads(question)
        self.commands.append(asked["execute"])
        return json.dumps({"return": getattr(self, asked["execute"].replace("-", "_"))(asked["arguments"])})

    def guest_file_open(self, told):
        self.content, self.at = b"" if told["mode"] == "w" else self.content, 0
        return 1000

    def guest_file_write(self, told):
        taken = base64.b64decode(told["buf-b64"])[: self.most]
        self.content += taken
        return {"count": len(taken), "eof": False}

    def guest_file_read(self, told):
        given = self.content[self.at :][: min(told["count"], self.most)]
        self.at += len(given)
        return {"count": len(given), "buf-b64": base64.b64encode(given).decode(), "eof": not given}

    def guest_file_close(self, _told):
        return {}


MANY = bytes(range(256)) * 1000


@pytest.mark.parametrize("most", [10**9, 1000])
def test_a_file_goes_in_and_comes_out_in_pieces_and_is_closed(most):
    guest = Guest(most=most)
    assert agent.copy_in(guest, io.BytesIO(MANY), "/a") == len(MANY)
    with agent.copy_out(guest, "/a") as stream:
        assert stream.read() == MANY
    assert guest.commands.count("guest-file-open") == guest.commands.count("guest-file-close") == 2


def test_a_source_that_breaks_off_leaves_nothing_open():
    class Breaking(io.BytesIO):
        def read(self, _size=-1):
            raise OSError("the disk is gone")

    guest = Guest()
    with pytest.raises(OSError, match="the disk is gone"):
        agent.copy_in(guest, Breaking(), "/a")
    assert guest.commands[-1] == "guest-file-close"


def refusing(message):
    def ask(_question):
        raise LibvirtFault(message)

    return ask


def test_a_refusal_is_in_the_guest_s_words_made_safe():
    said = "internal error: unable to execute QEMU agent command 'guest-file-open': no such thing \x1b[2J" + 600 * "!"
    with pytest.raises(JobFault) as raised:
        agent.copy_out(refusing(said), "/a")
    assert raised.value.brief.startswith(r"no such thing \x1b[2J!!!")
    assert len(raised.value.brief) < 520
    assert raised.value.hint == ""


def test_without_an_agent_it_is_said_what_is_missing():
    with pytest.raises(JobFault, match="Guest agent is not responding") as raised:
        agent.copy_in(refusing("Guest agent is not responding: QEMU guest agent is not connected"), io.BytesIO(), "/a")
    assert "run the QEMU guest agent" in raised.value.hint


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "no JSON",
        "[]",
        "{}",
        '{"return": "many"}',
        '{"return": {"buf-b64": 7}}',
        '{"return": {"buf-b64": "!"}}',
        json.dumps({"return": {"buf-b64": base64.b64encode(bytes(2**20)).decode()}}),
    ],
)
def test_nonsense_is_told_and_harms_nobody(answer):
    guest = Guest(b"x")
    stream = agent.copy_out(lambda question: answer if "read" in question else guest(question), "/a")
    with pytest.raises(JobFault, match="the guest's agent answers what cannot be"):
        stream.read()
    stream.close()


def answering(*answers):
    """An agent that begins whatever it is told to, and then answers this; and the commands that it was told."""
    told, ready = [], iter(('{"return": {"pid": 7}}', *answers))

    def ask(question):
        told.append(json.loads(question))
        return next(ready)

    return ask, told


def test_a_program_runs_until_the_agent_says_otherwise_once():
    ask, told = answering(
        '{"return": {"exited": false}}', '{"return": {"exited": true, "exitcode": 3, "out-data": ""}}'
    )
    execution = agent.Execution(ask, ("sh", "-c", "exit 3"))
    assert [execution.poll() for _ in range(3)] == [None, 3, 3]
    begun, *asked = told
    assert begun == {"execute": "guest-exec", "arguments": {"path": "sh", "arg": ["-c", "exit 3"]}}
    assert asked == 2 * [{"execute": "guest-exec-status", "arguments": {"pid": 7}}]


def test_a_program_that_a_signal_ends_has_an_exit_code_as_in_a_shell():
    ask, _ = answering('{"return": {"exited": true, "signal": 9}}')
    assert agent.Execution(ask, ("x",)).poll() == 137


@pytest.mark.parametrize(
    "told",
    [
        "{}",
        '{"exited": 1}',
        '{"exited": true}',
        '{"exited": true, "exitcode": 256}',
        '{"exited": true, "exitcode": -1}',
        '{"exited": true, "signal": 128}',
        '{"exited": true, "exitcode": "0"}',
    ],
)
def test_an_end_that_cannot_be_is_told(told):
    ask, _ = answering(f'{{"return": {told}}}')
    with pytest.raises(JobFault, match="answers what cannot be"):
        agent.Execution(ask, ("x",)).poll()


@pytest.mark.parametrize("count", [0, -1, 10**6])
def test_a_count_that_cannot_be_ends_the_writing(count):
    guest = Guest()
    guest.guest_file_write = lambda _told: {"count": count}
    with pytest.raises(JobFault, match="answers what cannot be"):
        agent.copy_in(guest, io.BytesIO(b"abc"), "/a")


def test_a_host_that_is_lost_is_no_refusal():
    def ask(_question):
        raise HostLost("gone")

    with pytest.raises(HostLost):
        agent.copy_out(ask, "/a")


def test_the_clock_is_set_to_what_is_said():
    told = []

    def ask(question):
        told.append(json.loads(question))
        return '{"return": {}}'

    agent.set_clock(ask, 1_700_000_000_123_456_789)
    assert told == [{"execute": "guest-set-time", "arguments": {"time": 1_700_000_000_123_456_789}}]


def test_a_guest_that_does_not_set_its_clock_says_why():
    with pytest.raises(JobFault, match="hwclock failed"):
        agent.set_clock(refusing("unable to execute QEMU agent command 'guest-set-time': hwclock failed"), 1)

from __future__ import annotations

import multiprocessing
import os
import queue
import signal
import socket
import stat
import threading

import pytest

from shell import until, waits_for_lock
from vmf.control import LONGEST_MESSAGE, Server, StopJobs, Unreachable, send
from vmf.errors import VmfError
from vmf.model import Home

DEADLINE = 10


@pytest.fixture
def came():
    return queue.Queue()


@pytest.fixture
def server(tmp_path, came):
    with Server(Home(root=tmp_path), came.put) as server:
        yield server


def answer_to(server: Server, data: bytes) -> bytes:
    with socket.socket(socket.AF_UNIX) as peer:
        peer.settimeout(DEADLINE)
        peer.connect(str(server.path))
        peer.sendall(data)
        with peer.makefile("rb") as stream:
            return stream.readline()


def test_a_message_arrives_and_is_answered(server, came):
    message = StopJobs(jobs=(1, 2), force=True)
    send(server.path, message)
    assert came.get(timeout=DEADLINE) == message


def test_the_socket_is_for_its_owner_only(server):
    assert stat.S_IMODE(server.path.parent.stat().st_mode) == 0o700


def test_another_version_is_refused_by_name(server, came):
    with pytest.raises(VmfError, match="speaks version 1, not 2"):
        send(server.path, StopJobs(version=2, jobs=(1,), force=False))
    assert came.empty()


@pytest.mark.parametrize("data", [b"nonsense\n", b"{}\n", b"\xff\xfe\n", b"[" * LONGEST_MESSAGE + b"\n", b"\n"])
def test_nonsense_is_answered_and_the_next_message_still_heard(server, came, data):
    assert b"not understood" in answer_to(server, data)
    send(server.path, StopJobs(jobs=(1,), force=False))
    assert came.get(timeout=DEADLINE).jobs == (1,)


def test_an_engine_that_is_gone_is_unreachable(tmp_path, came):
    with Server(Home(root=tmp_path), came.put) as server:
        pass
    assert list(server.path.parent.iterdir()) == []
    with pytest.raises(Unreachable, match="does not answer"):
        send(server.path, StopJobs(jobs=(1,), force=False))


def test_the_state_folder_may_have_a_long_path(tmp_path, came):
    root = tmp_path.joinpath(*(["long" * 10] * 4))
    root.mkdir(parents=True)
    with Server(Home(root=root), came.put) as server:
        send(server.path, StopJobs(jobs=(4,), force=False))
    assert came.get(timeout=DEADLINE).jobs == (4,)


def serve_and_die(home: Home, at: str) -> None:
    setattr(socket.socket, at, lambda *_: os.kill(os.getpid(), signal.SIGKILL))
    with Server(home, print):
        os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.parametrize("at", ["listen", "accept"])
def test_the_sockets_of_killed_engines_are_swept_and_living_ones_are_not(tmp_path, server, came, at):
    engine = multiprocessing.get_context("fork").Process(target=serve_and_die, args=(Home(root=tmp_path), at))
    engine.start()
    engine.join(DEADLINE)
    assert engine.exitcode == -signal.SIGKILL
    assert len(list(server.path.parent.iterdir())) == 2
    with Server(Home(root=tmp_path), came.put) as next_one:
        assert set(server.path.parent.iterdir()) == {server.path, next_one.path}
        send(server.path, StopJobs(jobs=(3,), force=False))
    assert came.get(timeout=DEADLINE).jobs == (3,)


def test_an_engine_that_is_too_busy_to_answer_is_neither_swept_nor_waited_for(tmp_path, server, came):
    busy = server.path.with_name("busy")
    with socket.socket(socket.AF_UNIX) as listener, socket.socket(socket.AF_UNIX) as client:
        listener.bind(str(busy))
        listener.listen(0)
        client.connect(str(busy))
        with Server(Home(root=tmp_path), came.put):
            assert busy.exists()


def test_a_socket_that_is_just_being_made_is_not_swept(tmp_path, monkeypatch, came):
    first, second = (Server(Home(root=tmp_path), came.put) for _ in range(2))
    entering = threading.Thread(target=second.__enter__)
    listen = socket.socket.listen

    def dawdle(listener):
        monkeypatch.undo()
        entering.start()
        until(lambda: waits_for_lock(os.getpid()) or not entering.is_alive(), "the other one is on its way")
        listen(listener)

    monkeypatch.setattr(socket.socket, "listen", dawdle)
    with first:
        entering.join(DEADLINE)
        send(first.path, StopJobs(jobs=(3,), force=False))
    second.__exit__()
    assert came.get(timeout=DEADLINE).jobs == (3,)


def test_what_is_no_socket_is_left_alone(tmp_path, came):
    (tmp_path / "engines/lost+found").mkdir(parents=True)
    with Server(Home(root=tmp_path), came.put):
        assert (tmp_path / "engines/lost+found").is_dir()

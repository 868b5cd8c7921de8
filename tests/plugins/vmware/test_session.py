from __future__ import annotations

import hashlib
import ssl
import threading
from concurrent.futures import ThreadPoolExecutor
from time import monotonic

import pytest

from vcsim import Vcsim
from vmf.errors import HostLost
from vmf_vmware import session as sessions
from vmf_vmware.data import data
from vmf_vmware.faults import Dropped, VimFault
from vmf_vmware.session import opened
from vmf_vmware.wire import ROOT, Wire


def names(session):
    """Something that only those who are logged in are told."""
    return [each["name"] for each in session.listed(session.content["rootFolder"], "Datacenter", "name").values()]


def test_a_session_says_what_it_speaks_to(session):
    assert session.is_vcenter
    assert session.about["apiVersion"] == "8.0.0.1" or not session.can_end_reboots
    assert names(session) == ["dc1"]


def test_a_session_that_has_expired_is_begun_anew_and_nobody_notices(vsphere, session):
    before = session.cookie
    vsphere.expire_sessions()
    assert names(session) == ["dc1"]
    assert session.cookie != before


def test_it_is_begun_anew_once_however_many_threads_meet_its_end(vsphere, session, monkeypatch):
    logins = []
    ask = session._wire.ask

    def counted(ref, method, arguments):
        if method == "Login":
            logins.append(method)
        return ask(ref, method, arguments)

    monkeypatch.setattr(session._wire, "ask", counted)
    vsphere.expire_sessions()
    together, found = threading.Barrier(8), []

    def meet():
        together.wait()
        found.append(names(session))

    threads = [threading.Thread(target=meet) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [["dc1"]] * 8
    assert len(logins) == 1


def test_a_session_that_another_thread_has_begun_anew_is_left_as_it_is(session, monkeypatch):
    """Whoever finds it expired may be told so late: then the new one is not the one that has."""
    read, era = session.read, session._era

    def late(*words):
        renewing = threading.Thread(target=session._log_in, args=(session._era,))
        renewing.start()
        renewing.join()
        return {key: value for key, value in read(*words).items() if key != "currentSession"}

    monkeypatch.setattr(session, "read", late)
    session.renew()
    assert session._era == era + 1


def test_a_host_that_keeps_nobody_logged_in_is_lost(vsphere, session):
    vsphere.fault("CreateContainerView", "NotAuthenticated", mode="soap", count=0)
    with pytest.raises(HostLost, match="does not keep vmf logged in"):
        names(session)


@pytest.mark.parametrize("mode", ["drop", "lose", "http"])
def test_what_changes_nothing_is_asked_again_over_another_connection(vsphere, session, mode):
    vsphere.fault("RetrievePropertiesEx", mode=mode)
    assert names(session) == ["dc1"]


def test_but_no_more_than_that(vsphere, session):
    vsphere.fault("RetrievePropertiesEx", mode="drop", count=2)
    with pytest.raises(Dropped, match="does not answer"):
        names(session)
    assert names(session) == ["dc1"]


def test_what_changes_something_is_not_asked_twice(vsphere, session):
    """It may have been done: `Dropped` says so, and whoever asked looks."""
    vsphere.fault("MakeDirectory", mode="lose")
    with pytest.raises(Dropped):
        session.store.make(session.store.at("lost"))
    assert "lost" in session.store.folders("lost")


def test_a_wrong_password_is_told_with_where_it_may_come_from(vsphere_host, monkeypatch):
    monkeypatch.setenv("VMF_VMWARE_PASSWORD", "wrong")
    with pytest.raises(HostLost, match="knows no such user") as caught:
        opened(vsphere_host(), "abcd")
    assert "credentials" in caught.value.hint
    assert "wrong" not in str(caught.value)


@pytest.mark.usefixtures("password")
def test_a_host_with_another_signer_is_not_logged_in_to(vsphere_host):
    with pytest.raises(HostLost, match="not one to trust"):
        opened(vsphere_host(ca=None), "abcd")


@pytest.mark.usefixtures("password")
def test_a_pinned_host_is_logged_in_to_without_a_signer(vsphere, vsphere_host):
    der = ssl.PEM_cert_to_DER_cert(vsphere.certificate.read_text())
    session = opened(vsphere_host({"pin": hashlib.sha256(der).hexdigest()}, ca=None), "abcd")
    assert names(session) == ["dc1"]
    session.close()


def test_what_may_pass_by_itself_is_asked_again(session, monkeypatch):
    monkeypatch.setattr(sessions, "PAUSES", (0, 0, 0))
    faults = [VimFault(("TaskInProgress",)), VimFault(("InvalidPowerState",))]

    def ask():
        if faults:
            raise faults.pop()
        return "done"

    assert session.again(ask) == "done"


def test_but_not_for_ever_and_nothing_else(session, monkeypatch):
    monkeypatch.setattr(sessions, "PAUSES", (0, 0, 0))
    asked = []

    def ask(name):
        asked.append(name)
        raise VimFault((name,))

    with pytest.raises(VimFault):
        session.again(lambda: ask("TaskInProgress"))
    with pytest.raises(VimFault):
        session.again(lambda: ask("NoDiskSpace"))
    assert asked == ["TaskInProgress"] * 4 + ["NoDiskSpace"]


def test_what_is_no_vsphere_is_said_to_be_none(vsphere, session):
    vsphere.fault("RetrievePropertiesEx", mode="http", status=200, count=2)
    with pytest.raises(HostLost, match="does not answer as vSphere does"):
        names(session)


def test_a_server_that_is_gone_is_lost_at_once(vsphere_program, tmp_path, vsphere_host, monkeypatch):
    own = Vcsim(vsphere_program, tmp_path)
    monkeypatch.setenv("VMF_VMWARE_PASSWORD", own.password)
    session = opened(vsphere_host(port=own.port, ca=own.ca), "abcd")
    own.kill()
    with pytest.raises(HostLost):
        names(session)
    session.close()


def test_a_host_that_hangs_keeps_nobody_from_leaving(vsphere, session, monkeypatch):
    monkeypatch.setattr(sessions, "CLOSE_SECONDS", 0.3)
    vsphere.fault("Logout", mode="delay", seconds=20.0)
    before = monotonic()
    session.close()
    assert monotonic() - before < 10


def test_what_is_still_waited_for_when_all_is_let_go_of_is_let_go_of_after_its_answer(vsphere, session):
    vsphere.fault("RetrieveServiceContent", mode="delay", seconds=0.5)
    wire = Wire(session.server)
    with ThreadPoolExecutor() as pool:
        asked = pool.submit(wire.ask, ROOT, "RetrieveServiceContent", {})
        wire.close()
        assert asked.result(30)
    assert wire._stub.pool == []


def test_what_the_api_has_no_word_for_is_a_mistake_of_vmfs(session):
    with pytest.raises(AssertionError, match="VirtualMachineConfigSpec is not made of"):
        session.call(session.content["rootFolder"], "CreateVM_Task", config=data("VirtualMachineConfigSpec", nome="x"))

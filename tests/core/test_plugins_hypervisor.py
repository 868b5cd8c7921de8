"""A verb reaches the plugin of the host's type and all wrappers, and brings an answer or an error of vmf's."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import pytest

from made_up import HANDLE, MACHINE, VERBS, answers, errors, hypervisor, loaded, module, raises, says, without, wrapper
from vmf.ads import has
from vmf.errors import HostFault, JobFault, Refused, UsageError
from vmf.hookspecs import OPTIONAL, SUSPENDS, hookimpl
from vmf.model import Ending, Power, Stop, Suspend
from vmf.plugins import HYPERVISORS, PluginFailed


def call(hypervisor, verb):
    arguments = {
        "probe": {"known": None, "proof": None},
        "put": {"machine": "m", "name": "n", "source": Path("/dev/null")},
        "read": {"path": Path("/dev/null")},
        "create": {"machine": MACHINE},
        "watch": {"notify": print},
        "console": {"handle": HANDLE, "offset": 0},
        "shut_down": {"handle": HANDLE, "how": Stop.ASK},
        "fetch": {"handle": HANDLE, "name": "results"},
        "machines": {},
        "change_media": {"handle": HANDLE, "drive": 0, "name": "files"},
        "copy_in": {"handle": HANDLE, "source": BytesIO(), "path": "/x"},
        "copy_out": {"handle": HANDLE, "path": "/x"},
        "execute": {"handle": HANDLE, "command": ("true",)},
        "suspend": {"handle": HANDLE, "how": Suspend.SOFT},
        "checkpoint": {"handle": HANDLE, "number": 1},
    }.get(verb, {"handle": HANDLE})
    return getattr(hypervisor, verb)(**arguments)


class TestVerbs:
    def test_the_host_s_own_plugin_answers(self, connect):
        wrong = hookimpl(raises(AssertionError("the wrong hypervisor was asked")))
        plugins = loaded()
        plugins.add(HYPERVISORS, "xen", lambda: hypervisor(hypervisor=says(type="xen"), state=wrong))
        assert set(plugins.types) == {"fake", "xen"}
        assert connect(plugins).state(HANDLE).power is Power.ABSENT

    @pytest.mark.parametrize("verb", VERBS[2:])
    def test_none_is_no_answer(self, connect, verb):
        hypervisor_ = connect(loaded(hypervisor=hypervisor(**{verb: answers(None)})))
        with pytest.raises(PluginFailed, match=f"plugin fake did not answer {verb}"):
            call(hypervisor_, verb)

    @pytest.mark.parametrize(
        "verb",
        [
            "probe",
            "put",
            "create",
            "state",
            "console",
            "shut_down",
            "destroy",
            "machines",
            "resume",
            "checkpoint",
            "fold",
        ],
    )
    def test_the_wrong_kind_of_answer_is_refused(self, connect, verb):
        hypervisor_ = connect(loaded(hypervisor=hypervisor(**{verb: answers(1)})))
        with pytest.raises(PluginFailed, match=f"plugin fake answered {verb} with int"):
            call(hypervisor_, verb)

    @pytest.mark.parametrize("verb", [verb for verb in VERBS[2:] if verb != "read"])
    def test_what_is_not_vmf_s_own_is_the_host_s_fault(self, connect, verb):
        hypervisor_ = connect(loaded(hypervisor=hypervisor(**{verb: hookimpl(raises(OSError("no space")))})))
        with pytest.raises(PluginFailed, match=f"a plugin failed in {verb}: OSError: no space") as raised:
            call(hypervisor_, verb)
        assert isinstance(raised.value, HostFault)
        assert isinstance(raised.value.__cause__, OSError)

    def test_what_the_system_says_of_a_file_on_the_host_passes(self, connect):
        """It is for whoever named the file."""
        hypervisor_ = connect(loaded(hypervisor=hypervisor(read=hookimpl(raises(FileNotFoundError("none"))))))
        with pytest.raises(FileNotFoundError, match="none"):
            hypervisor_.read(Path("/none"))

    @pytest.mark.parametrize("verb", VERBS[2:])
    def test_vmf_s_own_errors_pass(self, connect, verb):
        hypervisor_ = connect(loaded(hypervisor=hypervisor(**{verb: hookimpl(raises(Refused("no")))})))
        with pytest.raises(Refused, match="no"):
            call(hypervisor_, verb)

    def test_a_connection_that_fails_to_close(self, connect):
        made_up = type("Connection", (), {"close": lambda _: 1 / 0})()
        with pytest.raises(PluginFailed, match="plugin fake failed to close its connection: ZeroDivisionError"):
            connect(loaded(hypervisor=hypervisor(connect=answers(made_up)))).close()


class TestOptionalVerbs:
    """Those that a plugin answers exactly when it declares the ability."""

    @pytest.mark.parametrize("verb", OPTIONAL)
    def test_what_is_declared_is_answered(self, verb):
        assert errors(loaded(hypervisor=hypervisor(**{verb: None})))["fake"] == f"does not answer {verb}"

    @pytest.mark.parametrize(("verb", "any_of"), OPTIONAL.items())
    def test_what_is_answered_is_declared(self, verb, any_of):
        plugins = loaded(hypervisor=hypervisor(hypervisor=says(capabilities=without(*any_of))))
        assert f"{verb} without declaring {' or '.join(any_of)}" in errors(plugins)["fake"]

    @pytest.mark.parametrize(("verb", "any_of"), OPTIONAL.items())
    def test_what_is_not_declared_is_not_asked_for(self, connect, verb, any_of):
        idle = {each: None for each, abilities in OPTIONAL.items() if abilities == any_of}
        plugin = hypervisor(hypervisor=says(capabilities=without(*any_of)), **idle)
        with pytest.raises(UsageError, match=f"type fake does not have the ability {any_of[0]}") as caught:
            call(connect(loaded(hypervisor=plugin)), verb)
        assert caught.value.hint.endswith(f"`requirements: {has(any_of[0])}`")

    @pytest.mark.parametrize(("how", "other"), [tuple(Suspend), tuple(Suspend)[::-1]])
    def test_one_who_can_suspend_in_one_way_is_not_asked_for_the_other(self, connect, how, other):
        able = hypervisor(hypervisor=says(capabilities=without(SUSPENDS[other])))
        hypervisor_ = connect(loaded(hypervisor=able))
        assert hypervisor_.suspend(HANDLE, how).power is Power.ABSENT
        assert hypervisor_.resume(HANDLE).power is Power.ABSENT
        with pytest.raises(UsageError, match=f"type fake does not have the ability {SUSPENDS[other]}\n") as caught:
            hypervisor_.suspend(HANDLE, other)
        assert caught.value.hint.endswith(f"`requirements: {has(SUSPENDS[other])}`")


class TestWrappers:
    def test_one_sees_every_create(self, connect):
        seen = []

        def create(machine):
            handle = yield
            seen.append((machine.name, handle))
            return handle

        hypervisor_ = connect(loaded(module(create=wrapper(create))))
        assert hypervisor_.create(MACHINE) == HANDLE
        assert hypervisor_.create(MACHINE) == HANDLE
        assert seen == [("m", HANDLE)] * 2

    def test_one_can_refuse(self, connect):
        def create():
            raise Refused("not on a Sunday")
            yield

        hypervisor_ = connect(loaded(module(create=wrapper(create))))
        with pytest.raises(Refused, match="not on a Sunday") as raised:
            hypervisor_.create(MACHINE)
        assert isinstance(raised.value, JobFault)
        assert hypervisor_.state(HANDLE).power is Power.ABSENT

    def test_one_that_fails_before_there_is_a_machine(self, connect):
        def create():
            raise KeyError("early")
            yield

        hypervisor_ = connect(loaded(module(create=wrapper(create))))
        with pytest.raises(PluginFailed, match="a plugin failed in create: KeyError: 'early'"):
            hypervisor_.create(MACHINE)

    def test_one_that_fails_after_there_is_a_machine_costs_nothing(self, connect, caplog):
        def create():
            yield
            raise KeyError("late")

        hypervisor_ = connect(loaded(module(create=wrapper(create))))
        assert hypervisor_.create(MACHINE) == HANDLE
        assert hypervisor_.state(HANDLE).power is not Power.ABSENT
        assert "machine m is in being" in caplog.text
        assert "KeyError: 'late'" in caplog.text

    def test_a_machine_that_was_only_defined_does_not_count(self, connect):
        def create(connection, machine):
            (connection.machine(machine.name)).mkdir()
            (connection.machine(machine.name) / "machine.json").write_text("{}")
            raise KeyError("between define and start")

        hypervisor_ = connect(loaded(hypervisor=hypervisor(create=hookimpl(create))))
        with pytest.raises(PluginFailed, match="between define and start"):
            hypervisor_.create(MACHINE)
        assert hypervisor_.state(HANDLE).ending is Ending.UNKNOWN

    def test_one_can_translate_an_error(self, connect):
        def state():
            try:
                return (yield)
            except OSError as error:
                raise HostFault("the disk array is being moved") from error

        broken = hypervisor(state=hookimpl(raises(OSError("gone"))))
        with pytest.raises(HostFault, match="the disk array is being moved"):
            connect(loaded(module(state=wrapper(state)), hypervisor=broken)).state(HANDLE)

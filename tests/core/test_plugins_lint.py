"""Rules that plugins add to `vmf lint`."""

from __future__ import annotations

from types import ModuleType

import pytest
from msgspec.structs import replace

from vmf.errors import Refused
from vmf.hookspecs import API, HypervisorType, hookimpl
from vmf.model import Host, Job
from vmf.plugins import HYPERVISORS, OTHERS, Plugins
from vmf.rules import Check, Objection, Rule

RULE = Rule(id="SITE201", title="t", why="w", mend="m")
OBJECTION = Objection(at=("memory",), what="too much")
CHECK = Check(rule=RULE, kind=Job, judge=lambda _: [OBJECTION])
JOB = Job(name="j", memory=2**28)


def lint(answer):
    """A plugin whose `lint` is this function."""
    made = ModuleType("made_up")
    made.lint = hookimpl(answer)
    return made


def adding(*checks):
    return lint(lambda: checks)


def with_id(number, **changed):
    return replace(CHECK, rule=replace(RULE, id=number, **changed))


def judging(judge):
    return adding(replace(CHECK, judge=judge))


def raises(error):
    def fail(*_):
        raise error

    return fail


def loaded(*others):
    plugins = Plugins()
    for name, other in zip("abcdef", others, strict=False):
        plugins.add(OTHERS, name, lambda other=other: other)
    assert [each.error for each in plugins.listed] == [""] * len(others)
    return plugins


def ids(plugins):
    return [each.rule.id for each in plugins.checks()]


class TestChecks:
    def test_the_rules_of_every_plugin_in_the_order_of_loading(self):
        assert ids(loaded(adding(CHECK, with_id("SITE202")), adding(), adding(with_id("LAB101")))) == [
            "SITE201", "SITE202", "LAB101",
        ]  # fmt: skip

    def test_a_hypervisor_may_have_some(self):
        plugin = adding(with_id("XEN201"))
        plugin.hypervisor = hookimpl(lambda: HypervisorType(type="xen", api=API, version="1"))
        plugins = loaded()
        plugins.add(HYPERVISORS, "xen", lambda: plugin)
        assert ids(plugins) == ["XEN201"]

    def test_one_rule_may_judge_several_kinds(self):
        assert ids(loaded(adding(CHECK, replace(CHECK, kind=Host)))) == ["SITE201", "SITE201"]

    def test_a_generator_will_do(self):
        def checks():
            yield CHECK

        assert ids(loaded(lint(checks))) == ["SITE201"]

    def test_it_cannot_be_wrapped(self):
        plugins = Plugins()
        plugin = ModuleType("made_up")
        plugin.lint = hookimpl(wrapper=True)(lambda: (yield))
        plugins.add(OTHERS, "a", lambda: plugin)
        assert plugins.listed[0].error == "only verbs can be wrapped, not lint"

    @pytest.mark.parametrize(
        ("plugin", "error"),
        [
            (lint(raises(KeyError("x"))), "plugin a failed in lint: KeyError: 'x'"),
            (lint(raises(Refused("not today"))), "not today"),
            (lint(lambda: (1 / 0 for _ in "x")), "plugin a failed in lint: ZeroDivisionError"),
            (lint(lambda: 7), "plugin a failed in lint: TypeError"),
            (adding("rule"), "'rule' is no check of a job, a host or an image"),
            (adding(replace(CHECK, kind=str)), "is no check of a job, a host or an image"),
            (adding(replace(CHECK, kind="Job")), "plugin a failed in lint: TypeError"),
            (adding(replace(CHECK, rule=None)), "plugin a failed in lint: AttributeError"),
            (adding(CHECK, with_id("SITE201", title="another")), "SITE201 is the id of two rules"),
            (adding(CHECK, with_id("VMF299")), "the letters VMF belong to the rules of vmf"),
            *(
                (adding(CHECK, with_id(number)), f"'{number}' is no id: write capital letters and three digits")
                for number in ("201", "SITE", "SITE20", "SITE2011", "site201", "SITE-201", "SITE201x", "SITÉ201")
            ),
        ],
    )
    def test_those_of_a_plugin_that_breaks_the_rules_do_not_count(self, plugin, error, caplog):
        plugins = loaded(plugin, adding(with_id("LAB101")))
        assert ids(plugins) == ["LAB101"]
        (record,) = caplog.records
        assert record.message.startswith("the lint rules of plugin a do not count: ")
        assert error in record.message
        assert record.exc_info is None

    def test_letters_belong_to_the_plugin_that_comes_first(self, caplog):
        assert ids(loaded(adding(CHECK), adding(with_id("SITE202")), adding(with_id("SITES202")))) == [
            "SITE201", "SITES202",
        ]  # fmt: skip
        assert "plugin b do not count: the letters SITE belong to the rules of a" in caplog.text

    def test_what_is_wrong_is_said_once(self, caplog):
        plugins = loaded(adding(with_id("VMF299")))
        assert ids(plugins) == ids(plugins) == []
        assert len(caplog.records) == 1


class TestJudging:
    def test_objections_arrive(self):
        (check,) = loaded(adding(CHECK)).checks()
        assert list(check.judge(JOB)) == [OBJECTION]

    @pytest.mark.parametrize(
        ("judge", "error"),
        [
            (raises(KeyError("x")), "KeyError: 'x'"),
            (lambda _: (1 / 0 for _ in "x"), "ZeroDivisionError: division by zero"),
            (lambda _: [OBJECTION, "too much"], "TypeError: 'too much' is no Objection"),
            (lambda _: None, "TypeError: 'NoneType' object is not iterable"),
        ],
    )
    def test_a_check_that_fails_has_nothing_against_anything(self, judge, error, caplog):
        (check,) = loaded(judging(judge)).checks()
        assert list(check.judge(JOB)) == []
        (record,) = caplog.records
        assert record.message == f"plugin a failed in rule SITE201: {error}"
        assert record.exc_info is None

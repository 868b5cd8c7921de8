"""Plugins are listed, refused where they break the rules, and asked what they think of jobs and machines."""

from __future__ import annotations

import pytest
from msgspec import Struct
from msgspec.structs import replace

from made_up import HANDLE, HOST, MACHINE, VERBS, answers, errors, hypervisor, loaded, module, raises, says, wrapper
from vmf.errors import Refused, SetupError
from vmf.hookspecs import API, hookimpl
from vmf.model import Bid, Facts, Host, Image, Job, Placement
from vmf.plugins import HYPERVISORS, OTHERS, PluginFailed, Plugins
from vmf.spec import JobWords, load_hosts, load_jobs
from vmf.state import Completed
from vmf.testing import fake

HEAD = "apiVersion: vmf/v1\nkind: {0}\nmetadata: {{name: x}}\nspec: "
FACTS = Facts(identity="i", memory=2**32, cpus=4, arch="x86_64", accelerator="fake")
JOB = Job(name="j", image=Image(name="i"), memory=2**28)
PLACEMENT = Placement(job=JOB, host=HOST, facts=FACTS, reasons=())


class TestListing:
    def test_a_sound_plugin_is_listed_with_its_hooks(self):
        plugins = Plugins()
        plugins.add(HYPERVISORS, "fake", lambda: fake, version="1.2")
        (listed,) = plugins.listed
        assert (listed.name, listed.group, listed.version, listed.error) == ("fake", HYPERVISORS, "1.2", "")
        assert listed.hooks == tuple(sorted(VERBS))
        assert plugins.types["fake"].version == fake.VERSION

    @pytest.mark.parametrize(
        ("plugin", "error"),
        [
            (hypervisor(fetch=None, destroy=None), "does not answer destroy, fetch"),
            (hypervisor(fetch=wrapper(lambda: (yield))), "does not answer fetch"),
            (hypervisor(hypervisor=says(api=API + 1)), f"speaks API {API + 1}, this vmf speaks {API}"),
            (hypervisor(hypervisor=says(type="xen")), "is registered as fake and calls itself xen"),
            (hypervisor(hypervisor=answers("fake")), "says that it is a str, not a HypervisorType"),
            (hypervisor(hypervisor=hookimpl(raises(KeyError("x")))), "KeyError: 'x'"),
            (hypervisor(staet=answers(None)), "no such hook: staet"),
            (hypervisor(x=hookimpl(specname="staet")(lambda: None)), "no such hook: staet"),
            (hypervisor(x=hookimpl(specname="state")(lambda: None)), "implements state twice"),
            (hypervisor(state=hookimpl(lambda handel: handel)), "handel"),
        ],
    )
    def test_a_hypervisor_that_breaks_the_rules_is_refused(self, connect, plugin, error):
        plugins = loaded(hypervisor=plugin)
        assert error in errors(plugins)["fake"]
        assert plugins.types == {}
        with pytest.raises(SetupError, match="host made-up: its plugin is broken") as raised:
            connect(plugins)
        assert errors(plugins)["fake"] in str(raised.value)

    @pytest.mark.parametrize(
        ("plugin", "error"),
        [
            (module(state=answers(None)), "only a hypervisor may answer state; use wrapper=True to wrap"),
            (module(x=hookimpl(specname="create")(lambda: None)), "only a hypervisor may answer create"),
            (module(hypervisor=says()), "only a hypervisor may answer hypervisor"),
            (module(amnd=answers(None)), "no such hook: amnd"),
            (module(amend=wrapper(lambda: (yield))), "only verbs can be wrapped, not amend"),
            (module(create=wrapper(lambda: None)), "generator"),
            ([], "unhashable"),
        ],
    )
    def test_another_plugin_that_breaks_the_rules_is_refused(self, connect, plugin, error):
        plugins = loaded(plugin)
        assert error in errors(plugins)["a"]
        assert connect(plugins).create(MACHINE) == HANDLE

    @pytest.mark.parametrize("error", [ImportError("no module named libxyz"), SystemExit(3), KeyError("x")])
    def test_one_that_cannot_be_loaded_harms_no_other(self, connect, error):
        plugins = Plugins()
        plugins.add(OTHERS, "a", raises(error))
        plugins.add(HYPERVISORS, "fake", lambda: fake)
        assert errors(plugins) == {"a": f"{type(error).__name__}: {error}"}
        assert connect(plugins).create(MACHINE) == HANDLE

    @pytest.mark.parametrize("group", [HYPERVISORS, OTHERS])
    def test_a_name_is_taken_once(self, connect, group):
        plugins = loaded()
        plugins.add(group, "fake", hypervisor)
        assert errors(plugins) == {"fake": "the name fake is already taken by another plugin"}
        assert connect(plugins).create(MACHINE) == HANDLE

    def test_a_host_whose_type_nobody_drives(self, tmp_path):
        plugins = loaded()
        plugins.add(OTHERS, "xen", raises(KeyError("of no concern")))
        with pytest.raises(SetupError, match=r"host x: no plugin is installed for 'xen'\n.*vmf plugin ls"):
            plugins.connect(Host(name="x", type="xen"), tmp_path)


class Block(Struct, frozen=True, kw_only=True):
    folder: str = ""


class TestWords:
    """A plugin that lends vmf the words of its type, and drives nothing."""

    @pytest.fixture
    def plugins(self):
        plugins = loaded()
        said = says(type="words", settings=Block, job_settings=Block)
        plugins.add(HYPERVISORS, "words", lambda: module(hypervisor=said), version="3")
        return plugins

    def test_it_is_listed_without_an_error_beside_those_that_drive(self, plugins):
        assert errors(plugins) == {}
        assert [(each.name, each.hooks == ("hypervisor",), each.drives) for each in plugins.listed] == [
            ("fake", False, True),
            ("words", True, False),
        ]

    def test_its_blocks_are_read(self, plugins, tmp_path):
        host, job = tmp_path / "h.yaml", tmp_path / "j.yaml"
        host.write_text(HEAD.format("Host") + "{type: words, words: {folder: /a}}")
        job.write_text(HEAD.format("Job") + "{memory: 1GiB, type: words, words: {folder: b}}")
        settings = {name: each.settings for name, each in plugins.types.items()}
        words = JobWords(images=tmp_path, settings={name: each.job_settings for name, each in plugins.types.items()})
        (read,) = load_hosts([host], settings=settings, remark=pytest.fail)
        assert read.settings == {"words": {"folder": "/a"}}
        (read,) = load_jobs([job], words, remark=pytest.fail)
        assert (read.types, read.settings) == (("words",), {"words": {"folder": "b"}})

    def test_connecting_says_that_nothing_drives_it(self, plugins, tmp_path):
        with pytest.raises(SetupError, match="host w: the plugin words only knows the words of its specs") as raised:
            plugins.connect(Host(name="w", type="words"), tmp_path)
        assert raised.value.hint == "use a host of another type; `vmf plugin ls` lists all"

    def test_one_verb_more_is_no_plugin_of_words_but_a_broken_one(self):
        plugins = Plugins()
        plugins.add(HYPERVISORS, "fake", lambda: module(hypervisor=says(), state=answers(None)))
        assert errors(plugins)["fake"].startswith("does not answer change_media, checkpoint, connect")


class TestReview:
    def test_whoever_objects_forbids_the_machine(self):
        calm, strict = module(review=answers(None)), module(review=hookimpl(raises(Refused("not on a Sunday"))))
        loaded(calm).review(PLACEMENT, MACHINE)
        with pytest.raises(Refused, match="not on a Sunday"):
            loaded(calm, strict).review(PLACEMENT, MACHINE)

    def test_one_that_fails_is_named(self):
        failing = module(review=hookimpl(raises(KeyError("x"))))
        with pytest.raises(PluginFailed, match="plugin a failed in review: KeyError: 'x'"):
            loaded(failing).review(PLACEMENT, MACHINE)


def amending(**changed):
    return module(amend=hookimpl(lambda machine: replace(machine, **changed)))


class TestAmend:
    def test_in_the_order_of_names(self):
        def doubling(machine):
            return replace(machine, cpus=machine.cpus * 2)

        plugins = loaded()
        plugins.add(OTHERS, "z", lambda: module(amend=hookimpl(doubling)))
        plugins.add(OTHERS, "b", lambda: amending(cpus=3))
        plugins.add(OTHERS, "c", lambda: module(amend=answers(None)))
        plugins.add(OTHERS, "d", lambda: amending(cpus=3))
        machine, changed = plugins.amend(PLACEMENT, MACHINE)
        assert machine == replace(MACHINE, cpus=6)
        assert changed == ("b", "z")

    def test_nobody_amends(self):
        assert loaded().amend(PLACEMENT, MACHINE) == (MACHINE, ())

    @pytest.mark.parametrize(
        ("plugin", "error"),
        [
            (amending(cpus=0), "plugin b amended the machine to something that cannot be: Expected `int` >= 1"),
            (amending(kernel_parameters="a\nb"), "plugin b amended the machine to something that cannot be"),
            (amending(name="other"), "plugin b renamed machine m to other"),
            (module(amend=answers(object())), "plugin b amended the machine to something that cannot be"),
            (module(amend=hookimpl(raises(KeyError("x")))), "plugin b failed in amend: KeyError: 'x'"),
        ],
    )
    def test_what_cannot_be_is_refused_by_name(self, plugin, error):
        with pytest.raises(PluginFailed, match=error):
            loaded(amending(cpus=2), plugin).amend(PLACEMENT, MACHINE)

    def test_it_can_forbid(self):
        with pytest.raises(Refused, match="no"):
            loaded(module(amend=hookimpl(raises(Refused("no"))))).amend(PLACEMENT, MACHINE)


class TestTell:
    def test_an_observer_s_failure_is_logged_and_the_others_are_told(self, caplog):
        told = []
        seeing = module(event=hookimpl(lambda job, event: told.append((job, event))))
        failing = module(event=hookimpl(raises(KeyError("x"))))
        plugins = loaded(failing, seeing, module(event=hookimpl(raises(Refused("y")))))
        plugins.tell("7", Completed())
        assert told == [("7", Completed())]
        assert "plugin a failed to observe Completed" in caplog.text
        assert "plugin c failed to observe Completed" in caplog.text


def bidding(answer):
    return module(bid=hookimpl(lambda: answer))


class TestBid:
    def test_where_no_plugin_bids_nobody_is_asked(self):
        assert loaded(amending(cpus=3)).bids is None

    def test_the_first_by_name_that_answers_wins(self):
        plugins = loaded()
        for name, answer in (("z", Bid(cost=1)), ("b", None), ("c", Bid(cost=2, seconds=3, cost_of=("a tariff",)))):
            plugins.add(OTHERS, name, lambda answer=answer: bidding(answer))
        assert plugins.bids(PLACEMENT) == Bid(cost=2, seconds=3, cost_of=("a tariff",))

    def test_it_sees_what_vmf_would_bid(self):
        dearer = module(bid=hookimpl(lambda placement: replace(placement.bid, cost=placement.bid.cost * 2)))
        assert loaded(dearer).bids(replace(PLACEMENT, bid=Bid(cost=4, seconds=1))) == Bid(cost=8, seconds=1)

    def test_it_can_refuse_to_bid(self):
        refusing = module(bid=hookimpl(raises(Refused("too late in the day"))))
        with pytest.raises(Refused, match="too late"):
            loaded(refusing, bidding(Bid(cost=1))).bids(PLACEMENT)

    @pytest.mark.parametrize(
        ("plugin", "error"),
        [
            (module(bid=hookimpl(raises(KeyError("x")))), "plugin a failed in bid: KeyError: 'x'"),
            (bidding(3.0), "plugin a made a bid that cannot be: Expected `object`, got `float`"),
            (bidding(Bid(cost="dear")), "plugin a made a bid that cannot be: Expected `float`, got `str`"),
            (bidding(Bid(cost=1, seconds=-1)), "plugin a made a bid that cannot be: Expected `float` >= 0"),
            (bidding(Bid(cost=float("nan"))), "plugin a made a bid that cannot be"),
            (bidding(Bid(cost=float("inf"))), "plugin a made a bid that cannot be"),
        ],
    )
    def test_one_that_breaks_the_rules_is_logged_once_and_leaves_it_to_the_others(self, caplog, plugin, error):
        plugins = loaded(plugin, bidding(Bid(cost=5)))
        assert [plugins.bids(PLACEMENT) for _ in range(2)] == [Bid(cost=5)] * 2
        assert caplog.text.count("plugin a does not count") == 1
        assert error in caplog.text

"""All plugins at hand: found, checked, and asked."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import cached_property
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

import msgspec
import pluggy
from msgspec import Struct

from vmf import hookspecs
from vmf.ads import Need, needs
from vmf.errors import Refused, SetupError, VmfError
from vmf.hookspecs import API, OPTIONAL, PROJECT, HypervisorType
from vmf.model import Bid, Host, Machine, Placement
from vmf.plugins.answers import valid_bid, valid_machine
from vmf.plugins.checks import guarded, letters_of
from vmf.plugins.failures import BrokenPlugin, translated
from vmf.plugins.hypervisor import Hypervisor
from vmf.rules import Check
from vmf.state import Event

HYPERVISORS = "vmf.hypervisors"
OTHERS = "vmf.plugins"

_WORDS = frozenset({"hypervisor"})
"""The verbs of a plugin that lends vmf the words of its type, and drives nothing."""

log = logging.getLogger(__name__)


class Listed(Struct, frozen=True, kw_only=True):
    """One plugin as `vmf plugin ls` shows it."""

    name: str
    group: str
    version: str
    hooks: tuple[str, ...] = ()
    drives: bool = False
    """Whether it makes machines; a hypervisor that does not only lends vmf the words of its type."""
    error: str = ""
    """Why it cannot be used; empty if it can."""


class Plugins:
    """All plugins at hand; made once, then only read."""

    def __init__(self) -> None:
        self._manager = pluggy.PluginManager(PROJECT)
        self._manager.add_hookspecs(hookspecs)
        self._verbs = frozenset(name for name in vars(hookspecs) if self._is_verb(name))
        self.types: dict[str, HypervisorType] = {}
        self.listed: list[Listed] = []
        self._drivers: set[str] = set()
        self._silent: set[str] = set()
        """The plugins whose bids have failed, which is said once."""

    @classmethod
    def load(cls) -> Plugins:
        """Load every installed plugin, hypervisors first, in the order of their names."""
        plugins = cls()
        installed = entry_points()
        for group in (HYPERVISORS, OTHERS):
            for entry in sorted(installed.select(group=group), key=lambda entry: (entry.name, entry.value)):
                plugins.add(group, entry.name, entry.load, version=_version(entry))
        return plugins

    def add(self, group: str, name: str, load: Callable[[], object], *, version: str = "") -> None:
        """Load and register one plugin; whatever goes wrong is listed, never raised."""
        try:
            hooks = self._register(group, name, load())
        except (Exception, SystemExit) as error:  # third-party code: anything it raises is its listing
            log.debug("plugin %s is broken", name, exc_info=True)
            reason = str(error) if isinstance(error, BrokenPlugin) else f"{type(error).__name__}: {error}"
            self.listed.append(Listed(name=name, group=group, version=version, error=reason))
        else:
            drives = group == HYPERVISORS and name in self._drivers
            self.listed.append(Listed(name=name, group=group, version=version, hooks=hooks, drives=drives))

    def connect(self, host: Host, folder: Path) -> Hypervisor:
        """Open the façade of one host.

        Raises:
            SetupError: if no usable plugin has the host's type.
            HostLost: if the host does not answer.
        """
        if host.type not in self.types:
            named = (each for each in self.listed if (each.group, each.name) == (HYPERVISORS, host.type))
            broken = [each.error for each in named if each.error]
            reason = f"its plugin is broken: {broken[0]}" if broken else f"no plugin is installed for {host.type!r}"
            hint = f"install one, such as the distribution vmf-{host.type}; `vmf plugin ls` lists all and their errors"
            raise SetupError(f"host {host.name}: {reason}", hint=hint)
        if host.type not in self._drivers:
            raise SetupError(
                f"host {host.name}: the plugin {host.type} only knows the words of its specs, and drives no host yet",
                hint="use a host of another type; `vmf plugin ls` lists all",
            )
        others = [self._manager.get_plugin(name) for name in self.types if name != host.type]
        able = self.types[host.type].capabilities
        return Hypervisor(self._manager, others, capabilities=able, host=host, folder=folder)

    def drives(self, type_: str) -> bool:
        """Whether a plugin drives hosts of a type; one may only know its words."""
        return type_ in self._drivers

    def needs(self, host: Host) -> tuple[Need, ...]:
        """What a host's spec needs of its plugin, the block of its type included; nothing if no plugin has the type."""
        if host.type not in self.types:
            return ()
        block, words = host.settings.get(host.type, {}), self.types[host.type].settings
        own = msgspec.convert(block, words, dec_hook=lambda wanted, text: wanted(text))
        return (*needs(host), *needs(own, at=(host.type,)))

    def missing(self, host: Host) -> tuple[Need, ...]:
        """What a host's spec needs and its plugin does not have; nothing, if that drives no host: nobody knows then."""
        if not self.drives(host.type):
            return ()
        return tuple(need for need in self.needs(host) if need.ability not in self.types[host.type].capabilities)

    @property
    def bids(self) -> Callable[[Placement], Bid | None] | None:
        """What asks the plugins for a host's bid, None: they leave it at vmf's own; None if no plugin makes any.

        It raises `Refused` if the host does not bid.
        """
        return self._bid if self._answering("bid") else None

    def _bid(self, placement: Placement) -> Bid | None:
        for name in sorted(self._answering("bid")):
            try:
                answers = self._ask(name, "bid", placement=placement)
                if answers:
                    return valid_bid(name, answers[0])
            except Refused:
                raise
            except VmfError as error:
                if name not in self._silent:  # jobs that wait are placed over and over
                    log.error("plugin %s does not count: %s", name, error.brief)  # noqa: TRY400  # no traceback for users
                    log.debug("the bid of plugin %s", name, exc_info=True)
                self._silent.add(name)
        return None

    def amend(self, placement: Placement, machine: Machine) -> tuple[Machine, tuple[str, ...]]:
        """Fold every plugin's amendment over a machine, in name order; the names of those that changed it.

        Raises:
            PluginFailed: naming the plugin, if one fails or makes something that cannot be.
            Refused: if a plugin forbids the machine.
        """
        changed = []
        for name in sorted(self._answering("amend")):
            answers = self._ask(name, "amend", placement=placement, machine=machine)
            amended = valid_machine(name, machine, answers[0]) if answers else machine
            if amended != machine:
                changed.append(name)
            machine = amended
        return machine, tuple(changed)

    def review(self, placement: Placement, machine: Machine) -> None:
        """Let every plugin forbid a machine, in name order.

        Raises:
            JobFault: what the first has against it.
            PluginFailed: naming the plugin, if one fails.
        """
        for name in sorted(self._answering("review")):
            self._ask(name, "review", placement=placement, machine=machine)

    def tell(self, job: str, event: Event) -> None:
        """Tell every observer; what one raises is logged and dropped."""
        for name in self._answering("event"):
            try:
                self._ask(name, "event", job=job, event=event)
            except VmfError:
                log.exception("plugin %s failed to observe %s", name, type(event).__name__)

    def checks(self) -> tuple[Check[Any], ...]:
        """The lint rules of every plugin; those of one that breaks the rules of `lint` do not count, and are logged."""
        return self._checks

    @cached_property
    def _checks(self) -> tuple[Check[Any], ...]:
        checks: list[Check[Any]] = []
        owners = {"VMF": "vmf"}
        for name in (each.name for each in self.listed if "lint" in each.hooks):
            try:
                with translated(f"plugin {name} failed in lint"):
                    own = [check for answer in self._ask(name, "lint") for check in answer]
                    letters = letters_of(own)
                if taken := sorted(letters & owners.keys()):
                    raise BrokenPlugin(f"the letters {taken[0]} belong to the rules of {owners[taken[0]]}")
            except VmfError as error:
                log.debug("the lint rules of plugin %s", name, exc_info=True)
                log.error("the lint rules of plugin %s do not count: %s", name, error.brief)  # noqa: TRY400  # no traceback for users
            else:
                owners |= dict.fromkeys(letters, name)
                checks += (guarded(name, check) for check in own)
        return tuple(checks)

    def _answering(self, hook: str) -> list[str]:
        return [each.plugin_name for each in getattr(self._manager.hook, hook).get_hookimpls()]

    def _ask(self, name: str, hook: str, **arguments: object) -> list[Any]:
        """Ask one plugin alone, so that what it raises is known to be its own."""
        others = [plugin for other, plugin in self._manager.list_name_plugin() if other != name]
        with translated(f"plugin {name} failed in {hook}"):
            answers: list[Any] = self._manager.subset_hook_caller(hook, others)(**arguments)
        return answers

    def _is_verb(self, name: str) -> bool:
        spec = self._manager.parse_hookspec_opts(hookspecs, name)
        return spec is not None and bool(spec["firstresult"])

    def _register(self, group: str, name: str, plugin: object) -> tuple[str, ...]:
        """Check everything first: a plugin that is refused leaves no trace in the manager."""
        if self._manager.has_plugin(name):
            raise BrokenPlugin(f"the name {name} is already taken by another plugin")
        hash(plugin)  # pluggy keeps plugins in sets: one that it cannot hash would break the calls of all others
        hooks = self._hooks(plugin)
        plain = {hook: attribute for hook, (attribute, wraps) in hooks.items() if not wraps}
        if wrapped := sorted(set(hooks) - set(plain) - self._verbs):
            raise BrokenPlugin(f"only verbs can be wrapped, not {', '.join(wrapped)}")
        said = self._described(name, plugin, plain) if group == HYPERVISORS else None
        if said is None and (verbs := sorted(set(plain) & self._verbs)):
            raise BrokenPlugin(f"only a hypervisor may answer {', '.join(verbs)}; use wrapper=True to wrap")
        self._manager.register(plugin, name)
        if said is not None:
            self.types[name] = said
            if set(plain) & self._verbs != _WORDS:
                self._drivers.add(name)
        return tuple(sorted(hooks))

    def _hooks(self, plugin: object) -> dict[str, tuple[str, bool]]:
        """Each hook that the plugin implements: under which attribute, and whether it wraps."""
        hooks: dict[str, tuple[str, bool]] = {}
        for attribute in dir(plugin):
            opts = self._manager.parse_hookimpl_opts(plugin, attribute)
            if not opts:
                continue
            hook = opts["specname"] or attribute
            if hook in hooks:
                raise BrokenPlugin(f"implements {hook} twice: as {hooks[hook][0]} and as {attribute}")
            hooks[hook] = (attribute, bool(opts["wrapper"] or opts["hookwrapper"]))
        if unknown := sorted(set(hooks) - set(vars(self._manager.hook))):
            raise BrokenPlugin(f"no such hook: {', '.join(unknown)}")
        return hooks

    def _described(self, name: str, plugin: object, plain: dict[str, str]) -> HypervisorType:
        if "hypervisor" not in plain:
            raise BrokenPlugin("does not answer hypervisor")
        said = getattr(plugin, plain["hypervisor"])()
        if not isinstance(said, HypervisorType):
            raise BrokenPlugin(f"says that it is a {type(said).__name__}, not a HypervisorType")
        if said.api != API:
            raise BrokenPlugin(f"speaks API {said.api}, this vmf speaks {API}: upgrade the older of the two")
        idle = {verb for verb, any_of in OPTIONAL.items() if not said.capabilities.keys() & any_of}
        answered = set(plain) & self._verbs
        if (lacking := sorted(self._verbs - idle - answered)) and answered != _WORDS:
            raise BrokenPlugin(f"does not answer {', '.join(lacking)}")
        if undeclared := sorted(idle & answered):
            wanted = ", ".join(f"{verb} without declaring {' or '.join(OPTIONAL[verb])}" for verb in undeclared)
            raise BrokenPlugin(f"answers {wanted}")
        if said.type != name:
            raise BrokenPlugin(f"is registered as {name} and calls itself {said.type}")
        return said


def _version(entry: EntryPoint) -> str:
    return entry.dist.version if entry.dist else ""

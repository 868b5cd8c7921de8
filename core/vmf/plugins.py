"""Finding plugins, and calling them: the one typed façade over pluggy.

Each entry point is loaded by itself: a broken plugin is listed with its error and harms no other. Nothing outside
this module calls a hook.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property, partial
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import IO, Any, TypeVar

import msgspec
import pluggy
from msgspec import Struct
from msgspec.structs import replace

from vmf import hookspecs
from vmf.ads import Need, needs
from vmf.errors import HostFault, SetupError, UsageError, VmfError
from vmf.hookspecs import API, OPTIONAL, PROJECT, HypervisorType
from vmf.model import (
    Ending,
    Facts,
    Handle,
    Host,
    Image,
    Machine,
    MachineFacts,
    MachineState,
    Placement,
    Power,
    Stop,
)
from vmf.rules import Check, Objection, Rule
from vmf.state import Event

HYPERVISORS = "vmf.hypervisors"
OTHERS = "vmf.plugins"

_WORDS = frozenset({"hypervisor"})
"""The verbs of a plugin that lends vmf the words of its type, and drives nothing."""
_RULE = re.compile(r"[A-Z]+[0-9]{3}")
"""The id of a rule: the letters of its plugin, and a number."""

log = logging.getLogger(__name__)
T = TypeVar("T")


class BrokenPlugin(VmfError):
    """A plugin cannot be used; it is listed with this reason."""


class Listed(Struct, frozen=True, kw_only=True):
    """One plugin as `vmf plugins` shows it."""

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

    @classmethod
    def load(cls) -> Plugins:
        """Load every installed plugin, hypervisors first, in the order of their names."""
        plugins = cls()
        for group in (HYPERVISORS, OTHERS):
            for entry in sorted(entry_points(group=group), key=lambda entry: (entry.name, entry.value)):
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
            hint = f"install one, such as the distribution vmf-{host.type}; `vmf plugins` lists all and their errors"
            raise SetupError(f"host {host.name}: {reason}", hint=hint)
        if host.type not in self._drivers:
            raise SetupError(
                f"host {host.name}: the plugin {host.type} only knows the words of its specs, and drives no host yet",
                hint="use a host of another type; `vmf plugins` lists all",
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

    def amend(self, placement: Placement, machine: Machine) -> tuple[Machine, tuple[str, ...]]:
        """Fold every plugin's amendment over a machine, in name order; the names of those that changed it.

        Raises:
            PluginFailed: naming the plugin, if one fails or makes something that cannot be.
            Refused: if a plugin forbids the machine.
        """
        changed = []
        for name in sorted(self._answering("amend")):
            answers = self._ask(name, "amend", placement=placement, machine=machine)
            amended = _validated(name, machine, answers[0]) if answers else machine
            if amended != machine:
                changed.append(name)
            machine = amended
        return machine, tuple(changed)

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
                with _translated(f"plugin {name} failed in lint"):
                    own = [check for answer in self._ask(name, "lint") for check in answer]
                    letters = _letters(own)
                if taken := sorted(letters & owners.keys()):
                    raise BrokenPlugin(f"the letters {taken[0]} belong to the rules of {owners[taken[0]]}")
            except VmfError as error:
                log.debug("the lint rules of plugin %s", name, exc_info=True)
                log.error("the lint rules of plugin %s do not count: %s", name, error.brief)  # noqa: TRY400  # no traceback for users
            else:
                owners |= dict.fromkeys(letters, name)
                checks += (replace(check, judge=partial(_judged, name, check)) for check in own)
        return tuple(checks)

    def _answering(self, hook: str) -> list[str]:
        return [each.plugin_name for each in getattr(self._manager.hook, hook).get_hookimpls()]

    def _ask(self, name: str, hook: str, **arguments: object) -> list[Any]:
        """Ask one plugin alone, so that what it raises is known to be its own."""
        others = [plugin for other, plugin in self._manager.list_name_plugin() if other != name]
        with _translated(f"plugin {name} failed in {hook}"):
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
        idle = {verb for verb, ability in OPTIONAL.items() if ability not in said.capabilities}
        answered = set(plain) & self._verbs
        if (lacking := sorted(self._verbs - idle - answered)) and answered != _WORDS:
            raise BrokenPlugin(f"does not answer {', '.join(lacking)}")
        if undeclared := sorted(idle & answered):
            wanted = ", ".join(f"{verb} without declaring {OPTIONAL[verb]}" for verb in undeclared)
            raise BrokenPlugin(f"answers {wanted}")
        if said.api != API:
            raise BrokenPlugin(f"speaks API {said.api}, this vmf speaks {API}: upgrade the older of the two")
        if said.type != name:
            raise BrokenPlugin(f"is registered as {name} and calls itself {said.type}")
        return said


def _nobody(_done: int, _total: int) -> None:
    """Nobody wants to know how far it is."""


class Hypervisor:
    """One host through its plugin: a typed method for each verb, and the refusals.

    A verb that nobody answers, and any error that is not vmf's own, is a `HostFault`.
    """

    def __init__(
        self,
        manager: pluggy.PluginManager,
        others: list[Any],
        *,
        capabilities: Iterable[str],
        host: Host,
        folder: Path,
    ) -> None:
        self._manager = manager
        self._others = others
        self._capabilities = frozenset(capabilities)
        self.host = host
        self._connection = self._call("connect", host=host, folder=folder)

    def close(self) -> None:
        """Let go of the host; its machines stay."""
        with _translated(f"plugin {self.host.type} failed to close its connection"):
            self._connection.close()

    def probe(self, *, known: Facts | None, proof: Image | None) -> Facts:
        """See `vmf.hookspecs.probe`."""
        return self._verb("probe", Facts, known=known, proof=proof)

    def put(self, machine: str, name: str, source: Path, report: Callable[[int, int], None] = _nobody) -> str:
        """See `vmf.hookspecs.put`."""
        return self._verb("put", str, machine=machine, name=name, source=source, report=report)

    def read(self, path: Path) -> IO[bytes]:
        """See `vmf.hookspecs.read`."""
        try:
            return self._stream("read", path=path)
        except PluginFailed as error:
            if isinstance(error.__cause__, OSError):  # tells of the file, not of the plugin
                raise error.__cause__ from None
            raise

    def create(self, machine: Machine) -> Handle:
        """See `vmf.hookspecs.create`. If a wrapper fails although the machine is in being, the machine counts."""
        try:
            return self._verb("create", Handle, machine=machine)
        except PluginFailed:
            handle = Handle(host=self.host.name, machine=machine.name)
            if not _in_being(self.state(handle)):
                raise
            log.exception("a plugin failed around create; machine %s is in being", machine.name)
            return handle

    def state(self, handle: Handle) -> MachineState:
        """See `vmf.hookspecs.state`."""
        return self._verb("state", MachineState, handle=handle)

    def watch(self, notify: Callable[[str], None]) -> hookspecs.Watch:
        """See `vmf.hookspecs.watch`."""
        watch: hookspecs.Watch = self._ask("watch", notify=notify)
        return watch

    def console(self, handle: Handle, offset: int) -> bytes:
        """See `vmf.hookspecs.console`."""
        return self._verb("console", bytes, handle=handle, offset=offset)

    def shut_down(self, handle: Handle, how: Stop) -> MachineState:
        """See `vmf.hookspecs.shut_down`."""
        return self._verb("shut_down", MachineState, handle=handle, how=how)

    def fetch(self, handle: Handle, name: str) -> IO[bytes]:
        """See `vmf.hookspecs.fetch`."""
        return self._stream("fetch", handle=handle, name=name)

    def facts(self, handle: Handle) -> MachineFacts:
        """See `vmf.hookspecs.facts`."""
        return self._verb("facts", MachineFacts, handle=handle)

    def change_media(self, handle: Handle, drive: int, name: str) -> MachineState:
        """See `vmf.hookspecs.change_media`."""
        return self._verb("change_media", MachineState, handle=handle, drive=drive, name=name)

    def open_console(self, handle: Handle) -> hookspecs.Terminal:
        """See `vmf.hookspecs.open_console`."""
        terminal: hookspecs.Terminal = self._ask("open_console", handle=handle)
        return terminal

    def copy_in(self, handle: Handle, source: IO[bytes], path: str) -> int:
        """See `vmf.hookspecs.copy_in`."""
        return self._verb("copy_in", int, handle=handle, source=source, path=path)

    def copy_out(self, handle: Handle, path: str) -> IO[bytes]:
        """See `vmf.hookspecs.copy_out`."""
        return self._stream("copy_out", handle=handle, path=path)

    def destroy(self, handle: Handle) -> MachineState:
        """See `vmf.hookspecs.destroy`."""
        return self._verb("destroy", MachineState, handle=handle)

    def machines(self) -> tuple[Handle, ...]:
        """See `vmf.hookspecs.machines`."""
        return self._verb("machines", tuple)

    def _stream(self, verb: str, /, **arguments: object) -> IO[bytes]:
        stream: IO[bytes] = self._ask(verb, **arguments)
        return stream

    def _ask(self, verb: str, /, **arguments: object) -> Any:  # noqa: ANN401  # narrowed by the typed methods above
        ability = OPTIONAL.get(verb)
        if ability is not None and ability not in self._capabilities:
            raise UsageError(f"host {self.host.name}: type {self.host.type} does not have the ability {ability}")
        return self._call(verb, connection=self._connection, host=self.host, **arguments)

    def _verb(self, verb: str, answer: type[T], /, **arguments: object) -> T:
        result = self._ask(verb, **arguments)
        if not isinstance(result, answer):
            raise PluginFailed(f"plugin {self.host.type} answered {verb} with {type(result).__name__}")
        return result

    def _call(self, verb: str, /, **arguments: object) -> Any:  # noqa: ANN401  # narrowed by the typed methods above
        with _translated(f"a plugin failed in {verb}"):
            result = self._manager.subset_hook_caller(verb, self._others)(**arguments)
        if result is None:
            raise PluginFailed(f"plugin {self.host.type} did not answer {verb}")
        return result


class PluginFailed(HostFault):
    """A plugin broke the rules of the seam, or raised what is not vmf's."""

    def __init__(self, brief: str) -> None:
        super().__init__(brief, hint="`vmf plugins` lists all plugins; the job's log has the traceback")


@contextmanager
def _translated(what: str) -> Iterator[None]:
    """Let vmf's own errors pass; turn any other into `PluginFailed`."""
    try:
        yield
    except VmfError:
        raise
    except Exception as error:
        raise PluginFailed(f"{what}: {type(error).__name__}: {error}") from error


def _letters(checks: Sequence[object]) -> set[str]:
    """The letters of the rules that checks are of, each of which has an id of its own."""
    rules: dict[str, Rule] = {}
    for check in checks:
        if not isinstance(check, Check) or not issubclass(check.kind, Struct):
            raise BrokenPlugin(f"{check!r:.100} is no check of a job, a host or an image")
        rule = check.rule
        if not _RULE.fullmatch(rule.id):
            raise BrokenPlugin(f"{rule.id!r} is no id: write capital letters and three digits, such as SITE201")
        if rules.setdefault(rule.id, rule) != rule:
            raise BrokenPlugin(f"{rule.id} is the id of two rules")
    return {each.rstrip("0123456789") for each in rules}


def _judged(plugin: str, check: Check[T], value: T) -> tuple[Objection, ...]:
    """What a plugin's check has against a value: nothing if it fails, which is logged."""
    try:
        found: tuple[Any, ...] = tuple(check.judge(value))
        if strays := [each for each in found if not isinstance(each, Objection)]:
            raise TypeError(f"{strays[0]!r:.100} is no Objection")  # noqa: TRY301  # as if the check had raised it
    except Exception as error:  # third-party code: it must not keep other rules from judging
        log.debug("plugin %s, rule %s", plugin, check.rule.id, exc_info=True)
        log.error("plugin %s failed in rule %s: %s: %s", plugin, check.rule.id, type(error).__name__, error)  # noqa: TRY400  # no traceback for users
        return ()
    return found


def _in_being(state: MachineState) -> bool:
    """Whether the machine has been started; one that was only defined is off, and nobody knows why."""
    return state.power in {Power.RUNNING, Power.PAUSED} or state.ending not in {None, Ending.UNKNOWN}


def _version(entry: EntryPoint) -> str:
    return entry.dist.version if entry.dist else ""


def _validated(plugin: str, machine: Machine, amended: object) -> Machine:
    """The amended machine, checked as strictly as one that was read; its name is how it is found again, so it stays."""
    try:
        valid = msgspec.convert(msgspec.to_builtins(amended), Machine)
    except (msgspec.ValidationError, TypeError) as error:
        raise PluginFailed(f"plugin {plugin} amended the machine to something that cannot be: {error}") from error
    if valid.name != machine.name:
        raise PluginFailed(f"plugin {plugin} renamed machine {machine.name} to {valid.name}")
    return valid

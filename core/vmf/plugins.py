"""Finding plugins, and calling them: the one typed façade over pluggy.

Each entry point is loaded by itself: a broken plugin is listed with its error and harms no other. Nothing outside
this module calls a hook.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import IO, Any, TypeVar

import msgspec
import pluggy
from msgspec import Struct

from vmf import hookspecs
from vmf.errors import HostFault, SetupError, VmfError
from vmf.hookspecs import API, PROJECT, HypervisorType
from vmf.model import Facts, Handle, Host, Image, Machine, MachineState, Placement, Power, Stop
from vmf.state import Event

HYPERVISORS = "vmf.hypervisors"
OTHERS = "vmf.plugins"

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

    @classmethod
    def load(cls) -> Plugins:
        """Load every installed plugin, hypervisors first, in the order of their names."""
        plugins = cls()
        for group in (HYPERVISORS, OTHERS):
            for entry in sorted(entry_points(group=group), key=lambda entry: entry.name):
                plugins.add(group, entry.name, entry.load, version=_version(entry))
        return plugins

    def add(self, group: str, name: str, load: Callable[[], object], *, version: str = "") -> None:
        """Load and register one plugin; whatever goes wrong is listed, never raised."""
        try:
            hooks = self._register(group, name, load())
        except Exception as error:  # third-party code: anything it raises is its listing
            log.debug("plugin %s is broken", name, exc_info=True)
            reason = str(error) if isinstance(error, BrokenPlugin) else f"{type(error).__name__}: {error}"
            self.listed.append(Listed(name=name, group=group, version=version, error=reason))
        else:
            self.listed.append(Listed(name=name, group=group, version=version, hooks=hooks))

    def connect(self, host: Host, folder: Path) -> Hypervisor:
        """Open the façade of one host.

        Raises:
            SetupError: if no usable plugin has the host's type.
            HostLost: if the host does not answer.
        """
        if host.type not in self.types:
            broken = [each.error for each in self.listed if each.name == host.type and each.error]
            reason = f"its plugin is broken: {broken[0]}" if broken else f"no plugin is installed for {host.type!r}"
            raise SetupError(f"host {host.name}: {reason}", hint="`vmf plugins` lists all plugins and their errors")
        others = [self._manager.get_plugin(name) for name in self.types if name != host.type]
        return Hypervisor(self._manager, others, host=host, folder=folder)

    def amend(self, placement: Placement, machine: Machine) -> tuple[Machine, tuple[str, ...]]:
        """Fold every plugin's amendment over a machine, in name order; the names of those that changed it."""
        changed = []
        for name, plugin in sorted(self._manager.list_name_plugin()):
            others = [each for each in self._manager.get_plugins() if each is not plugin]
            for amended in self._manager.subset_hook_caller("amend", others)(placement=placement, machine=machine):
                machine = _validated(name, amended)
                changed.append(name)
        return machine, tuple(changed)

    def tell(self, job: str, event: Event) -> None:
        """Tell every observer; what one raises is logged and dropped."""
        for name, plugin in self._manager.list_name_plugin():
            others = [each for each in self._manager.get_plugins() if each is not plugin]
            try:
                self._manager.subset_hook_caller("event", others)(job=job, event=event)
            except Exception:
                log.exception("plugin %s failed to observe %s", name, type(event).__name__)

    def _is_verb(self, name: str) -> bool:
        spec = self._manager.parse_hookspec_opts(hookspecs, name)
        return spec is not None and bool(spec["firstresult"])

    def _register(self, group: str, name: str, plugin: object) -> tuple[str, ...]:
        hooks = {each: opts for each in dir(plugin) if (opts := self._manager.parse_hookimpl_opts(plugin, each))}
        if unknown := sorted(set(hooks) - {each.name for each in self._hook_callers()}):
            raise BrokenPlugin(f"no such hook: {', '.join(unknown)}")
        plain = {each for each, opts in hooks.items() if not (opts["wrapper"] or opts["hookwrapper"])}
        if group == HYPERVISORS:
            self._check_hypervisor(name, plugin, plain)
        elif verbs := sorted(plain & self._verbs):
            raise BrokenPlugin(f"only a hypervisor may answer {', '.join(verbs)}; use wrapper=True to wrap")
        self._manager.register(plugin, name)
        if group == HYPERVISORS:
            self.types[name] = plugin.hypervisor()  # type: ignore[attr-defined]  # checked above
        return tuple(sorted(hooks))

    def _check_hypervisor(self, name: str, plugin: Any, plain: set[str]) -> None:  # noqa: ANN401  # a plugin is any object
        if name in self.types:
            raise BrokenPlugin(f"type {name} is already taken by another plugin")
        if lacking := sorted(self._verbs - plain):
            raise BrokenPlugin(f"does not answer {', '.join(lacking)}")
        said = plugin.hypervisor()
        if said.api != API:
            raise BrokenPlugin(f"speaks API {said.api}, this vmf speaks {API}: upgrade the older of the two")
        if said.type != name:
            raise BrokenPlugin(f"is registered as {name} and calls itself {said.type}")

    def _hook_callers(self) -> Iterable[pluggy.HookCaller]:
        return (each for each in vars(self._manager.hook).values() if isinstance(each, pluggy.HookCaller))


class Hypervisor:
    """One host through its plugin: a typed method for each verb, and the refusals.

    A verb that nobody answers, and any error that is not vmf's own, is a `HostFault`.
    """

    def __init__(self, manager: pluggy.PluginManager, others: list[Any], *, host: Host, folder: Path) -> None:
        self._manager = manager
        self._others = others
        self.host = host
        self._connection = self._call("connect", host=host, folder=folder)

    def close(self) -> None:
        """Let go of the host; its machines stay."""
        self._connection.close()

    def probe(self, *, known: Facts | None, proof: Image | None) -> Facts:
        """See `vmf.hookspecs.probe`."""
        return self._verb("probe", Facts, known=known, proof=proof)

    def put(self, machine: str, name: str, source: Path) -> str:
        """See `vmf.hookspecs.put`."""
        return self._verb("put", str, machine=machine, name=name, source=source)

    def create(self, machine: Machine) -> Handle:
        """See `vmf.hookspecs.create`. If a wrapper fails although the machine is in being, the machine counts."""
        try:
            return self._verb("create", Handle, machine=machine)
        except PluginFailed:
            handle = Handle(host=self.host.name, machine=machine.name)
            if self.state(handle).power in {Power.ABSENT, Power.UNKNOWN}:
                raise
            log.exception("a plugin failed around create; machine %s is in being", machine.name)
            return handle

    def state(self, handle: Handle) -> MachineState:
        """See `vmf.hookspecs.state`."""
        return self._verb("state", MachineState, handle=handle)

    def watch(self, notify: Callable[[str], None]) -> hookspecs.Watch:
        """See `vmf.hookspecs.watch`."""
        watch: hookspecs.Watch = self._call("watch", connection=self._connection, host=self.host, notify=notify)
        return watch

    def console(self, handle: Handle, offset: int) -> bytes:
        """See `vmf.hookspecs.console`."""
        return self._verb("console", bytes, handle=handle, offset=offset)

    def shut_down(self, handle: Handle, how: Stop) -> MachineState:
        """See `vmf.hookspecs.shut_down`."""
        return self._verb("shut_down", MachineState, handle=handle, how=how)

    def fetch(self, handle: Handle, name: str) -> IO[bytes]:
        """See `vmf.hookspecs.fetch`."""
        stream: IO[bytes] = self._call("fetch", connection=self._connection, host=self.host, handle=handle, name=name)
        return stream

    def destroy(self, handle: Handle) -> MachineState:
        """See `vmf.hookspecs.destroy`."""
        return self._verb("destroy", MachineState, handle=handle)

    def machines(self) -> tuple[Handle, ...]:
        """See `vmf.hookspecs.machines`."""
        return self._verb("machines", tuple)

    def _verb(self, verb: str, answer: type[T], /, **arguments: object) -> T:
        result = self._call(verb, connection=self._connection, host=self.host, **arguments)
        if not isinstance(result, answer):
            raise PluginFailed(f"plugin {self.host.type} answered {verb} with {type(result).__name__}")
        return result

    def _call(self, verb: str, /, **arguments: object) -> Any:  # noqa: ANN401  # narrowed by the typed methods above
        try:
            result = self._manager.subset_hook_caller(verb, self._others)(**arguments)
        except VmfError:
            raise
        except Exception as error:
            raise PluginFailed(f"a plugin failed in {verb}: {type(error).__name__}: {error}") from error
        if result is None:
            raise PluginFailed(f"plugin {self.host.type} did not answer {verb}")
        return result


class PluginFailed(HostFault):
    """A plugin broke the rules of the seam, or raised what is not vmf's."""


def _version(entry: EntryPoint) -> str:
    return entry.dist.version if entry.dist else ""


def _validated(plugin: str, machine: object) -> Machine:
    """The amended machine, checked as strictly as one that was read."""
    try:
        return msgspec.convert(msgspec.to_builtins(machine), Machine)
    except (msgspec.ValidationError, TypeError) as error:
        raise PluginFailed(f"plugin {plugin} amended the machine to something that cannot be: {error}") from error

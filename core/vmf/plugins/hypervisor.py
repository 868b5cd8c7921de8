"""One host through its plugin: the façade that the engine calls."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import IO, Any, TypeVar

import pluggy

from vmf import hookspecs
from vmf.ads import has
from vmf.errors import UsageError
from vmf.hookspecs import OPTIONAL, SUSPENDS, Report, unreported
from vmf.model import (
    Ending,
    Facts,
    Handle,
    Host,
    Image,
    Imprint,
    Machine,
    MachineFacts,
    MachineState,
    Power,
    Snapshot,
    Stop,
    Suspend,
)
from vmf.plugins.failures import PluginFailed, translated

log = logging.getLogger(__name__)
T = TypeVar("T")


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
        with translated(f"plugin {self.host.type} failed to close its connection"):
            self._connection.close()

    def probe(self, *, known: Facts | None, proof: Image | None) -> Facts:
        """See `vmf.hookspecs.probe`."""
        return self._verb("probe", Facts, known=known, proof=proof)

    def put(self, machine: str, name: str, source: Path, report: Report = unreported) -> str:
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

    def examine(self, handle: Handle) -> MachineState:
        """See `vmf.hookspecs.examine`."""
        return self._verb("examine", MachineState, handle=handle)

    def set_clock(self, handle: Handle) -> MachineState:
        """Have the guest's clock show the host's time, by its agent."""
        return self._verb("set_clock", MachineState, handle=handle)

    def shut_down(self, handle: Handle, how: Stop) -> MachineState:
        """See `vmf.hookspecs.shut_down`."""
        return self._verb("shut_down", MachineState, handle=handle, how=how)

    def fetch(self, handle: Handle, name: str, report: Report = unreported) -> IO[bytes]:
        """See `vmf.hookspecs.fetch`."""
        return self._stream("fetch", handle=handle, name=name, report=report)

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

    def execute(self, handle: Handle, command: Sequence[str]) -> hookspecs.Execution:
        """See `vmf.hookspecs.execute`."""
        execution: hookspecs.Execution = self._ask("execute", handle=handle, command=command)
        return execution

    def suspend(self, handle: Handle, how: Suspend) -> MachineState:
        """See `vmf.hookspecs.suspend`."""
        self._need(SUSPENDS[how])
        return self._verb("suspend", MachineState, handle=handle, how=how)

    def resume(self, handle: Handle) -> MachineState:
        """See `vmf.hookspecs.resume`."""
        return self._verb("resume", MachineState, handle=handle)

    def checkpoint(self, handle: Handle, number: int, report: Report = unreported) -> Snapshot:
        """See `vmf.hookspecs.checkpoint`."""
        return self._verb("checkpoint", Snapshot, handle=handle, number=number, report=report)

    def fold(self, handle: Handle) -> MachineState:
        """See `vmf.hookspecs.fold`."""
        return self._verb("fold", MachineState, handle=handle)

    def imprint(self, handle: Handle) -> Imprint:
        """See `vmf.hookspecs.imprint`."""
        return self._verb("imprint", Imprint, handle=handle)

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
        if verb in OPTIONAL:
            self._need(*OPTIONAL[verb])
        return self._call(verb, connection=self._connection, host=self.host, **arguments)

    def _need(self, *abilities: str) -> None:
        """Refuse what a type that has none of these abilities cannot do."""
        if not self._capabilities.intersection(abilities):
            raise UsageError(
                f"host {self.host.name}: type {self.host.type} does not have the ability {' or '.join(abilities)}",
                hint=f"let the job ask for a host that has it: `requirements: {has(abilities[0])}`",
            )

    def _verb(self, verb: str, answer: type[T], /, **arguments: object) -> T:
        result = self._ask(verb, **arguments)
        if not isinstance(result, answer):
            raise PluginFailed(f"plugin {self.host.type} answered {verb} with {type(result).__name__}")
        return result

    def _call(self, verb: str, /, **arguments: object) -> Any:  # noqa: ANN401  # narrowed by the typed methods above
        with translated(f"a plugin failed in {verb}"):
            result = self._manager.subset_hook_caller(verb, self._others)(**arguments)
        if result is None:
            raise PluginFailed(f"plugin {self.host.type} did not answer {verb}")
        return result


def _in_being(state: MachineState) -> bool:
    """Whether the machine has been started; one that was only defined is off, and nobody knows why."""
    return state.power in {Power.RUNNING, Power.PAUSED, Power.SAVED} or state.ending not in {None, Ending.UNKNOWN}

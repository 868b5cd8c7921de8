"""What is asked of a vSphere API, and what it answers: the one module that knows VMware's library."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final
from xml.parsers.expat import ExpatError

from pyVmomi import VmomiSupport, vmodl
from pyVmomi.SoapAdapter import SoapStubAdapter

from vmf.errors import HostLost
from vmf_vmware.data import Data, Kind, Ref, Value
from vmf_vmware.faults import VimFault
from vmf_vmware.tls import SECONDS, Server

ROOT: Final = Ref("ServiceInstance", "ServiceInstance")
"""The object from which all others are found."""
OLDEST: Final = (6, 5)
"""The oldest API that vmf speaks; a newer host understands it, too."""
REBOOTS: Final = (8, 0, 0, 1)
"""The API from which on a machine can be told to be off instead of starting again."""
_VERSIONS: Final[Mapping[tuple[int, ...], str]] = {REBOOTS: "vim.version.v8_0_0_1", OLDEST: "vim.version.version11"}
"""The versions of the API that are spoken, the newest first, with the library's names."""
_STUB: Any = SoapStubAdapter
_TYPES: Any = VmomiSupport
"""Of the library's own functions none says what it takes."""
_NAMESPACE: Final = "urn:vim25"
_IDLE_SECONDS: Final = 30
"""So long a connection may lie idle: who uses an older one might find that the host has closed it."""
_GARBLED: Final = (ExpatError, LookupError, AttributeError)
"""What the library raises of an answer that it does not understand."""


class Wire:
    """Connections to an API, which any thread may use.

    What is asked raises `VimFault` if the host answers with a fault, `Dropped` if it does not answer.
    """

    def __init__(self, server: Server, version: tuple[int, ...] = OLDEST) -> None:
        """Speak the newest version of the API that a host of this one understands."""
        spoken = next((each for each in _VERSIONS if version >= each), OLDEST)
        self.version = spoken
        self._server = server
        self._is_closed = False
        self._stub = _STUB(
            host=server.address,
            port=server.port,
            version=_VERSIONS[spoken],
            sslContext=server.context,
            httpConnectionTimeout=SECONDS,
            connectionPoolTimeout=_IDLE_SECONDS,
        )

    @property
    def cookie(self) -> str:
        """What tells the host whose session it is, as a header of HTTP."""
        return str(self._stub.cookie).partition(";")[0]

    def forget(self) -> None:
        """Be nobody again: who is logged in cannot log in."""
        self._stub.SetSessionId(None)

    def close(self) -> None:
        """Let go of the connections; one that is still waited for, once its answer is there."""
        self._is_closed = True
        self._stub.DropConnections()

    def ask(self, ref: Ref, method: str, arguments: Mapping[str, Value]) -> Value:
        """Have a managed object do something; arguments and answer are plain data."""
        target = self._object(ref)
        given = {name: self._theirs(value) for name, value in arguments.items() if value is not None}
        with self._server.telling():
            try:
                return plain(getattr(target, method)(**given))
            except vmodl.MethodFault as fault:
                raise told(fault) from None
            except _GARBLED as error:
                hint = "check `address:` and `port:` of the host's spec"
                raise HostLost(f"{self._server} does not answer as vSphere does: {error}", hint=hint) from error
            finally:
                if self._is_closed:
                    self._stub.DropConnections()

    def _object(self, ref: Ref) -> Any:  # noqa: ANN401  # the library makes its types as it is asked for them
        return _TYPES.GetWsdlType(_NAMESPACE, ref.kind)(ref.id, self._stub)

    def _theirs(self, value: Value) -> Any:  # noqa: ANN401  # as above
        match value:
            case Ref():
                return self._object(value)
            case Kind():
                return _TYPES.GetWsdlType(_NAMESPACE, value.name)
            case Data():
                given = {name: self._theirs(each) for name, each in value.fields.items()}
                try:
                    return _TYPES.GetWsdlType(_NAMESPACE, value.type)(**given)
                except (KeyError, AttributeError, TypeError) as error:
                    raise AssertionError(f"{value.type} is not made of {sorted(given)}: {error}") from error
            case tuple() | list():
                return [self._theirs(each) for each in value]
            case _:
                return value


def plain(value: Any) -> Value:  # noqa: ANN401  # the library makes its types as it is asked for them
    """An answer of the library's as plain data; what is not set is left out, and a fault is a `VimFault`."""
    for kind, turned in _TURNED:
        if isinstance(value, kind):
            return turned(value)
    return value if value is None else str(value)  # an enumeration's word, or a type's


def told(fault: Any) -> VimFault:  # noqa: ANN401  # as above
    """A fault of the library's, with all that it is a kind of."""
    names = tuple(each._wsdlName for each in type(fault).__mro__ if hasattr(each, "_wsdlName"))  # noqa: SLF001  # as above
    return VimFault(names, fault.msg or "", _fields(fault))


def _fields(value: Any) -> Data:  # noqa: ANN401  # as above
    names = (each.name for each in value._GetPropertyList())  # noqa: SLF001  # as above
    found = {name: plain(getattr(value, name)) for name in names}
    return Data(value._wsdlName, {name: each for name, each in found.items() if each is not None and each != ()})  # noqa: SLF001  # as above


def _itself(value: Value) -> Value:
    return value


_TURNED: Final[tuple[tuple[type[Any] | tuple[type[Any], ...], Callable[[Any], Value]], ...]] = (
    (VmomiSupport.ManagedObject, lambda value: Ref(value._wsdlName, value._moId)),  # noqa: SLF001  # the library has no other way
    (vmodl.MethodFault, told),
    (VmomiSupport.DataObject, _fields),
    (list, lambda value: tuple(map(plain, value))),
    (datetime, lambda value: value.astimezone(UTC)),
    ((bool, int, float, bytes), _itself),
)
"""What becomes of a type of the library's, or of Python's; the first that fits."""

"""What names mean in the expressions of one spec: whose attribute each is, of which type, and which may be meant."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from functools import cache, cached_property
from types import MappingProxyType
from typing import Final

from vmf.ads import abilities, has
from vmf.ads.tables import ENDED, HOST, KEPT, tree
from vmf.ads.tables import JOB as JOB_TABLE
from vmf.classad import ClassAdSyntaxError, Node, Scalar, fold
from vmf.classad.functions import EAGER, LAZY
from vmf.classad.scope import VALUES
from vmf.classad.tree import Binary, Call, Parentheses, Unary
from vmf.classad.values import Error, Undefined
from vmf.lint import htcondor_names
from vmf.match.reading import scoped
from vmf.model import Host, Job

LOGIC: Final = frozenset({"&&", "||"})
ORDER: Final = frozenset({"<", "<=", ">", ">="})
EQUALITY: Final = frozenset({"==", "!="})
IDENTITY: Final = frozenset({"=?=", "=!="})
COMPARISONS: Final = ORDER | EQUALITY | IDENTITY
ARITHMETIC: Final = frozenset({"+", "-", "*", "/", "%"})


class Vocabulary:
    """The names that the expressions of a spec can use.

    Attributes:
        kind: whose expressions they are: a job's, or a host's.
        complete: whether all that the other side can have is known.
    """

    def __init__(
        self,
        kind: type[Job | Host],
        *,
        own: Mapping[str, str],
        published: Collection[str] = (),
        others: Collection[str] | None = None,
    ) -> None:
        """Gather the names.

        Args:
            kind: `Job` or `Host`.
            own: the spec's own `attributes`: expressions by name.
            published: names that its ad has once its steps are done.
            others: names that the other side has besides those of vmf's own tables; None: they are not known.
        """
        self.kind = kind
        self.complete = others is not None
        self._own = {fold(name): text for name, text in own.items()}
        self._tables = {"my": spelt(kind), "target": spelt(Job if kind is Host else Host)}
        self._names = {
            "my": self._tables["my"] | {fold(name): name for name in (*published, *own)},
            "target": self._tables["target"] | {fold(name): name for name in others or ()},
        }

    @property
    def noun(self) -> str:
        """What the other side is called."""
        return "job" if self.kind is Host else "host"

    def names(self, side: str) -> Mapping[str, str]:
        """The attributes of a side, `my` or `target`: folded, and as they are written."""
        return self._names[side]

    def is_known(self, scope: str, name: str) -> bool:
        """Whether an ad where the name is looked up is known to have it, or may well have it."""
        return any(name in self._names[side] for side in _SIDES[scope]) or (
            self._may_be_probed(scope, name) and not self.near(scope, name)
        )

    def is_vmfs(self, scope: str, name: str) -> bool:
        """Whether it is an attribute that vmf itself gives an ad."""
        return name not in self._own and any(name in self._tables[side] for side in _SIDES[scope])

    def is_of_htcondor(self, scope: str, name: str) -> bool:
        """Whether HTCondor has such an attribute where the name is looked up."""
        return any(name in _FOREIGN[self._kind(side)] for side in _SIDES[scope])

    def near(self, scope: str, name: str) -> str:
        """The attribute that may be meant by a name that nobody has, scoped if it lies elsewhere; else empty."""
        for side in _SIDES[scope]:
            if found := self._typos[side].get(name):
                return found
        if scope == "target" and name in self._tables["my"]:  # what a spec adds itself, others may have, too
            return f"MY.{self._tables['my'][name]}"
        return f"TARGET.{self._names['target'][name]}" if scope == "my" and name in self._names["target"] else ""

    def home(self, scope: str, name: str) -> str:
        """Where a name is looked up: `my` or `target`; empty, if that depends on what the ads have."""
        if scope or name not in self._names["my"]:
            return scope or ("" if self._may_be_probed("my", name) else "target")
        return "my" if name in self._own or name in ALWAYS else ""

    def value(self, scope: str, name: str) -> Scalar | None:
        """What an attribute of this very spec says, if that is a plain value."""
        if self.home(scope, name) != "my" or name not in self._own:
            return None
        try:
            value = tree(self._own[name])
        except ClassAdSyntaxError:
            return None
        return value if isinstance(value, VALUES) else None

    def type_of(self, node: Node) -> type | None:
        """What a tree is whenever it is defined and no error: `bool`, `int`, `float`, `str`; None if that is unknown.

        Sums and their like are `float`, though they may be whole, or times, which go together with texts no better.
        """
        match bare(node):
            case bool() | int() | float() | str() as value:
                return type(value)
            case Unary(operator=operator) | Binary(operator=operator):
                return bool if operator in _TRUTHS else None if operator == "?:" else float
            case Call(function=function):
                return _ANSWERS.get(fold(function))
            case plain:
                return self.type_of_attribute(*found) if (found := scoped(plain)) else None

    def type_of_attribute(self, scope: str, name: str) -> type | None:
        """The same of an attribute."""
        home = self.home(scope, name)
        if home == "my" and name in self._own:
            value = self.value(scope, name)
            return None if value is None or isinstance(value, Undefined | Error) else type(value)
        return TYPES.get(name) if home and name in self._tables[home] else None

    def _kind(self, side: str) -> type[Job | Host]:
        return self.kind if side == "my" else Job if self.kind is Host else Host

    def _may_be_probed(self, scope: str, name: str) -> bool:
        """Whether it looks like a version that a probe finds, or an ability that a plugin declares."""
        found = name.startswith("has") or name.endswith("version")
        return found and name not in htcondor_names.MACHINE and any(self._kind(side) is Host for side in _SIDES[scope])

    @cached_property
    def _typos(self) -> Mapping[str, Typos]:
        return {side: Typos(names) for side, names in self._names.items()}


class Typos:
    """Finds the name that is one slip away: a letter too few, too many, wrong, or two that changed places.

    Underscores and case do not count. Digits are no slip, for `Disk2` is not meant for `Disk`; nor is a wrong letter
    in a short name, for `Rack` is not meant for `Rank`.
    """

    def __init__(self, names: Mapping[str, str]) -> None:
        self._spelt = {_plain(folded): written for folded, written in names.items()}
        self._near = {slip: plain for plain in self._spelt for slip in _slips(plain)}

    def get(self, name: str) -> str:
        """The name that may be meant; empty if there is none."""
        plain = _plain(name)
        near = (self._near[slip] for slip in _slips(plain) if slip in self._near)
        return next((self._spelt[each] for each in near if _is_likely(plain, each)), "")


def _plain(folded: str) -> str:
    return folded.replace("_", "")


def _slips(plain: str) -> Iterator[str]:
    """A name, and all that it is without one of its letters: names that share one of these are a slip apart."""
    if len(plain) <= _LONGEST:
        yield plain
        if len(plain) >= _SHORTEST:
            yield from (plain[:at] + plain[at + 1 :] for at, letter in enumerate(plain) if not letter.isdigit())


def _is_likely(plain: str, near: str) -> bool:
    return len(plain) > _SHORT or len(plain) != len(near) or sorted(plain) == sorted(near)


def bare(node: Node) -> Node:
    """A tree without the parentheses around it."""
    while isinstance(node, Parentheses):
        node = node.inner
    return node


@cache
def spelt(kind: type[Job | Host]) -> dict[str, str]:
    """The attributes that vmf itself gives an ad: folded, and as they are written."""
    if kind is Job:
        names: Iterable[str] = (each.name for table in (JOB_TABLE, KEPT, ENDED) for each in table)
    else:
        names = (*(each.name for each in HOST), *map(has, (*abilities(Job), *abilities(Host))))
    return {fold(name): name for name in (*names, "Requirements", "Rank")}


@cache
def functions() -> Typos:
    """The functions of the language, by what may be written for them."""
    return Typos({name: name for name in (*EAGER, *LAZY)})


def _words(text: str) -> list[str]:
    return [fold(word) for word in text.split()]


TYPES: Final[Mapping[str, type]] = MappingProxyType(
    dict.fromkeys(
        _words(
            "Cpus Memory TotalCpus TotalMemory Disk VM_Disk_Growth VM_Memory VM_Cpus VM_AvailNum VM_Running "
            "JobUniverse JobVMMemory RequestMemory JobVM_VCPUS RequestCpus RequestDisk JobVMDiskGrowth JobPrio "
            "ExitCode VMOfflineTime"
        ),
        int,
    )
    | dict.fromkeys(
        _words(
            "MyType Name Machine Arch VM_Type VM_Accelerator VM_Hypervisor_Version VM_Cpu_Vendor VM_Networking_Types "
            "VM_All_Guest_Macs VM_Folders VM_Writable_Folders VM_Actions VM_Image_Folders VM_Foreign_Files "
            "JobName JobVMType JobVMTypes JobImage JobVMFiles JobVMHostFiles JobVMFolders JobVMWritableFolders "
            "JobVMActions JobVMNetworkingType JobVM_MACADDR JobOutcome HoldReason HoldReasonCode JobVMCheckpointType "
            "JobVMCheckpointAccelerator JobVMCheckpointVersion JobVMCheckpointVendor VMOfflineReason"
        ),
        str,
    )
    | dict.fromkeys(
        _words(
            "HasVM VM_Local VM_Networking JobVMNetworking JobVMCheckpoint JobVMLocalDisks JobVMGuestAtEnd "
            "JobVMAgentAtEnd"
        ),
        bool,
    )
)
"""What type the attributes of vmf's own tables have, by folded name; those that are missing may have any."""
ALWAYS: Final = frozenset(
    _words(
        "MyType Name Machine Arch Cpus Memory TotalCpus TotalMemory HasVM VM_Local VM_Type VM_Memory VM_Cpus "
        "VM_AvailNum VM_Running VM_Accelerator VM_Networking VM_Networking_Types VM_Folders VM_Writable_Folders "
        "VM_Actions JobName JobUniverse JobVMMemory RequestMemory JobVM_VCPUS RequestCpus JobVMDiskGrowth"
    )
)
"""Those that no ad of their kind is without."""

_TRUTHS: Final = COMPARISONS | LOGIC | {"!"}
"""Operators that answer true or false."""
_SIDES: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {"my": ("my",), "target": ("target",), "": ("my", "target")}
)
_FOREIGN: Final[Mapping[type, frozenset[str]]] = MappingProxyType(
    {Job: htcondor_names.JOB, Host: htcondor_names.MACHINE}
)
_ANSWERS: Final[Mapping[str, type]] = MappingProxyType(
    dict.fromkeys(
        _words(
            "isUndefined isError isBoolean isInteger isReal isString isAbsTime isRelTime isList isClassAd bool member "
            "identicalMember anyCompare allCompare regexp regexpMember stringList_regexpMember stringListMember "
            "stringListIMember stringListSubsetMatch stringListISubsetMatch stringListsIntersect versionLE versionLT "
            "versionGE versionGT versionEQ version_in_range"
        ),
        bool,
    )
    | dict.fromkeys(_words("int floor ceil ceiling round size strcmp stricmp versioncmp stringListSize time"), int)
    | dict.fromkeys(_words("string strcat join toUpper toLower substr formatTime regexps replace replaceall"), str)
)
"""What type functions answer with."""
_SHORTEST: Final = 4
_SHORT: Final = 5
_LONGEST: Final = 40
"""Letters of a name: a shorter one has lost none of them, a short one is much like others, a longer one is no slip."""

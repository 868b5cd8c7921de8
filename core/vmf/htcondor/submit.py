"""Submit descriptions: a file to the commands of each of its processes."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Callable, Mapping
from pathlib import Path, PurePosixPath

from msgspec import Struct

from vmf.htcondor.language import Interpreter
from vmf.htcondor.macros import CLUSTER, Macros
from vmf.htcondor.queueing import PROCESSES_MOST, processes
from vmf.htcondor.table import Given
from vmf.htcondor.words import Word
from vmf.spec.faults import Faults, Place, Source

_COMMANDS_MOST = 500_000
"""Commands of all processes together."""


class Process(Given, frozen=True, kw_only=True):
    """The commands of one process, by their names in lower case; attributes begin with `my.`."""

    queue: Word
    """The statement that asks for it."""
    folder: Path
    """Where the submit description is: what its paths are relative to."""
    origin: str = ""
    """The way to that folder from the folder of the spec."""

    def path(self, text: str) -> str:
        """A path of this computer as the spec names it; none is that of the folder for its files."""
        start = self.get("initialdir", "initial_dir", "iwd", "job_iwd")
        return str(PurePosixPath(self.origin, start.text if start else "", text))


class Submission(Struct, frozen=True, kw_only=True):
    """All that a submit description asks for."""

    processes: tuple[Process, ...]
    others: Mapping[str, Word]
    """What is assigned beside the commands that are carried over, as it was at the end."""


def read_submission(
    path: Path, carried: Callable[[str], bool], *, origin: str, macros: Macros, faults: Faults
) -> Submission:
    """Read a submit description with all that it includes.

    Args:
        path: the file.
        carried: whether a name, in lower case, is that of a command that is carried over.
        origin: the way to the file's folder from the folder of the spec.
        macros: spells macros out, and remembers what there is to say of them.
        faults: takes what is wrong with it.
    """
    interpreter = Interpreter(macros, faults)
    found: list[Process] = []
    total = 0
    for queue in interpreter.run(path):
        texts = interpreter.texts
        commands = {name: word for name, word in interpreter.words.items() if carried(name)}
        with faults:
            for variables in processes(queue, interpreter):
                values = ChainMap({**variables, **_numbers(len(found))}, texts)
                words = {name: macros.expand(word, values) for name, word in commands.items()}
                total += len(words)
                if len(found) == PROCESSES_MOST or total > _COMMANDS_MOST:
                    found.clear()  # so that nobody judges what is too much
                    what = f"more than {PROCESSES_MOST} processes, or {_COMMANDS_MOST} commands of all of them"
                    raise queue.word.wrong(what, "split the submit description")
                found.append(Process(queue=queue.word, words=words, folder=path.parent, origin=origin))
    if not found and not faults.each:
        whole = Word(name="queue", text="", place=Place(source=Source(where=str(path))))
        faults.add(whole.fault("no process is asked for", "end the file with `queue`"))
    others = {name: word for name, word in interpreter.words.items() if not carried(name)}
    for word in others.values():
        macros.mention(word)
    return Submission(processes=tuple(found), others=others)


def _numbers(process: int) -> Mapping[str, str]:
    number = str(process)
    return {"cluster": CLUSTER, "clusterid": CLUSTER, "process": number, "procid": number, "node": "", "dollar": "$"}

"""Configuration files: a file to what its names are worth in the end, spelt out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from vmf.htcondor.language import Interpreter
from vmf.htcondor.macros import Macros
from vmf.htcondor.table import Given
from vmf.htcondor.words import Word
from vmf.spec.faults import Faults

ATTRIBUTES = ("startd_attrs", "startd_exprs")
"""The knobs that list attributes."""


class Configuration(Given, frozen=True, kw_only=True):
    """The knobs of one machine, by their names in lower case."""

    unspelt: tuple[Word, ...]
    """Those that would be, but name what the file does not define."""
    others: Mapping[str, Word]
    """What is assigned beside them."""


def read_configuration(path: Path, carried: Callable[[str], bool], *, macros: Macros, faults: Faults) -> Configuration:
    """Read a configuration file with all that it includes; arguments as for `read_submission`."""
    interpreter = Interpreter(macros, faults)
    for queue in interpreter.run(path):
        faults.add(queue.word.fault("a queue statement in a configuration", "say --kind job if it is a job's"))
    texts, listed = interpreter.texts, _listed(interpreter)
    wanted = {name: word for name, word in interpreter.words.items() if carried(name) or name in listed}
    words, unspelt = {}, []
    for name, word in wanted.items():
        with faults:
            spelt = macros.expand(word, texts)
            if "$(" in spelt.text:
                unspelt.append(spelt)
            else:
                words[name] = spelt
    others = {name: word for name, word in interpreter.words.items() if name not in wanted}
    for word in others.values():
        macros.mention(word)
    return Configuration(words=words, unspelt=tuple(unspelt), others=others)


def _listed(interpreter: Interpreter) -> frozenset[str]:
    """The attributes that the machine's ad is to have."""
    words = (interpreter.words.get(name) for name in ATTRIBUTES)
    return frozenset(item.lower() for word in words if word for item in word.text.replace(",", " ").split())

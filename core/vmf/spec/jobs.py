"""Job files: documents of kind Job, several to a file, several files to a call, several runs to a document."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial, reduce
from itertools import islice
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from vmf.errors import Fault
from vmf.model import Boot, Disk, File, Image, Job
from vmf.result import RESERVED
from vmf.rules import Check
from vmf.spec import nodes, refusals
from vmf.spec.attributes import own_attributes
from vmf.spec.changes import Change, apply_change, parse_change
from vmf.spec.contradictions import ERRORS
from vmf.spec.documents import Draft, Names, Shape, draft, each_document, shape
from vmf.spec.faults import Faults, shown
from vmf.spec.files import reading
from vmf.spec.given import Given
from vmf.spec.image import Shelves, blaming, read_image
from vmf.spec.nodes import Node, Scalar, find
from vmf.spec.queue import RUNS_MOST, runs
from vmf.spec.read import Custom, read, read_path, type_info
from vmf.spec.versions import today

_NAME = ("metadata", "name")
_QUEUE = ("spec", "queue")


class JobWords(Struct, frozen=True, kw_only=True):
    """What job files are read with."""

    images: Path
    """The warehouse."""
    settings: Mapping[str, type[Struct]] = MappingProxyType({})
    """Hypervisor type to the struct that reads the block of that name."""
    inspect: Callable[[Image], None] = lambda _: None
    """Looks into the files of an image and raises `JobFault`, which is told where the image is named."""
    appliance: Callable[[Path], tuple[Disk, ...]] = lambda _: ()
    """Finds the disks of an appliance (OVA); raises `JobFault`, as above."""
    checks: tuple[Check[Any], ...] = ()
    """More rules that nobody can run with, beside contradictions: whether the files that a job names can be used."""

    @property
    def shape(self) -> Shape[Job]:
        """How a job's document is built."""
        return shape(Job, types=self.settings)


def load_jobs(
    paths: Sequence[Path], words: JobWords, *, changes: Sequence[str] = (), remark: Callable[[Fault], None]
) -> tuple[Job, ...]:
    """Read every job of every file.

    Args:
        paths: job files; images and other paths in them are relative to their folders.
        words: what they are read with.
        changes: `KEY=VALUE`, made to every job before it is read.
        remark: is told what is worth knowing and keeps nobody from anything.

    Raises:
        SpecError: with all faults of all files.
    """
    faults = Faults()
    made = tuple(_parsed(changes, faults))
    names = Names()
    jobs = []
    for path, node in each_document(paths, faults):
        document, note = today(node)
        if note:
            remark(note)
        for each in drafts(document, path, words, changes=made, faults=faults):
            with faults:  # so that a name given twice hides nothing else
                names.claim(each.node)
            with faults:
                jobs.append(each.settle((*ERRORS, *words.checks)))
    faults.settle()
    return tuple(jobs)


def drafts(
    document: Node,
    path: Path,
    words: JobWords,
    *,
    changes: Sequence[Change] = (),
    faults: Faults,
    most: int = RUNS_MOST,
) -> Iterator[Draft[Job]]:
    """Every run of a document of today as far as it can be read.

    Args:
        document: of kind Job.
        path: its file.
        words: what it is read with.
        changes: made to the document, and again to its runs: the command line has the last word.
        faults: takes what is wrong with the queue or a change.
        most: so many runs, if there are more.
    """
    wanted, custom = words.shape, _reading(path.parent, words)
    with faults:
        document = reduce(apply_change, changes, document)
        last = tuple(change for change in changes if change.keys != _NAME and change.keys[:2] != _QUEUE)
        for run in islice(runs(document, path.parent, faults), most):
            node = reduce(apply_change, last, run)
            yield draft(node, wanted, custom=custom, checks=(_reserved, _ATTRIBUTES))


def _reading(folder: Path, words: JobWords) -> Custom:
    """How to read a job's files, each looked into where it is named."""
    files = reading(folder)
    shelves = Shelves(beside=folder, images=words.images, appliance=words.appliance)
    known: dict[str, Image] = {}

    def image(given: Given) -> Image:
        name = given.text("an image")
        if name not in known:  # a queue's runs mostly share theirs
            known[name] = _inspected(given, words, read_image(shelves, given))
        return known[name]

    def disk(given: Given) -> Disk:
        found: Disk = files[Disk](given)
        _inspected(given.at("file"), words, Image(name="disk", disks=(found,)))
        return found

    def boot(given: Given) -> Boot:
        found: Boot = read(given, type_info(Boot), files)
        kernel = found.kernel if isinstance(found.kernel, File) else None
        for name, file in (("kernel", kernel), ("initrd", found.initrd)):
            _inspected(given.at(name), words, replace(Image(name=name), **{name: file}))
        return found

    return {**files, Image: image, Disk: disk, Boot: boot, Path: partial(read_path, Path.cwd())}


def _inspected(given: Given, words: JobWords, image: Image) -> Image:
    with blaming(given):
        words.inspect(_here(image))
    return image


def _here(image: Image) -> Image:
    """What of an image is on this computer; of the rest only its host can tell."""
    kernel, initrd = (file if file and not file.on_host else None for file in (image.kernel, image.initrd))
    return replace(image, kernel=kernel, initrd=initrd, disks=tuple(d for d in image.disks if not d.file.on_host))


def _parsed(changes: Sequence[str], faults: Faults) -> Iterator[Change]:
    for text in changes:
        with faults:
            yield parse_change(text)


def _reserved(document: Node) -> Iterator[Fault]:
    taken = {(name,) for name in RESERVED}
    files = find(document, "spec", "results", "files")
    for item in files.items if isinstance(files, nodes.Sequence) else ():
        if isinstance(item, Scalar) and PurePosixPath(item.text).parts[:1] in taken:
            what = (
                f"spec.results.files: {shown(item.text)} is a name that vmf and the guest contract keep for themselves"
            )
            yield item.place.fault(what, hint="give the file another name", rule=refusals.RESERVED)


_ATTRIBUTES = own_attributes(Job)

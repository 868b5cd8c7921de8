"""Job files: documents of kind Job, several to a file, several files to a call."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial, reduce
from pathlib import Path, PurePosixPath

from vmf.errors import Fault, JobFault
from vmf.model import Image, Job
from vmf.spec import nodes
from vmf.spec.attributes import own_attributes
from vmf.spec.changes import Change, apply_change, parse_change
from vmf.spec.documents import Names, each_document, read_document, shape
from vmf.spec.faults import Faults, shown
from vmf.spec.image import Shelves, read_image
from vmf.spec.nodes import Node, Scalar, find
from vmf.spec.read import Custom, Given, read_path

_JOB = shape(Job)
_ATTRIBUTES = own_attributes(Job)
_RESERVED = frozenset({("exit-code",), ("vmf-end",)})


def _as_named(_image: Image) -> None:
    """Look no further."""


def load_jobs(
    paths: Sequence[Path], *, changes: Sequence[str], images: Path, inspect: Callable[[Image], None] = _as_named
) -> tuple[Job, ...]:
    """Read every job of every file.

    Args:
        paths: job files; images and other paths in them are relative to their folders.
        changes: `KEY=VALUE`, made to every job before it is read.
        images: the warehouse.
        inspect: looks into the files of an image and raises `JobFault`, which is told where the image is named.

    Raises:
        SpecError: with all faults of all files.
    """
    faults = Faults()
    made = tuple(_parsed(changes, faults))
    names = Names()
    jobs = []
    for path, node in each_document(paths, faults):
        shelves = Shelves(beside=path.parent, images=images)
        custom: Custom = {Image: partial(_inspected, shelves, inspect), Path: partial(read_path, Path.cwd())}
        with faults:
            document = reduce(apply_change, made, node)
            with faults:  # so that a name given twice hides nothing else
                names.claim(document)
            jobs.append(read_document(document, _JOB, custom=custom, checks=(_reserved, _ATTRIBUTES)))
    faults.settle()
    return tuple(jobs)


def _inspected(shelves: Shelves, inspect: Callable[[Image], None], given: Given) -> Image:
    image = read_image(shelves, given)
    try:
        inspect(image)
    except JobFault as fault:
        raise given.wrong(fault.brief, hint=fault.hint) from fault
    return image


def _parsed(changes: Sequence[str], faults: Faults) -> Iterator[Change]:
    for text in changes:
        with faults:
            yield parse_change(text)


def _reserved(document: Node) -> Iterator[Fault]:
    files = find(document, "spec", "results", "files")
    for item in files.items if isinstance(files, nodes.Sequence) else ():
        if isinstance(item, Scalar) and PurePosixPath(item.text).parts[:1] in _RESERVED:
            what = f"spec.results.files: {shown(item.text)} is a name that the guest contract keeps for itself"
            yield item.place.fault(what, hint="give the file another name")

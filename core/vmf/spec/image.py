"""What a job's `image:` names: a folder, a description, a disk's file, or an image in the warehouse.

Only names are looked at here; what is inside a disk is judged by the warehouse.
"""

from __future__ import annotations

import re
import stat
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from types import MappingProxyType

from msgspec import Struct

from vmf.errors import Fault
from vmf.model import NAME, TINY, Disk, DiskFormat, File, Image
from vmf.spec import nodes
from vmf.spec.documents import read_document, shape
from vmf.spec.faults import Faults, Place, Source, shown, suggestion
from vmf.spec.nodes import Node, find, scalar
from vmf.spec.read import Custom, Given, read_path

_IMAGE = shape(Image)
_DESCRIPTION = ".image.yaml"
_FORMATS = MappingProxyType({".qcow2": DiskFormat.QCOW2, ".raw": DiskFormat.RAW, ".img": DiskFormat.RAW})
_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9._-]")
_NAME_LIMIT = 63
_LISTED = 8
_PATH_SHOWN = 1000


class Shelves(Struct, frozen=True, kw_only=True):
    """Where images are looked for: beside the spec, then in the warehouse."""

    beside: Path
    images: Path


def load_image(reference: str, *, beside: Path, images: Path) -> Image:
    """Read the image that a reference names.

    Args:
        reference: a path relative to `beside`, or the name of a folder in `images`.
        beside: the folder of the spec that holds the reference.
        images: the warehouse.

    Raises:
        SpecError: with all that is wrong; faults in the image's own file have their place there.
    """
    node = scalar(reference, Place(source=Source(where="")), plain=False)
    return read_image(Shelves(beside=beside, images=images), Given(name="image", node=node))


def read_image(shelves: Shelves, given: Given) -> Image:
    """Read the image that a spec names; see `load_image`."""
    path = _located(shelves, given)
    if path.is_dir():
        path = _description(given, path)
    if path.name.endswith(_DESCRIPTION):
        return _described(path)
    return _single_disk(given, path)


def _located(shelves: Shelves, given: Given) -> Path:
    reference = given.text("an image")
    places = [shelves.beside / reference] if reference else []
    if re.fullmatch(NAME, reference):
        places.append(shelves.images / reference)
    looked = []
    for place in (each.absolute() for each in places):
        problem = _problem(place)
        if not problem:
            return place
        looked.append(f"{_shown_path(place)} ({problem})")
    hints = [f"looked at {' and '.join(looked)}" if looked else "name one"]
    if names := _names(shelves.images):
        hints.append(suggestion(reference, names))
    if reference == TINY:
        hints.append(f"`vmf image build {TINY}` builds it")
    raise given.wrong(f"there is no image {shown(reference)}", hint="; ".join(hints))


def _problem(path: Path) -> str:
    """Why nothing can be read at a path; nothing if a file or folder is there."""
    try:
        mode = path.stat().st_mode
    except OSError as error:
        return (error.strerror or "unreadable").lower()
    return "" if stat.S_ISREG(mode) or stat.S_ISDIR(mode) else "neither a file nor a folder"


def _shown_path(path: Path) -> str:
    return shown(path, width=_PATH_SHOWN)


def _names(images: Path) -> list[str]:
    try:
        return sorted(each.name for each in images.iterdir() if each.is_dir())
    except OSError:
        return []


def _description(given: Given, folder: Path) -> Path:
    try:
        found = sorted(each.name for each in folder.iterdir() if each.name.endswith(_DESCRIPTION))
    except OSError as error:
        reason = (error.strerror or "unreadable").lower()
        raise given.wrong(f"the folder {_shown_path(folder)} cannot be read: {reason}", hint="chmod u+rx it") from None
    if len(found) != 1:
        what = f"the folder {_shown_path(folder)} holds {len(found)} descriptions (*{_DESCRIPTION}), not one"
        names = ", ".join(shown(name) for name in found[:_LISTED])
        raise given.wrong(
            what, hint=f"name one of them: {names}" if found else f"describe the image in NAME{_DESCRIPTION}"
        )
    return folder / found[0]


def _described(path: Path) -> Image:
    custom: Custom = {Path: partial(_existing, path.parent)}
    faults = Faults()
    images = []
    with faults:
        for number, node in enumerate(nodes.documents(path)):
            with faults:
                if number:
                    raise node.place.wrong("a second document", hint="describe each image in a file of its own")
                images.append(read_document(node, _IMAGE, custom=custom, checks=(_bootable,)))
    faults.settle()
    return images[0]


def _existing(folder: Path, given: Given) -> Path:
    path = read_path(folder, given)
    problem = _problem(path) or ("this is a folder" if path.is_dir() else "")
    if problem:
        raise given.wrong(f"{_shown_path(path)}: {problem}", hint=f"paths are relative to {_shown_path(folder)}")
    return path


def _single_disk(given: Given, path: Path) -> Image:
    layout = _FORMATS.get(path.suffix.lower())
    if layout is None:
        what = f"the format of {shown(path.name)} cannot be told by its name"
        hint = f"describe it in a file NAME{_DESCRIPTION}; a single disk ends with {', '.join(_FORMATS)}"
        raise given.wrong(what, hint=hint)
    name = _NOT_IN_NAMES.sub("-", path.stem).lstrip("._-")[:_NAME_LIMIT] or "disk"
    return Image(name=name, disks=(Disk(file=File(path=path), format=layout),))


def _bootable(document: Node) -> Iterator[Fault]:
    spec = find(document, "spec")
    kernel, initrd, disks = (find(document, "spec", key) for key in ("kernel", "initrd", "disks"))
    diskless = disks is None or (isinstance(disks, nodes.Sequence) and not disks.items)
    if isinstance(spec, nodes.Mapping) and kernel is None and diskless:
        yield spec.place.fault("spec: the image has nothing to boot from", hint="add `kernel:` or `disks:`")
    if initrd is not None and kernel is None:
        yield initrd.place.fault("spec.initrd: an initrd needs a kernel", hint="add `kernel:`")

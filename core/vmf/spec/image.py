"""What a job's `image:` names: a folder, a description, a disk's file, an appliance, or an image in the warehouse.

Only names are looked at here; what is inside a disk or an appliance is for others to say.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import MappingProxyType

from msgspec import Struct
from msgspec.structs import replace

from vmf.errors import HoldCode, JobFault, SpecError
from vmf.model import FORMATS, NAME, TINY, Disk, File, Hardware, Image
from vmf.rules import Rule
from vmf.spec import nodes, refusals
from vmf.spec.contradictions import ERRORS
from vmf.spec.documents import Draft, draft, fields, shape
from vmf.spec.faults import PATH_SHOWN, Faults, Place, Source, shown, suggestion
from vmf.spec.files import APPLIANCE, absence, reading
from vmf.spec.given import Given
from vmf.spec.nodes import Node, scalar
from vmf.steps.graph import composed

_DESCRIPTION = ".image.yaml"
_FROM = ("spec", "from")
_STEPS = ("spec", "steps")
_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9._-]")
_NAME_LIMIT = 63
_LISTED = 8
_RULES = MappingProxyType({
    HoldCode.IMAGE_INVALID: refusals.BAD_IMAGE,
    HoldCode.IMAGE_UNREADABLE: refusals.UNREADABLE_IMAGE,
})  # fmt: skip


class Shelves(Struct, frozen=True, kw_only=True):
    """Where images are looked for: beside the spec, then in the warehouse."""

    beside: Path
    images: Path
    appliance: Callable[[Path], tuple[Disk, ...]] = lambda _: ()
    """Finds the disks of an appliance (OVA); raises `JobFault`."""


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
    return read_image(Shelves(beside=beside, images=images), Given(keys=("image",), node=node))


def read_image(shelves: Shelves, given: Given, above: tuple[Path, ...] = ()) -> Image:
    """Read the image that a spec names; see `load_image`. `above`: the descriptions that begin with it."""
    path = _located(shelves, given)
    if path.is_dir():
        path = _description(given, path)
    if path in above:
        what = f"{_shown_path(path)} begins with itself: {' ← '.join(each.name for each in (*above, path))}"
        raise given.wrong(what, hint="let one of them begin with something else", rule=refusals.NO_IMAGE)
    if path.name.endswith(_DESCRIPTION):
        return _described(path, replace(shelves, beside=path.parent), above)
    return _bare(shelves, given, path)


def _located(shelves: Shelves, given: Given) -> Path:
    reference = given.text("an image")
    places = [shelves.beside / reference] if reference else []
    if re.fullmatch(NAME, reference):
        places.append(shelves.images / reference)
    looked = []
    for place in (each.absolute() for each in places):
        problem = absence(place)
        if not problem:
            return place
        looked.append(f"{_shown_path(place)} ({problem})")
    hints = [f"looked at {' and '.join(looked)}" if looked else "name one"]
    if names := _names(shelves.images):
        hints.append(suggestion(reference, names))
    if reference == TINY:
        hints.append(f"`vmf image build {TINY}` builds it")
    elif _missing(reference) is refusals.NOT_IN_WAREHOUSE:
        hints.append(f"one that steps have made is found by its description: name that, as {reference}{_DESCRIPTION}")
    raise given.wrong(f"there is no image {shown(reference)}", hint="; ".join(hints), rule=_missing(reference))


def _missing(reference: str) -> Rule:
    return refusals.NOT_IN_WAREHOUSE if re.fullmatch(NAME, reference) and "." not in reference else refusals.NO_IMAGE


def _shown_path(path: Path) -> str:
    return shown(path, width=PATH_SHOWN)


def _names(images: Path) -> list[str]:
    try:
        return sorted(each.name for each in images.iterdir() if each.is_dir() and not each.name.startswith("."))
    except OSError:
        return []


def _description(given: Given, folder: Path) -> Path:
    try:
        found = sorted(each.name for each in folder.iterdir() if each.name.endswith(_DESCRIPTION))
    except OSError as error:
        reason = (error.strerror or "unreadable").lower()
        raise given.wrong(
            f"the folder {_shown_path(folder)} cannot be read: {reason}", hint="chmod u+rx it", rule=refusals.NO_IMAGE
        ) from None
    if len(found) != 1:
        what = f"the folder {_shown_path(folder)} holds {len(found)} descriptions (*{_DESCRIPTION}), not one"
        names = ", ".join(shown(name) for name in found[:_LISTED])
        hint = f"name one of them: {names}" if found else f"describe the image in NAME{_DESCRIPTION}"
        raise given.wrong(what, hint=hint, rule=refusals.NO_IMAGE)
    return folder / found[0]


def _described(path: Path, shelves: Shelves, above: tuple[Path, ...]) -> Image:
    faults = Faults()
    images = []
    with faults:
        for number, node in enumerate(nodes.documents(path)):
            with faults:
                if number:
                    hint = "describe each image in a file of its own"
                    raise node.place.wrong("a second document", hint=hint, rule=refusals.KIND)
                images.append(image_draft(node, path, shelves, above).settle(ERRORS))
    faults.settle()
    return images[0]


def image_draft(document: Node, path: Path, shelves: Shelves, above: tuple[Path, ...] = ()) -> Draft[Image]:
    """The document of an image's description as far as it can be read, upon the image that it begins with.

    Args:
        document: of kind Image.
        path: its file.
        shelves: where that other image is looked for.
        above: the descriptions that begin with this one.
    """
    files = reading(path.parent)
    image = draft(document, shape(Image), custom={**files, File: partial(_single, files[File])})
    base = nodes.find(document, *_FROM)
    if image.value is None or base is None or image.value.download or image.value.blank:
        return image
    try:
        begun = read_image(shelves, Given(keys=_FROM, node=base), (*above, path.absolute()))
    except SpecError as error:
        return replace(image, faults=(*image.faults, *error.faults), spoilt=image.spoilt | {_FROM})
    return replace(image, value=_upon(begun, image.value, document))


def _upon(begun: Image, image: Image, document: Node) -> Image:
    """An image, as its document has it, that begins with another: what it does not say of the machine is as there."""
    unsaid = (each for each in fields(Hardware) if nodes.find(document, "spec", "hardware", each.encode_name) is None)
    return replace(
        image,
        base=None,
        kernel=image.kernel or begun.kernel,
        initrd=image.initrd or (begun.initrd if image.kernel is None else None),
        kernel_parameters=image.kernel_parameters or begun.kernel_parameters,
        disks=(*begun.disks, *image.disks),
        download=begun.download,
        blank=begun.blank,
        cloud_init=image.cloud_init or begun.cloud_init,
        hardware=replace(image.hardware, **{each.name: getattr(begun.hardware, each.name) for each in unsaid}),
        earlier=composed(begun.earlier, begun.steps),
    )


def _single(read_file: Callable[[Given], File], given: Given) -> File:
    """A file, which may be a folder only if a step puts it in."""
    file = read_file(given)
    if given.keys[:2] != _STEPS and not file.on_host and file.path.is_dir():
        raise given.wrong(
            f"{_shown_path(file.path)}: this is a folder", hint="name the file inside it", rule=refusals.NO_FILE
        )
    return file


def _bare(shelves: Shelves, given: Given, path: Path) -> Image:
    """The image that is a file without a description."""
    name = _NOT_IN_NAMES.sub("-", path.stem).lstrip("._-")[:_NAME_LIMIT] or "disk"
    suffix = path.suffix.lower()
    if suffix == APPLIANCE:
        with blaming(given):
            return Image(name=name, disks=shelves.appliance(path))
    layout = FORMATS.get(suffix)
    if layout is None:
        what = f"the format of {shown(path.name)} cannot be told by its name"
        ends = f"a single disk ends with {', '.join(FORMATS)}, an appliance with {APPLIANCE}"
        hint = f"describe it in a file NAME{_DESCRIPTION}; {ends}"
        raise given.wrong(what, hint=hint, rule=refusals.UNTOLD_FORMAT)
    return Image(name=name, disks=(Disk(file=File(path=path), format=layout),))


@contextmanager
def blaming(given: Given) -> Iterator[None]:
    """Tell what a look into files has found where these are named."""
    try:
        yield
    except JobFault as fault:
        raise given.wrong(fault.brief, hint=fault.hint, rule=_RULES.get(fault.code, refusals.NO_IMAGE)) from fault

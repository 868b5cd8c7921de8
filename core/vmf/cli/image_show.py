"""`vmf image show`: one image, whole."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping

import msgspec
from msgspec import Struct

from vmf.cli.history import clock
from vmf.cli.printed import show, table
from vmf.cli.session import Session, add_format
from vmf.cli.shelves import jobs_on, named, short, warehouse
from vmf.model import Disk, Golden, GoldenDisk, Image, Shelved
from vmf.units import format_count, format_duration, format_size
from vmf.warehouse.collecting import Stocked, children
from vmf.warehouse.shelf import Warehouse


class Shown(Struct, frozen=True, kw_only=True):
    """All that is known of a golden image."""

    golden: Golden
    size: int
    """Bytes that its own files take on the disk."""
    used: float
    """When it was last used, in seconds since 1970."""
    held: bool
    """Whether somebody uses it now, or builds upon it."""
    needed_by: tuple[str, ...]
    """The ids of the golden images that lie on it."""
    jobs: tuple[str, ...]
    """The names of this user's jobs that need it."""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the words of `vmf image show`."""
    parser.add_argument("image", metavar="IMAGE", help="a name, the id of a golden image, or its beginning")
    add_format(parser)


def act(options: argparse.Namespace) -> int:
    """Show it."""
    session = Session(options)
    folders = {each.name: each for each in named(session.home.images)}
    if options.image in folders:
        return _show_named(_loaded(session, options.image), options.format)
    shelf = warehouse(session)
    shown = _shown(session, shelf, shelf.named(options.image))
    show(msgspec.json.encode(shown).decode() if options.format == "json" else "\n".join(_lines(shown)))
    return 0


def _loaded(session: Session, name: str) -> Image:
    from vmf import spec  # noqa: PLC0415  # YAML is slow to import, and golden images have none

    folder = session.home.images / name
    return spec.load_image(str(folder), beside=folder, images=session.home.images)


def _show_named(image: Image, form: str) -> int:
    if form == "json":
        print(msgspec.json.encode(image, enc_hook=str).decode())
        return 0
    show("\n".join((f"image {image.name}", *_facts(_booted(image)))))
    return 0


def _booted(image: Image) -> Mapping[str, str]:
    disks = {f"disk {number}": _disk(disk) for number, disk in enumerate(image.disks)}
    files = {"kernel": str(image.kernel or ""), "initrd": str(image.initrd or "")}
    return {**files, "parameters": image.kernel_parameters, **disks}


def _disk(disk: Disk) -> str:
    return f"{disk.file} ({disk.layout})"


def _shown(session: Session, shelf: Warehouse, id_: str) -> Shown:
    stocked = {each.golden.id: each for each in shelf.stocked()}
    found = stocked.get(id_) or Stocked(golden=shelf.golden(id_), size=0, used=0)  # the latter says what is wrong
    above = children(each.golden for each in stocked.values())
    return Shown(
        golden=found.golden,
        size=found.size,
        used=found.used,
        held=shelf.folders.is_held(id_),
        needed_by=tuple(sorted(above.get(id_, ()))),
        jobs=jobs_on(session, shelf).get(id_, ()),
    )


def _lines(shown: Shown) -> Iterator[str]:
    golden = shown.golden
    yield f"golden image {golden.id}, of {golden.name}"
    yield from _facts(
        {
            "made": f"{clock(golden.made)} by vmf {golden.vmf}",
            "used": f"{clock(shown.used)}{', and now' if shown.held else ''}",
            "size": f"{format_size(shown.size)}, without what it lies on",
            "begins with": golden.start,
            "runs on": _hardware(golden),
            "kernel": _file(golden.kernel) if golden.kernel else "",
            "initrd": _file(golden.initrd) if golden.initrd else "",
            "parameters": golden.kernel_parameters,
            **{f"disk {number}": _chain(disk) for number, disk in enumerate(golden.disks)},
            "memory": _file(golden.memory.memory) if golden.memory else "",
            "lies on": ", ".join(map(short, sorted(golden.parents))),
            "needed by": ", ".join(map(short, shown.needed_by)),
            "jobs": ", ".join(shown.jobs),
        }
    )
    yield ""
    yield from _steps(golden)
    if golden.attributes:
        yield ""
        yield from table(("ATTRIBUTE", "VALUE"), sorted(golden.attributes.items()))


def _facts(facts: Mapping[str, str]) -> Iterator[str]:
    told = {name: value for name, value in facts.items() if value}
    width = max(map(len, told), default=0)
    return (f"  {name.ljust(width)}  {value}" for name, value in told.items())


def _steps(golden: Golden) -> Iterator[str]:
    if not golden.performed:
        return iter(("no step was done on it",))
    rows = (
        (each.name, format_duration(each.seconds), clock(each.at), "failed" if each.failed else "", short(each.digest))
        for each in golden.performed
    )
    return table(("STEP", "TOOK", "DONE AT", "", "DIGEST"), rows)


def _hardware(golden: Golden) -> str:
    hardware = golden.hardware
    types = f"hosts of type {', '.join(hardware.types)}" if hardware.types else "hosts of any type"
    memory = f", guests with {format_size(hardware.memory)}" if hardware.memory else ""
    cpus = f" and {format_count(hardware.cpus, 'cpu')}" if hardware.cpus else ""
    return f"{types}{memory}{cpus}"


def _chain(disk: GoldenDisk) -> str:
    """What a disk is made of, the lowest first."""
    base = (f"{disk.base.path} ({disk.base.format})",) if disk.base else ()
    return f"{format_size(disk.size)}: {' ← '.join((*base, *map(_file, disk.layers)))}"


def _file(file: Shelved) -> str:
    owner = f"{short(file.image)}/" if file.image else ""
    return f"{owner}{file.name} ({format_size(file.size)})"

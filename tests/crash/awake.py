"""Golden memory for lives whose guests wake."""

from __future__ import annotations

import io
from pathlib import Path

import msgspec

from vmf import plan
from vmf.disks import qcow2
from vmf.model import (
    Disk,
    DiskFormat,
    Draft,
    Facts,
    File,
    GoldenHardware,
    Home,
    Host,
    Image,
    Job,
    Placement,
)
from vmf.steps import grounding
from vmf.testing import fake
from vmf.testing.golden import LEFT
from vmf.testing.snapshots import PLATFORM
from vmf.warehouse import checking
from vmf.warehouse.shelf import Warehouse


def keep(home: Home, disk: Path, memory: int) -> None:
    """Have the memory in the warehouse of a machine of the fake's that was ready, with this disk."""
    home.images.mkdir(parents=True)
    image = Image(name="box", disks=(Disk(file=File(path=disk), format=DiskFormat.RAW),))
    job, host = Job(name="j", image=image, memory=memory, run=""), Host(name="farm", type="fake")
    facts = Facts(identity="", memory=memory, cpus=1, arch="", accelerator=PLATFORM.accelerator)
    placement = Placement(job=job, host=host, facts=facts, capabilities=tuple(fake.ABILITIES), reasons=())
    sum_of = checking.summing(lambda _: lambda *_: None)
    with disk.open("rb") as file:
        sums = {image.disks[0].file: sum_of(file, image.disks[0].file)}
    draft = Draft(
        name="box",
        start=grounding.start(image, sums),
        performed=(),
        hardware=GoldenHardware(memory=memory, cpus=1),
        image=image,
        platform=PLATFORM,
        equipment=plan.template(plan.blueprint(placement, "t"), "t").equipment,
    )
    layer = qcow2.empty(disk.stat().st_size, "beneath", DiskFormat.RAW)
    files = {
        "disk0": layer,
        "memory": msgspec.json.encode(LEFT["memory"]),
        "state": msgspec.json.encode(LEFT["devices"]),
    }
    Warehouse(home.images).publish(draft, {name: io.BytesIO(data) for name, data in files.items()}, sum_of=sum_of)

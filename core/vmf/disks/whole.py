"""A disk of several files of this computer, with all that is in it, as one stream of raw bytes; nothing is copied."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import IO

from vmf.disks.images import within
from vmf.disks.layered import Layered
from vmf.disks.reading import Unfit
from vmf.files.access import open_disk
from vmf.files.faults import invalid, unread
from vmf.files.nbd import open_served
from vmf.files.sparse import GRAIN
from vmf.model import Disk, File


@contextmanager
def opened(disk: Disk) -> Iterator[IO[bytes]]:
    """The stream of a disk that has been inspected.

    Raises:
        JobFault: if one of its files cannot be read, or is not what it should be; while it is read, too.
    """
    with ExitStack() as files:
        try:
            base, *layers = [files.enter_context(_opened(each)) for each in disk.files]
            layered = Layered(within(base, disk.file.part), layers, disk.layout)
            yield files.enter_context(io.BufferedReader(layered, GRAIN))
        except Unfit as unfit:
            raise invalid("disk", disk.file, str(unfit), unfit.hint) from unfit
        except OSError as error:
            raise unread("disk", disk.file, error) from error


def _opened(file: File) -> IO[bytes]:
    return open_served(file.path) if file.served else open_disk(file.path)

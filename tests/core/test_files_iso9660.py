"""A disc is known by its magic. Which names it can hold is tried in `test_files_disc.py`."""

from __future__ import annotations

import pytest

from vmf.errors import JobFault
from vmf.files import iso9660, source


@pytest.mark.parametrize(
    ("start", "fine"), [(bytes(32769) + b"CD001", True), (bytes(32769) + b"cd001", False), (b"", False)]
)
def test_an_iso_is_known_by_its_magic(tmp_path, start, fine):
    path = tmp_path / "some.iso"
    path.write_bytes(start)
    if fine:
        iso9660.inspect(source.here(path))
        return
    with pytest.raises(JobFault, match=r"some\.iso is no ISO 9660 disc"):
        iso9660.inspect(source.here(path))

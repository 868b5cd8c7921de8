"""The contract suite as `vmf plugin check` runs it: on the host and the image that it was told."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from msgspec import Struct
from msgspec.structs import replace

from vmf.model import TINY, Host, Image
from vmf.testing.bench import Guests
from vmf.testing.contract_shell import GUESTS, TINY_LACKS, ShellContract


class Bed(Struct, frozen=True, kw_only=True):
    """What the tests are run on."""

    host: Host
    image: Image
    folder: Path
    """An empty folder with a short path, which the hypervisor's user may pass."""


class TestHost(ShellContract):
    """The host that is tried."""

    @pytest.fixture(scope="class")
    @classmethod
    def bed(cls, pytestconfig: pytest.Config) -> Bed:
        """What the tests were told."""
        file = Path(pytestconfig.getoption("--vmf-bed"))
        return msgspec.json.decode(file.read_bytes(), type=Bed, dec_hook=lambda wanted, text: wanted(text))

    @pytest.fixture(scope="class")
    @classmethod
    def host(cls, bed: Bed) -> Host:
        """The host."""
        return bed.host

    @pytest.fixture(scope="class")
    @classmethod
    def image(cls, bed: Bed) -> Image:
        """The image."""
        return bed.image

    @pytest.fixture(scope="class")
    @classmethod
    def guests(cls, bed: Bed) -> Guests:
        """The scripts, less what the tiny guest cannot try if it is that one."""
        return replace(GUESTS, lacks=TINY_LACKS) if bed.image.name == TINY else GUESTS

    @pytest.fixture(scope="class")
    @classmethod
    def folder(cls, bed: Bed) -> Path:
        """Where the plugin keeps what it keeps for the host."""
        return bed.folder / "h"

    @pytest.fixture(scope="class")
    @classmethod
    def on_host(cls, bed: Bed) -> Path:
        """A folder that a hypervisor on this computer knows, too."""
        folder = bed.folder / "on-host"
        folder.mkdir(mode=0o711)
        return folder

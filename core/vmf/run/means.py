"""What an engine lends to each of its lives."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct

from vmf.blocks.shelf import Blocks
from vmf.plugins import Plugins
from vmf.run.building import Builder
from vmf.run.checksums import Checksums
from vmf.run.hosts import Hosts
from vmf.run.notices import Notice
from vmf.store import Store


class Means(Struct, frozen=True, kw_only=True):
    """What an engine lends to each of its lives."""

    hosts: Hosts
    store: Store
    plugins: Plugins
    checksums: Checksums
    builder: Builder
    blocks: Blocks
    tell: Callable[[Notice], None]

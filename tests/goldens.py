"""Golden images of made-up steps: what their disks hold, what is asked for, and what harms their files."""

from __future__ import annotations

import os

from vmf.disks import whole
from vmf.files import sparse
from vmf.model import Performed
from vmf.steps.golden import Request
from vmf.steps.graph import Graph, Node

START = "5" * 64
SIZE = 4 * 2**20


def digest(letter):
    return f"{ord(letter):064x}"


def step(letter):
    return Performed(name=letter, digest=digest(letter), seconds=2.0, at=1.0)


def sum_of(stream, file):
    """What a process knows that has never seen a file."""
    return sparse.sha256(stream, file.part, check=lambda *_: None)


def content(disk):
    with whole.opened(disk) as stream:
        return stream.read()


def expected(letters):
    data = bytearray(b"base" * (SIZE // 4))
    for letter in letters:
        at = (ord(letter) - ord("a")) * 2**17
        data[at : at + 2**16] = letter.encode() * 2**16
    return bytes(data)


def request(letters):
    """Asks for these steps, each after the one before."""
    nodes, before = [], frozenset()
    for letter in letters:
        nodes.append(Node(digest=digest(letter), name=letter, after=before))
        before = frozenset({digest(letter)})
    return Request(start=START, graph=Graph(nodes=tuple(nodes)), memory=2**28, cpus=1)


def found(warehouse, letters):
    """The steps that an image has done of these, and what is left."""
    taken = warehouse.find(request(letters), {}, sum_of=sum_of)
    if taken is None:
        return None
    with taken[0] as one:
        return "".join(each.name for each in one.golden.performed), "".join(node.name for node in taken[1])


def names(folder):
    return sorted(each.name for each in folder.iterdir())


def cut(file):
    os.truncate(file, file.stat().st_size - 2)


def spoil(file):
    with file.open("r+b") as out:
        out.seek(file.stat().st_size - 1)
        byte = out.read(1)
        out.seek(-1, os.SEEK_CUR)
        out.write(bytes([byte[0] ^ 1]))


def lead_away(file):
    file.rename(file.with_name("other"))
    file.symlink_to("other")

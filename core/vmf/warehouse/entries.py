"""What the index of golden images holds: a row for each image, and for each feature the set of images that have it.

A set is an integer with a bit for each image, by its number, and is kept packed.
"""

from __future__ import annotations

import sqlite3
import zlib
from array import array
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

from vmf.steps.golden import Candidate
from vmf.steps.planes import without
from vmf.steps.search import Unsound, features, marks, traits

VERSION = 1
FEW = 100
"""Of so many images each is looked up to find the first; of more, one comes soon among all."""
_MOST_BYTES = 2**20
"""Of a set of images."""
_MOST_IMAGES = 8 * _MOST_BYTES
_SCHEMA = (
    "CREATE TABLE images (number INTEGER PRIMARY KEY, id TEXT UNIQUE, candidate BLOB) STRICT",
    "CREATE TABLE features (feature TEXT PRIMARY KEY, images BLOB NOT NULL) STRICT",
    f"PRAGMA user_version = {VERSION}",
)
"""A number without an image is free for the next one."""


class Entries:
    """The tables of an open file; an `Index` while a transaction lasts.

    Whatever is not as it was written raises `Unsound`, or an error of SQLite's, zlib's or msgspec's.
    """

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def having(self, feature: str) -> int:
        """The images that have a feature."""
        row = self._one("SELECT images FROM features WHERE feature = ?", feature)
        if row is None:
            return 0
        unpacking = zlib.decompressobj()
        unpacked = unpacking.decompress(row[0], _MOST_BYTES)
        if not unpacking.eof:
            raise Unsound("a set of images has no end")
        return int.from_bytes(unpacked, "little")

    def first(self, images: int) -> int:
        """The number of that one of some images which has the first id."""
        first = self._first_of_few(images) if images.bit_count() <= FEW else self._first_of_many(images)
        if first is None:
            raise Unsound("it has features of images that it does not have")
        return first

    def candidate(self, image: int) -> Candidate:
        """The image of a number."""
        row = self._one("SELECT candidate FROM images WHERE number = ? AND id IS NOT NULL", image)
        if row is None:
            raise Unsound(f"it has no image of number {image}")
        return _read(row[0])

    def images(self, ids: Iterable[str]) -> int:
        """The set of the images that have these ids, as far as they are known."""
        rows = (self._one("SELECT number FROM images WHERE id = ?", id_) for id_ in ids)
        return sum(_image(number) for number in {row[0] for row in rows if row})

    def ids(self) -> frozenset[str]:
        """The ids of all images."""
        return frozenset(id_ for (id_,) in self._db.execute("SELECT id FROM images WHERE id IS NOT NULL"))

    def add(self, candidate: Candidate) -> None:
        """Take in an image whose id is not known."""
        free = self._one("SELECT number FROM images WHERE id IS NULL LIMIT 1") or (None,)
        row = (*free, candidate.id, msgspec.json.encode(candidate))
        number = self._db.execute("INSERT OR REPLACE INTO images VALUES (?, ?, ?)", row).lastrowid
        image = _image(number or 0)
        for feature in {*features(candidate)}:
            self._keep(feature, self.having(feature) | image)

    def remove(self, id_: str) -> None:
        """Forget an image, if it is known."""
        row = self._one("SELECT number, candidate FROM images WHERE id = ?", id_)
        if row is None:
            return
        image = _image(row[0])
        for feature in {*features(_read(row[1]))}:
            self._keep(feature, without(self.having(feature), image))
        self._db.execute("UPDATE images SET id = NULL, candidate = NULL WHERE number = ?", row[:1])

    def fill(self, candidates: Iterable[Candidate]) -> None:
        """Make the tables, of images of different ids; those that have a step at the same place are taken together."""
        for statement in _SCHEMA:
            self._db.execute(statement)
        own: defaultdict[str, array[int]] = defaultdict(_numbers)
        steps: defaultdict[str, defaultdict[int, array[int]]] = defaultdict(lambda: defaultdict(_numbers))
        for number, candidate in enumerate(candidates):
            row = (number, candidate.id, msgspec.json.encode(candidate))
            self._db.execute("INSERT INTO images VALUES (?, ?, ?)", row)
            for feature in traits(candidate):
                own[feature].append(number)
            for place, digest in enumerate(candidate.performed):
                steps[digest][place].append(number)
        for feature, numbers in own.items():
            self._keep(feature, _set(numbers))
        for digest, places in steps.items():
            self._fill_step(digest, places)

    def _fill_step(self, digest: str, places: Mapping[int, array[int]]) -> None:
        found: defaultdict[str, int] = defaultdict(int)
        for place, numbers in places.items():
            images = _set(numbers)
            for feature in marks(digest, place):
                found[feature] |= images
        for feature, images in found.items():
            self._keep(feature, images)

    def _keep(self, feature: str, images: int) -> None:
        row = (feature, zlib.compress(_bytes(images), zlib.Z_BEST_SPEED))
        self._db.execute("INSERT OR REPLACE INTO features VALUES (?, ?)", row)

    def _first_of_few(self, images: int) -> int | None:
        rows = (self._one("SELECT id, number FROM images WHERE number = ?", number) for number in _members(images))
        return min(((row[0], row[1]) for row in rows if row and row[0]), default=("", None))[1]

    def _first_of_many(self, images: int) -> int | None:
        rows = self._db.execute("SELECT number FROM images WHERE id IS NOT NULL ORDER BY id")
        members = _bytes(images)
        bounded = (number for (number,) in rows if 0 <= number >> 3 < len(members))
        return next((number for number in bounded if members[number >> 3] >> (number & 7) & 1), None)

    def _one(self, query: str, *arguments: object) -> tuple[Any, ...] | None:
        row: tuple[Any, ...] | None = self._db.execute(query, arguments).fetchone()
        return row


def _read(data: bytes) -> Candidate:
    return msgspec.json.decode(data, type=Candidate)


def _image(number: int) -> int:
    """The set of one image."""
    if not 0 <= number < _MOST_IMAGES:
        raise Unsound(f"it has an image of number {number}")
    return 1 << number


def _numbers() -> array[int]:
    return array("L")


def _set(numbers: array[int]) -> int:
    """The set of the images that have these numbers."""
    found = bytearray((max(numbers) >> 3) + 1)
    for number in numbers:
        found[number >> 3] |= 1 << (number & 7)
    return int.from_bytes(found, "little")


def _members(images: int) -> Iterator[int]:
    """The numbers of the images of a small set."""
    while images:
        number = images.bit_length() - 1
        yield number
        images ^= 1 << number


def _bytes(images: int) -> bytes:
    return images.to_bytes((images.bit_length() + 7) // 8, "little")

"""Numbers of many images at once, in planes: bit 2 of all the numbers is one integer, with a bit for each image.

So one operation of the processor's is done for dozens of images, and what is asked of a hundred thousand of them takes
microseconds. The lowest plane is the first; missing ones are 0. No integer is negative, which would be slow.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import zip_longest


def total(addends: Iterable[tuple[int, int]]) -> list[int]:
    """The sum for each image, of the numbers of those addends that it has.

    Args:
        addends: for each, the images that have it, and its number.
    """
    columns: list[list[int]] = []
    for images, number in addends:
        columns.extend([] for _ in range(number.bit_length() - len(columns)))
        for place, column in enumerate(columns):
            if number >> place & 1:
                column.append(images)
    place = 0
    while place < len(columns):
        carries = _added(columns[place])
        if carries:
            columns.extend([] for _ in range(place + 2 - len(columns)))
            columns[place + 1] += carries
        place += 1
    return [sum(column) for column in columns]


def _added(column: list[int]) -> list[int]:
    """Leave one plane, at most, of those that are added up at one place; the planes that are carried to the next."""
    carries = []
    while len(column) > 1:
        one, two, three = column.pop(), column.pop(), column.pop() if column else 0
        half = one ^ two
        column.append(half ^ three)
        carries.append((one & two) | (half & three))
    return [carry for carry in carries if carry]


def differing(one: Sequence[int], other: Sequence[int]) -> int:
    """The images for which two numbers are not the same."""
    found = 0
    for plane, others in zip_longest(one, other, fillvalue=0):
        found |= plane ^ others
    return found


def less(one: Sequence[int], other: Sequence[int]) -> int:
    """The images for which the first number is less than the other."""
    found = 0
    for plane, others in zip_longest(one, other, fillvalue=0):
        differ = plane ^ others
        found = without(found, differ) | (differ & others)
    return found


def greatest(images: int, numbers: Sequence[int]) -> int:
    """Those of some images that have the greatest number."""
    for plane in reversed(numbers):
        images = images & plane or images
    return images


def without(images: int, others: int) -> int:
    """The images but for some."""
    return images ^ (images & others)

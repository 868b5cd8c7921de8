"""What it costs to find the best of 100,000 golden images, against reading the definitions for each of them.

The index is a file that is opened for each search; the images that are read one by one are in memory already. Both are
seconds of a core, medians; what they find has to be the same. The shapes are those that are hard for one way or another
of searching: many orders of the same steps, none or all of which serve, long chains, nothing in common.
"""

from __future__ import annotations

import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import pairwise, permutations
from pathlib import Path

from msgspec import Struct

from vmf.steps.golden import Candidate, Request, explain, left, rank
from vmf.steps.graph import Graph, Node
from vmf.warehouse.catalogue import Catalogue

IMAGES, STEPS, LONG, ROUNDS = 100_000, 20, 500, 5
TARGET_MS = 50
START, MEMORY, CPUS = "start", 2**29, 1
CHOOSE = random.Random(1)  # noqa: S311  # every run measures the same


class Shape(Struct, frozen=True, kw_only=True):
    """Images, and what is asked of them."""

    label: str
    images: Callable[[], Iterator[Sequence[str]]]
    """The steps performed on each."""
    wanted: tuple[tuple[str, Sequence[str], Iterable[tuple[str, str]]], ...]
    """What is asked for: a label, steps, and pairs of them that come one after the other."""
    memory: Callable[[int], int | None] = lambda _: None
    """Of the image of this number."""


def names(count: int) -> list[str]:
    """Digests are as long as these, and as different."""
    return [f"{random.Random(number).getrandbits(256):064x}" for number in range(count)]  # noqa: S311  # as above


ALL = names(IMAGES)
SOME, NINE, CHAINS = ALL[:STEPS], ALL[:9], [ALL[LONG * each : LONG * (each + 1)] for each in range(20)]
SWAPPED = CHAINS[3]


def mixed(count: int) -> Iterator[Sequence[str]]:
    """Random orders of random subsets."""
    return (CHOOSE.sample(SOME, CHOOSE.randint(1, STEPS)) for _ in range(count))


def chains() -> Iterator[Sequence[str]]:
    """All beginnings of each chain, one chain whole with each two neighbours swapped, and other images."""
    yield from (chain[:length] for chain in CHAINS for length in range(LONG))
    for place in range(1, LONG):
        yield [*SWAPPED[: place - 1], SWAPPED[place], SWAPPED[place - 1], *SWAPPED[place + 1 :]]
    yield from mixed(IMAGES - LONG * len(CHAINS) - LONG + 1)


SHAPES = (
    Shape(
        label=f"orders of subsets of {STEPS} steps",
        images=lambda: mixed(IMAGES),
        wanted=(
            ("all independent", SOME, ()),
            ("all but one of them", SOME[1:], ()),
            ("in five chains", SOME, zip(SOME, SOME[5:], strict=False)),
            ("in one chain", SOME, pairwise(SOME)),
        ),
    ),
    Shape(
        label=f"orders of 10 of {STEPS} steps",
        images=lambda: (CHOOSE.sample(SOME, 10) for _ in range(IMAGES)),
        wanted=(("all independent", SOME, ()), ("each image has one too many", SOME[10:] + SOME[1:10], ())),
    ),
    Shape(
        label="orders of 9 steps",
        images=lambda: iter(CHOOSE.sample([*permutations(NINE)][1:], IMAGES)),
        wanted=(
            ("in two chains", NINE, zip(NINE, NINE[2:], strict=False)),
            ("in the one chain that is missing", NINE, pairwise(NINE)),
        ),
    ),
    Shape(
        label=f"chains of {LONG} steps",
        images=chains,
        wanted=(
            ("one of them", CHAINS[7], pairwise(CHAINS[7])),
            ("independent", CHAINS[7], ()),
            (f"{LONG - 1} whole ones, each with another two steps swapped", SWAPPED, pairwise(SWAPPED)),
        ),
    ),
    Shape(
        label="a different first step each",
        images=lambda: ([each, SOME[0]] for each in ALL),
        wanted=(("one of them", [ALL[-1], *SOME], ()), (f"{LONG} of them", ALL[:LONG], ())),
    ),
    Shape(
        label="a guest of different memory each",
        images=lambda: mixed(IMAGES),
        wanted=(("independent", SOME, ()),),
        memory=lambda number: MEMORY + number,
    ),
)


def main() -> None:
    """Measure and print."""
    for shape in SHAPES:
        images = [_image(number, steps, shape) for number, steps in enumerate(shape.images())]
        with tempfile.TemporaryDirectory(prefix="vmf") as folder:
            catalogue = Catalogue(Path(folder) / "catalogue")
            seconds = _cpu(lambda: catalogue.rebuild(images))  # noqa: B023  # called at once
            size = catalogue.path.stat().st_size / 2**20
            print(f"{len(images):,} images: {shape.label} (an index of {size:.0f} MiB, made in {seconds:.1f} s)")
            for label, steps, pairs in shape.wanted:
                _print_search(label, _request(steps, pairs), catalogue, images)


def _print_search(label: str, wanted: Request, catalogue: Catalogue, images: Sequence[Candidate]) -> None:
    for known in ("nobody measured", "measured"):
        takes = (
            {} if known == "nobody measured" else {node.digest: CHOOSE.random() * 600 for node in wanted.graph.nodes}
        )
        found = catalogue.search(wanted, takes)
        ours = statistics.median(_cpu(lambda: catalogue.search(wanted, takes)) for _ in range(ROUNDS))  # noqa: B023
        began = time.process_time()
        fit = (each for each in images if explain(wanted, each) is None)
        best = min(fit, key=lambda each: rank(wanted, each, takes), default=None)
        theirs = time.process_time() - began
        if found != (None if best is None else (best, left(wanted, best))):
            sys.exit("the search and the definitions disagree")
        done = "none serves" if best is None else f"{len(best.performed)} of {len(wanted.graph.nodes)} steps done"
        print(
            f"  {label}, {known}: {theirs / ours:,.0f} x faster than one by one "
            f"({1000 * ours:.1f} ms, target <= {TARGET_MS} ms; {1000 * theirs:,.0f} ms; {done})"
        )


def _cpu(call: Callable[[], object]) -> float:
    began = time.process_time()
    call()
    return time.process_time() - began


def _image(number: int, performed: Sequence[str], shape: Shape) -> Candidate:
    return Candidate(id=ALL[number], start=START, performed=tuple(performed), memory=shape.memory(number))


def _request(steps: Sequence[str], pairs: Iterable[tuple[str, str]]) -> Request:
    after: dict[str, set[str]] = {each: set() for each in steps}
    for before, each in pairs:
        after[each].add(before)
    nodes = tuple(Node(digest=each, name=each[:8], after=frozenset(after[each])) for each in steps)
    return Request(start=START, graph=Graph(nodes=nodes), memory=MEMORY, cpus=CPUS)


if __name__ == "__main__":
    main()

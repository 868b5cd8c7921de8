"""What the golden files have is looked at by somebody; write them anew by running this file."""

from __future__ import annotations

import re
from collections import defaultdict
from itertools import combinations, pairwise
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from shelf import graph
from vmf.steps.drawing import DRAWINGS, dot, svg, text
from vmf.steps.graph import Graph, Node
from vmf.steps.lanes import MOST_STEPS
from vmf.steps.layers import layered
from vmf.steps.picture import WIDEST

GOLDEN = Path(__file__).with_name("golden")
SUFFIXES = {"text": "txt", "dot": "dot", "svg": "svg"}
SITE = {
    "base": "",
    "locale": "base",
    "users": "base",
    "ssh": "users",
    "nginx": "base",
    "site": "nginx",
    "certs": "base",
    "tls": "certs site",
    "mount-data": "users",
    "database": "base",
    "schema": "database mount-data",
    "check": "tls schema ssh locale",
    "a-name-that-is-longer-than-any-box": "check",
    "the-end": "base check",
}
HOSTILE = '"];\\ <script>alert(1)</script> & \x1b[2J \n \u202e'
SVG = "{http://www.w3.org/2000/svg}"


def named(after, hosts=()):
    nodes = (
        Node(digest=each, name=each, after=frozenset(word.split()), on_host=each in hosts)
        for each, word in after.items()
    )
    return Graph(nodes=tuple(nodes))


EXAMPLES = {
    "slide": (graph({"A": "", "B": "A", "C": "B", "D": "B"}), frozenset("AB")),
    "site": (named(SITE, {"mount-data"}), frozenset(("base", "locale", "users", "nginx"))),
}


@pytest.mark.parametrize("name", EXAMPLES)
@pytest.mark.parametrize("kind", DRAWINGS)
def test_a_drawing_is_as_in_its_golden_file(name, kind):
    assert DRAWINGS[kind](*EXAMPLES[name]) == (GOLDEN / f"steps-{name}.{SUFFIXES[kind]}").read_text()


@some.composite
def graphs(draw, most=12):
    steps = "abcdefghijkl"[: draw(some.integers(0, most))]
    after = {
        each: draw(some.sets(some.sampled_from(steps[:place]), max_size=4)) if place else ()
        for place, each in enumerate(steps)
    }
    return graph({each: "".join(before) for each, before in after.items()})


def traced(drawing):
    """The edges that a reader finds who follows the lines from each mark down."""
    lines = drawing.splitlines()[:-2]
    width = max(map(len, lines))
    rows = [line.ljust(width) for line in lines]
    marks = {row: re.search("[●○◇]", line).start() for row, line in enumerate(rows) if re.search("[●○◇]", line)}
    names = {row: rows[row].split()[-1] for row in marks}
    found = defaultdict(set)
    for row, place in marks.items():
        below = row + 1
        ends = {place}
        if below < len(rows) and below not in marks:
            ends = reached(rows[below], place)
            below += 1
        for end in ends:
            at = below
            while at < len(rows) and marks.get(at) != end and rows[at][end] in "│├┤┼":
                at += 1
            if at in marks and marks[at] == end:
                found[names[at]].add(names[row])
    return dict(found)


def reached(line, place):
    """The places that lead down from a line in which a lane parts."""
    ends = {place} if line[place] in "│├┤┼┐┌┬" else set()
    for step, leads, stops in ((2, "├┼┴┬└┌", "┤┐┘"), (-2, "┤┼┴┬┘┐", "├┌└")):
        at = place
        while line[at] in leads or (at != place and line[at] in "│─"):
            at += step
            ends |= {at} if line[at] in "├┤┼┬┐┌" else set()
            if line[at] in stops:
                break
    return ends


@settings(max_examples=400)
@given(graphs())
def test_whoever_follows_the_lines_of_a_text_finds_what_comes_after_what(drawn):
    if not drawn.nodes:
        assert text(drawn) == "no steps\n"
        return
    edges = {node.digest: set(node.after) for node in drawn.reduced.nodes if node.after}
    assert traced(text(drawn)) == edges


@given(graphs())
def test_a_reduced_graph_is_the_same_order_with_no_edge_that_follows_from_others(drawn):
    reduced = drawn.reduced
    assert reduced.before == drawn.before
    for node in reduced.nodes:
        assert not any(one in reduced.before[other] for one in node.after for other in node.after)


@given(graphs(), some.integers(1, 4))
def test_in_a_picture_steps_stand_below_what_comes_before_them_and_nothing_overlaps(drawn, most):
    placed = layered(drawn, most=most, box=100, lane=10)
    row = {spot: number for number, spots in enumerate(placed.rows) for spot in spots}
    layer = {spot.digest: number for spot, number in row.items() if spot.passed < 0}
    assert layer.keys() == drawn.digests
    assert all(layer[each] < layer[node.digest] for node in drawn.nodes for each in node.after)
    assert all(row[lower] == row[upper] + 1 for upper, lower in placed.lines)
    for spots in placed.rows:
        assert sum(spot.passed < 0 for spot in spots) <= most
        for one, other in combinations(spots, 2):
            apart = sum(100 if spot.passed < 0 else 10 for spot in (one, other)) / 2
            assert abs(placed.across[one] - placed.across[other]) >= apart - 0.001
        assert [placed.across[one] < placed.across[other] for one, other in pairwise(spots)].count(False) == 0


@given(graphs())
def test_the_lines_of_a_picture_lead_from_each_step_to_those_after_it(drawn):
    placed = layered(drawn, most=3, box=100, lane=10)
    leads = defaultdict(set)
    for upper, lower in placed.lines:
        leads[upper].add(lower)
    for node in drawn.nodes:
        found, left = set(), [spot for spots in placed.rows for spot in spots if spot.digest == node.digest]
        for spot in left:
            found |= {each.digest for each in leads[spot] if each.passed < 0}
        assert found == {each.digest for each in drawn.nodes if node.digest in each.after}


def test_many_steps_are_listed_with_the_names_of_those_before_them():
    steps = [f"s{number}" for number in range(MOST_STEPS + 1)]
    listed = text(named({each: before for before, each in pairwise(["", *steps])}), frozenset({"s0"}))
    assert listed.splitlines()[:3] == ["● s0", "○ s1  after s0", "○ s2  after s1"]
    assert listed.endswith(f"○ s{MOST_STEPS}  after s{MOST_STEPS - 1}\n\n● in the image   ○ to do\n")


def test_too_many_lanes_are_listed_as_well():
    fan = {"root": "", **{f"p{number}": "root" for number in range(28)}}
    assert text(named(fan)).splitlines()[:2] == ["○ root", "○ p0  after root"]


def test_a_graph_of_a_thousand_steps_is_drawn_and_no_wider_than_a_page():
    steps = {
        f"s{number}": " ".join(f"s{each}" for each in {number // 2, number // 3} if each < number)
        for number in range(1000)
    }
    root = ET.fromstring(svg(named(steps)))  # noqa: S314  # our own
    assert float(root.get("width")) <= WIDEST
    assert len(root.findall(f"{SVG}g/{SVG}title")) == 1000
    assert len(text(named(steps)).splitlines()) == 1002


@pytest.fixture
def hostile():
    return Graph(nodes=(Node(digest="1", name=HOSTILE), Node(digest="2", name="fine", after=frozenset("1"))))


def test_a_name_stays_a_name_in_a_picture(hostile):
    drawn = svg(hostile)
    root = ET.fromstring(drawn)  # noqa: S314  # our own
    assert {each.tag.removeprefix(SVG) for each in root.iter()} == {
        "svg",
        "title",
        "style",
        "g",
        "path",
        "rect",
        "text",
    }
    assert "<script>alert(1)</script>" in root.find(f"{SVG}g/{SVG}title").text
    assert not set("\x1b\u202e") & set(drawn)


def test_a_name_stays_a_name_in_graphvizs_language(hostile):
    node = dot(hostile).splitlines()[2]
    assert re.fullmatch(r'  n0 \[label="(?:[^"\\]|\\.)*", style="rounded"\];', node)
    assert r'label="\"];\\ <script>' in node
    assert node.isprintable()


def test_a_name_stays_a_name_in_a_text(hostile):
    lines = text(hostile).splitlines()
    assert len(lines) == 4
    assert all(line.isprintable() for line in lines)


@pytest.mark.parametrize("drawing", DRAWINGS.values(), ids=DRAWINGS)
def test_nothing_is_drawn_too(drawing):
    assert drawing(Graph(), frozenset())


if __name__ == "__main__":
    for example, given_ in EXAMPLES.items():
        for each, suffix in SUFFIXES.items():
            (GOLDEN / f"steps-{example}.{suffix}").write_text(DRAWINGS[each](*given_))

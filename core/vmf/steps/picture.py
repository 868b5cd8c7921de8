"""A graph of steps as a picture: boxes in layers, each below all that come before it, in SVG without a script.

Boxes have colours of their own and lines are grey, so that it is read on white and on black. It is as wide as a page at
most: a layer that is full sends what does not fit to the next one.
"""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from types import MappingProxyType
from xml.etree import ElementTree as ET

from vmf.steps.graph import Graph
from vmf.steps.layers import Spot, layered
from vmf.steps.look import Look, look, looks, shown

WIDEST = 960
"""Of all pictures, in pixels."""
_LONGEST_NAME = 20
_LETTER, _BASE, _PADDING, _HEIGHT, _HEAD = 7.9, 4.5, 28.0, 34.0, 7.0
"""How wide a letter is, how far below its middle it stands, what is beside a name; how high boxes and heads are."""
_MARGIN, _GAP, _LAYER, _LEGEND = 20.0, 22.0, 78.0, 170.0
"""Around the picture and between its parts."""

_STYLE = """
text { font: 13px ui-monospace, Menlo, Consolas, monospace; text-anchor: middle; }
path { fill: none; stroke: #8492a2; stroke-width: 1.5; }
.head { fill: #8492a2; stroke: none; }
.done rect { fill: #2b8a57; stroke: #2b8a57; } .done text { fill: #ffffff; }
.left rect { fill: #f3f6fa; stroke: #6b7c8f; } .left text { fill: #1d2733; }
.host rect { fill: #fff3dc; stroke: #c1841a; stroke-dasharray: 5 3; } .host text { fill: #4a3300; }
.legend text { fill: #8492a2; text-anchor: start; font-size: 12px; }
"""
_CLASSES = MappingProxyType({Look.DONE: "done", Look.LEFT: "left", Look.HOST: "host"})


def svg(graph: Graph, done: AbstractSet[str] = frozenset()) -> str:
    """A graph as an SVG file, with a legend.

    Args:
        graph: what is shown; an `after` that follows from others is left out.
        done: the digests of the steps that an image has.
    """
    box = max((len(_short(node.name)) for node in graph.nodes), default=0) * _LETTER + _PADDING
    most = max(1, int((WIDEST - 2 * _MARGIN + _GAP) // (box + _GAP)))
    placed = layered(graph.reduced, most=most, box=box + _GAP, lane=_GAP)
    legend = tuple(looks(graph, done))
    width = max(placed.width - _GAP, _LEGEND * len(legend)) + 2 * _MARGIN
    spots = {
        spot: (x + (width - placed.width) / 2, _MARGIN + layer * _LAYER)
        for layer, row in enumerate(placed.rows)
        for spot in row
        for x in [placed.across[spot]]
    }
    root = _root(width, 2 * _MARGIN + len(placed.rows) * _LAYER + _MARGIN)
    root.extend(_line(upper, spots[upper], spots[lower], lower) for upper, lower in placed.lines)
    for node in graph.nodes:
        kind, (x, y) = look(node, done), spots[Spot(node.digest)]
        group = ET.SubElement(root, "g", {"class": _CLASSES[kind]})
        ET.SubElement(group, "title").text = f"{shown(node.name)}: {kind.words}"
        ET.SubElement(group, "rect", _numbers(x=x - box / 2, y=y, width=box, height=_HEIGHT, rx=7))
        ET.SubElement(group, "text", _numbers(x=x, y=y + _HEIGHT / 2 + _BASE)).text = _short(node.name)
    root.append(_legend(legend, _MARGIN + len(placed.rows) * _LAYER))
    ET.indent(root)
    return ET.tostring(root, encoding="unicode") + "\n"


def _root(width: float, height: float) -> ET.Element:
    """A picture of so many pixels, shrunk if it is too wide."""
    scale = min(1.0, WIDEST / width)
    sizes = _numbers(width=width * scale, height=height * scale)
    box = f"0 0 {width:.1f} {height:.1f}"
    root = ET.Element("svg", {"xmlns": "http://www.w3.org/2000/svg", **sizes, "viewBox": box, "role": "img"})
    ET.SubElement(root, "title").text = "steps"
    ET.SubElement(root, "style").text = _STYLE
    return root


def _line(upper: Spot, start: tuple[float, float], end: tuple[float, float], lower: Spot) -> ET.Element:
    """A line to the next layer, straight down through a place that it passes, with a head where it ends at a step."""
    (x, y), (to_x, to_y) = start, end
    path, arrives = f"M{x:.1f} {y + _HEIGHT:.1f}", lower.passed < 0
    if upper.passed >= 0:
        path = f"M{x:.1f} {y:.1f}V{y + _HEIGHT:.1f}"
    y, to_y = y + _HEIGHT, to_y - (_HEAD if arrives else 0)
    middle = (y + to_y) / 2
    path += f"C{x:.1f} {middle:.1f} {to_x:.1f} {middle:.1f} {to_x:.1f} {to_y:.1f}"
    group = ET.Element("g")
    ET.SubElement(group, "path", {"d": path})
    if arrives:
        head = f"M{to_x:.1f} {to_y + _HEAD:.1f}l-{_HEAD / 2:.1f} -{_HEAD:.1f}h{_HEAD:.1f}z"
        ET.SubElement(group, "path", {"class": "head", "d": head})
    return group


def _legend(kinds: Sequence[Look], y: float) -> ET.Element:
    legend = ET.Element("g", {"class": "legend"})
    for place, kind in enumerate(kinds):
        x = _MARGIN + place * _LEGEND
        sample = ET.SubElement(legend, "g", {"class": _CLASSES[kind]})
        ET.SubElement(sample, "rect", _numbers(x=x, y=y - 6, width=20, height=12, rx=4))
        ET.SubElement(legend, "text", _numbers(x=x + 28, y=y + _BASE)).text = kind.words
    return legend


def _short(name: str) -> str:
    whole = shown(name)
    return whole if len(whole) <= _LONGEST_NAME else f"{whole[: _LONGEST_NAME - 1]}…"


def _numbers(**values: float) -> dict[str, str]:
    return {name: f"{value:.1f}" for name, value in values.items()}

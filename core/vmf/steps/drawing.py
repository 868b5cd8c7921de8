"""A graph of steps as others show it: as text for a terminal, in Graphviz's language, as a picture."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from types import MappingProxyType

from vmf.steps.graph import Graph
from vmf.steps.lanes import text
from vmf.steps.look import Look, look, shown
from vmf.steps.picture import svg

_DOT = MappingProxyType({
    Look.DONE: 'style="rounded,filled", fillcolor="#2b8a57", fontcolor="white"',
    Look.LEFT: 'style="rounded"',
    Look.HOST: 'style="rounded,dashed"',
})  # fmt: skip


def dot(graph: Graph, done: AbstractSet[str] = frozenset()) -> str:
    """A graph in Graphviz's language, every `after` of it, without a legend.

    Args:
        graph: what is shown.
        done: the digests of the steps that an image has.
    """
    number = {node.digest: f"n{place}" for place, node in enumerate(graph.nodes)}
    lines = ["digraph steps {", '  node [shape=box, fontname="sans-serif"];']
    for node in graph.nodes:
        name = shown(node.name).replace("\\", r"\\").replace('"', r"\"")
        lines.append(f'  {number[node.digest]} [label="{name}", {_DOT[look(node, done)]}];')
    for node in graph.nodes:
        lines += [f"  {each} -> {number[node.digest]};" for each in sorted(number[digest] for digest in node.after)]
    return "\n".join((*lines, "}", ""))


DRAWINGS: Mapping[str, Callable[[Graph, AbstractSet[str]], str]] = MappingProxyType({
    "text": text,
    "dot": dot,
    "svg": svg,
})  # fmt: skip
"""How a graph can be drawn, given the digests of the steps that an image has."""

"""`vmf classad`: try expressions and ads without any job or host."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from msgspec.structs import replace

from vmf import classad
from vmf.ads import Clause
from vmf.ads.clauses import WORDS, parts
from vmf.classad import UNDEFINED, Ad, ClassAdSyntaxError
from vmf.cli.ads import show_ads
from vmf.cli.printed import show
from vmf.cli.session import add_format
from vmf.errors import Exit, UsageError
from vmf.match import holds
from vmf.match.words import Side, sentence, written
from vmf.run import world
from vmf.units import format_count

STDIN = "-"
LARGEST = 2**24
"""Of a file no more bytes are read."""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the words of `vmf classad`."""
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    sentence = "print what an expression is worth; --my, --target and --format say for what ads and how"
    trial = verbs.add_parser("eval", allow_abbrev=False, help=sentence)
    trial.add_argument("expression", metavar="EXPR", help="the expression; -- goes before one that begins with a minus")
    trial.add_argument("--my", metavar="FILE", help="the ad in which it stands; - is standard input")
    trial.add_argument("--target", metavar="FILE", help="the ad on the other side")
    add_format(trial)
    trial.set_defaults(verb=_eval)
    pair = verbs.add_parser("match", allow_abbrev=False, help="say whether two ads fit each other, and if not, why")
    pair.add_argument(
        "left", metavar="LEFT", help="a file with one ad, in new or old syntax or JSON; - is standard input"
    )
    pair.add_argument("right", metavar="RIGHT", help="the other one")
    pair.set_defaults(verb=_match)


def act(options: argparse.Namespace) -> int:
    """Do what the verb says."""
    return int(options.verb(options))


def _eval(options: argparse.Namespace) -> int:
    node = classad.parse(options.expression)
    my = Ad() if options.my is None else _read(options.my)
    target = None if options.target is None else _read(options.target)
    value = classad.evaluate(node, my, target, world=world())
    if options.format == "json":
        show_ads([Ad({"Value": classad.as_tree(value)})], "json")
    else:
        show(written(value))
    return 0


def _match(options: argparse.Namespace) -> int:
    left, right = _read(options.left), _read(options.right)
    pair = classad.Match(left, right, world())
    sides = Side("left", left, pair.evaluate), Side("right", right, pair.evaluate_right)
    fits = all(side.evaluate(side.ad.get("Requirements", UNDEFINED)) is True for side in sides)
    lines = ["they fit each other" if fits else "they do not fit"]
    for mine, theirs, rank in zip(sides, sides[::-1], (pair.left_rank(), pair.right_rank()), strict=True):
        objections = tuple(_objections(mine, theirs))
        lines.append(f"{mine.noun}: {'refuses' if objections else 'takes'} {theirs.noun}, rank {rank:g}")
        lines += [f"    {each}" for each in objections]
    show("\n".join(lines))
    return 0 if fits else Exit.NO_MATCH


def _objections(mine: Side, theirs: Side) -> Iterator[str]:
    """The clauses by which one ad refuses the other."""
    if "Requirements" not in mine.ad:
        yield f"{mine.noun} has no Requirements, which an ad needs in order to take another"
        return
    whole = mine.ad["Requirements"]
    failed = [each for each in parts(whole) if not holds(mine.evaluate(each))]
    for each in failed or ([] if mine.evaluate(whole) is True else [whole]):
        yield sentence(Clause(name=WORDS, expression=each, implied=False), mine.evaluate(each), mine, theirs)


def _read(name: str) -> Ad:
    """The one ad of a file.

    Raises:
        UsageError: it cannot be read, or holds another number of ads.
        ClassAdSyntaxError: it is no ad.
    """
    where = "standard input" if name == STDIN else name
    try:
        ads = classad.read(_text(name, where))
    except ClassAdSyntaxError as error:
        raise ClassAdSyntaxError(replace(error.fault, where=where)) from None
    if len(ads) != 1:
        raise UsageError(f"{where} has {format_count(len(ads), 'ad')}", hint="give it exactly one")
    return ads[0]


def _text(name: str, where: str) -> str:
    try:
        with open(0 if name == STDIN else name, "rb", closefd=name != STDIN) as file:
            data = file.read(LARGEST + 1)
    except OSError as error:
        raise UsageError(f"{where} cannot be read: {error.strerror}") from error
    if len(data) > LARGEST:
        raise UsageError(f"{where} is larger than 16 MiB", hint="an ad is smaller")
    return data.decode(errors="surrogateescape")

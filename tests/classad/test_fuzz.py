"""Random expressions over two random ads are worth what the reference says.

By hand, as many as one likes: `VMF_FUZZ="100 200" pytest tests/classad/test_fuzz.py` takes seeds 100 to 199.
"""

from __future__ import annotations

import itertools
import os
import random
import re

import pytest

from classad import ours, reference
from vmf import classad
from vmf.classad.functions import EAGER, LAZY
from vmf.classad.tree import Record, Reference, children

SEEDS = range(*map(int, os.environ.get("VMF_FUZZ", "0 8").split()))
LITERALS = """
undefined error true false 0 1 2 -3 7 64 0.0 -0.0 1.5 2.0 -2.5 1e9
"" "a" "A" "abc" "aBC" "é" "1" "1,2.5,a" "a.*" "1.2.3" {} {1,2.0} {"a","B"} [] relTime(90) [u=1;v=u] {1,undefined}
absTime("2024-02-29T12:00:00+01:00") absTime("1970-01-01T00:00:00+00:00")
"""
OPERATORS = "+ - * / % < <= > >= == != =?= =!= is isnt & ^ | << >> >>> && || ?:"
IDENTITY = {"=?=", "=!=", "is", "isnt"}
FIELDS = ('"u"', '"V"')
PLAIN = ("undefined", "error", "1", "1.5", '"a"')
WORLDLY = {
    *("random", "time", "currenttime", "debug", "userhome", "usermap"),
    *("timezoneoffset", "daytime", "getyear", "getmonth", "getdayofyear", "getdayofmonth", "getdayofweek", "getdays"),
    *("gethours", "getminutes", "getseconds", "splittime", "formattime", "abstime"),
}
"""Functions whose answers are the machine's: its clock, its users, its zone. They have tests of their own."""
APART = {"reltime", "unresolved", "evalineachcontext", "countmatches"}
"""Functions of which `docs/classad.md` lists differences that chance would find: they have tests of their own, too."""
NO_INTEGER = "ERROR, the reference says -9223372036854775808"
RECORD_IN_ELEMENT = re.compile(r"\{[^{}]*\[[^]]*\]\)?[.\[]")
"""Of those, two that it still finds: a real that is no integer, and a list with an element that looks into a record."""
NAMES = "abcdefgh"
ADS, EXPRESSIONS = 60, 40
"""How many pairs of ads a seed makes, and how many expressions over each."""


class Writer:
    """Writes expressions. An attribute refers only to names behind its own, so that the reference, which crashes on
    some circles, sees none; plain operators are the exception, for circles of these it can stand."""

    def __init__(self, seed):
        self.random = random.Random(seed)  # noqa: S311  # a run is repeated by its seed
        self.literals = LITERALS.split()
        self.operators = OPERATORS.split()
        self.functions = sorted((EAGER.keys() | LAZY.keys()) - WORLDLY - APART)
        self.kinds = (
            *[self.literal] * 4,
            *[self.name] * 5,
            *[self.binary] * 6,
            *[self.call] * 5,
            *(self.unary, self.conditional, self.parentheses, self.list, self.record, self.subscript, self.selection),
            *(self.projection, self.text),
        )

    def ad(self):
        fields = (f"{name} = {self.expression(2, at)}" for at, name in enumerate(NAMES) if self.random.random() < 0.6)
        return f"[{'; '.join(fields)}]"

    def circular_ad(self):
        def expression(depth):
            if not depth:
                return self.scoped(self.random.choice((*"abc", "1", "true")))
            return f"({expression(depth - 1)} {self.random.choice(self.operators[:-1])} {expression(depth - 1)})"

        return f"[{'; '.join(f'{name} = {expression(self.random.randrange(3))}' for name in 'abc')}]"

    def expression(self, depth=3, at=-1):
        kinds = self.kinds if depth else self.kinds[:9]
        return self.random.choice(kinds)(depth - 1, at)

    def literal(self, _depth, _at):
        return self.random.choice(self.literals)

    def name(self, _depth, at):
        behind = NAMES[at + 1 :] + "z"
        return self.scoped(self.random.choice(behind))

    def scoped(self, name):
        scopes = ("", "", "", "MY.", "TARGET.", "target.", "self.", "OTHER.", "TARGET.TARGET.")
        return f"{self.random.choice(scopes)}{name}" if name.islower() and name != "true" else name

    def binary(self, depth, at):
        operator = self.random.choice(self.operators)
        if operator in IDENTITY:  # of two lists, the reference's answer depends on how they came about
            return f"{self.expression(depth, at)} {operator} {self.random.choice(PLAIN)}"
        left, right = self.expression(depth, at), self.expression(depth, at)
        return f"{left} {operator} ({right})" if operator == "?:" else f"{left} {operator} {right}"

    def call(self, depth, at):
        count = self.random.choice((0, 1, 1, 1, 2, 2, 2, 3, 3, 4))
        return f"{self.random.choice(self.functions)}({', '.join(self.expression(depth, at) for _ in range(count))})"

    def unary(self, depth, at):
        return f"{self.random.choice('-+!~')} {self.expression(depth, at)}"

    def conditional(self, depth, at):
        return " ".join((f"({self.expression(depth, at)}) ?", self.expression(depth, at), ":", self.expression(0, at)))

    def parentheses(self, depth, at):
        return f"({self.expression(depth, at)})"

    def list(self, depth, at):
        return f"{{{', '.join(self.expression(depth, at) for _ in range(self.random.randrange(4)))}}}"

    def record(self, depth, at):
        last = "z" if at == len(NAMES) - 1 else f"parent.{NAMES[-1]}"
        return f"[u = {self.expression(depth, at)}; v = {self.random.choice(('u', '2', last, 'z'))}]"

    def subscript(self, depth, at):
        of = self.expression(depth, at)
        if self.random.random() < 0.5:
            return f"({of})[{self.random.choice(('0', '1', self.expression(0, at)))}]"
        # Nothing looks into the value: a record that the reference gives out so is gone when it is looked into.
        return f"({of})[{self.random.choice(FIELDS)}] =?= {self.random.choice(PLAIN)}"

    def selection(self, depth, at):
        return f"({self.record(depth, at)}).{self.random.choice('uvz')}"

    def projection(self, _depth, _at):
        """Of plain values only: the reference frees lists and records that it has yet to give out."""
        records = (f"[u = {self.literal(0, 0)} + 1; v = u =?= 2]" for _ in range(self.random.randrange(3)))
        return f"{{{', '.join((*records, '7'))}}}.{self.random.choice('uvz')}"

    def text(self, _depth, at):
        return f"eval({classad.unparse(self.expression(0, at))})"


def difference(text, my, target):
    """What we and the reference answer if it is not the same, else None."""
    answers = []
    for evaluate, refused in ((ours.evaluate, classad.ClassAdSyntaxError), (reference.evaluate, reference.Refused)):
        try:
            answers.append(evaluate(text, my, target))
        except refused:
            answers.append("(refused)")
    return None if ours.agree(*answers) else f"{answers[0]!r}, the reference says {answers[1]!r}"


def smallest(text, my, target):
    """The smallest part of an expression that still makes a difference, with ads that have only what it takes."""
    waiting = [classad.parse(text)]
    for node in waiting:
        waiting += children(node)
    parts = sorted((classad.unparse(node) for node in waiting if not isinstance(node, Reference)), key=len)
    text = next(part for part in (*parts, text) if difference(part, my, target))
    ads = [my, target]
    for at in range(len(ads)):
        fields = dict(ours.ad(ads[at]))
        for name in list(fields):
            fewer = classad.unparse(Record(tuple((key, fields[key]) for key in fields if key != name)))
            tried = [*ads[:at], fewer, *ads[at + 1 :]]
            if difference(text, *tried):
                ads, _ = tried, fields.pop(name)
    return text, *ads


def differences(seed):
    """The differences that a seed brings to light, each as a text to read."""
    writer = Writer(seed)
    for _ in range(ADS):
        ad = writer.ad if writer.random.random() < 0.9 else writer.circular_ad
        my, target = ad(), ad()
        for _ in range(EXPRESSIONS):
            text = writer.expression()
            if difference(text, my, target):
                small = smallest(text, my, target)
                found = f"{small[0]}\n  MY {small[1]}\n  TARGET {small[2]}\n  {difference(*small)}"
                if not found.endswith(NO_INTEGER) and not RECORD_IN_ELEMENT.search(found):
                    yield found


@pytest.mark.parametrize("seed", SEEDS)
def test_random_expressions_are_worth_what_the_reference_says(seed):
    found = list(itertools.islice(differences(seed), 5))
    assert not found, "\n".join(found)

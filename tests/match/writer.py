"""Ads at random, from a seeded source: hosts whose attributes are of every kind, and jobs that ask about them."""

from __future__ import annotations

import random

from vmf.classad import parse_ad
from vmf.classad.operators import BINARY

WHOLE = ["0", "1", "2", "-3", "7", "9223372036854775807", "-9223372036854775807-1", "4611686018427387904"]
REALS = ["0.0", "-0.0", "1.0", "1.5", "-2.5", "1e308", "-1e308", 'real("NaN")', 'real("INF")', 'real("-INF")']
TEXTS = ['""', '"a"', '"A"', '"b"', '"1"', '"Abc"', '"abC"', '"é"', '"É"', '"~"']
TRUTHS = ["true", "false"]
ABSENT = ["undefined", "error", ""]
ODD = ["{1, 2}", '{"a", "B"}', "{Whole, Shared}", "[Whole = 4]", "relTime(60)", 'absTime("2024-02-29T12:00:00Z")']
COLUMNS = {
    "Whole": WHOLE,
    "Holes": [*WHOLE, *ABSENT],
    "Real": REALS,
    "RealHoles": [*REALS, "undefined"],
    "Text": TEXTS,
    "TextHoles": [*TEXTS, *ABSENT],
    "Flag": TRUTHS,
    "FlagHoles": [*TRUTHS, *ABSENT],
    "Absent": ABSENT,
    "Many": [str(number) for number in range(1000)],
    "Mixed": [*WHOLE, *REALS, *TEXTS, *TRUTHS, *ABSENT, *ODD],
    "Odd": ODD,
    "Computed": ["Whole + 1", "MY.Many * 2 - Whole", "Many / Whole"],
    "Bound": ["TARGET.Wanted", "Shared", "TARGET.Shared + Many", "Bound2"],
    "Bound2": ["Many % Whole", "Circle", "TARGET.Own"],
    "Circle": ["Circle", "1"],
    "Shared": [*WHOLE, *TEXTS, "", ""],
}
"""What a host has of each attribute: one of these, or none where it is empty."""
OWN = ("Wanted", "Own", "Shared", "Whole", "Text")
"""A job's attributes; some of them hosts have, too."""
AROUND = [
    *("TARGET", "CurrentTime", ".RIGHT.Whole", ".LEFT.Own", "parent.Whole", "LEFT.Text", "TARGET.MY.Many"),
    *(
        'TARGET["Whole"]',
        "{TARGET.Whole}[0]",
        "[x = Whole; y = TARGET.Text].y",
        "TARGET.TARGET.Own",
        "TARGET.Odd.Whole",
    ),
]
OPERATORS = [*BINARY, "?:", *["&&", "||"] * 4]
FUNCTIONS = {
    **dict.fromkeys(("isUndefined", "isError", "isString", "size", "int", "toUpper", "floor", "min", "eval"), 1),
    **dict.fromkeys(("strcat", "member", "stringListMember", "countMatches", "evalInEachContext", "regexp"), 2),
    "ifThenElse": 3,
}
REQUIREMENTS = (
    *("{}", "{}", "({}) =?= undefined", "(({}) && false) =?= false", "(({}) || true) =?= true"),
    *("!({})", "({}) =?= ({})", "({}) == ({})", "({}) ?: ({})", "(({}) ? 1 : 2) == 1", "isError({})"),
)
"""Around an expression, so that it is told apart what else than true it is."""


class Writer:
    """Writes ads, and the texts of expressions."""

    def __init__(self, seed):
        self.random = random.Random(seed)  # noqa: S311  # a run is repeated by its seed
        self.literals = [*WHOLE, *REALS, *TEXTS, *TRUTHS, "undefined", "error", *ODD]

    def hosts(self, count):
        policies = [self.expression(3) for _ in range(self.pick((1, 2, 12)))]
        return [self.host([*policies, policies[0], "", "true", "true"]) for _ in range(count)]

    def host(self, policies):
        fields = {name: self.pick(values) for name, values in COLUMNS.items()}
        if self.random.random() < 0.001:
            fields[self.pick(("MY", "TARGET", "LEFT"))] = "[Whole = 1]"
        return ad({**fields, "Requirements": self.pick(policies)})

    def job(self):
        own = {name: self.expression(self.pick((0, 0, 1))) for name in OWN if self.random.random() < 0.7}
        frame = self.pick(REQUIREMENTS)
        requirements = frame.format(*(self.expression(3) for _ in range(frame.count("{}"))))
        return ad({**own, "Requirements": requirements, "Rank": self.expression(3)})

    def expression(self, depth):
        if not depth or self.random.random() < 0.1:
            return self.leaf()
        shape = self.random.random()
        if shape < 0.75:
            return f"({self.expression(depth - 1)}) {self.pick(OPERATORS)} ({self.expression(depth - 1)})"
        if shape < 0.82:
            return f"{self.pick('!-+~')}({self.expression(depth - 1)})"
        if shape < 0.9:
            test, then, otherwise = (self.expression(depth - 1) for _ in range(3))
            return f"({test}) ? ({then}) : ({otherwise})"
        name, count = self.pick(sorted(FUNCTIONS.items()))
        return f"{name}({', '.join(self.expression(depth - 1) for _ in range(count))})"

    def leaf(self):
        shape = self.random.random()
        if shape < 0.45:
            return self.pick(("TARGET.", "TARGET.", "other.", "MY.", "")) + self.pick(sorted(COLUMNS))
        if shape < 0.65:
            return self.pick(("MY.", "TARGET.", "self.", "")) + self.pick(OWN)
        return self.pick(AROUND if shape < 0.67 else self.literals)

    def pick(self, choices):
        return self.random.choice(choices)


def ad(fields):
    """An ad of attributes' texts; an empty text is an attribute that it does not have."""
    return parse_ad(f"[{'; '.join(f'{name} = {text}' for name, text in fields.items() if text)}]")

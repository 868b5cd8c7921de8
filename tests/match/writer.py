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
ODD = [
    "{1, 2}",
    '{"a", "B"}',
    "{Whole, Shared}",
    "{MY.Own, TARGET.Many}",
    "[Whole = 4]",
    "relTime(60)",
    'absTime("2024-02-29T12:00:00Z")',
]
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
    "Shared": [*WHOLE, "", ""],
    "SharedText": [*TEXTS, ""],
}
"""What a host has of each attribute: one of these, or none where it is empty."""
OWN = ("Wanted", "Own", "Shared", "SharedText", "Whole", "Text")
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
OPERATORS = [*BINARY, "?:", "&&", "||"]
COMPARISONS = ["<", "<=", ">", ">=", "==", "!=", "=?=", "=!="]
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
        return ad({**own, "Requirements": requirements, "Rank": self.pick((self.number, self.expression))(3)})

    def expression(self, depth):
        if not depth or self.random.random() < 0.1:
            return self.leaf()
        (write,) = self.random.choices((self.comparison, self.logic, self.mixture), (4, 4, 3))
        return write(depth - 1)

    def comparison(self, depth):
        write = self.pick((self.number, self.number, self.text))
        return f"{enclosed(write(depth))} {self.pick(COMPARISONS)} {enclosed(write(depth))}"

    def logic(self, depth):
        return f"({self.expression(depth)}) {self.pick(('&&', '||'))} ({self.expression(depth)})"

    def number(self, depth):
        if not depth or self.random.random() < 0.3:
            names = ("Whole", "Holes", "Real", "RealHoles", "Many", "Many", "Flag", "Computed", "Shared")
            return self.pick((f"TARGET.{self.pick(names)}", self.pick(names), self.pick([*WHOLE, *REALS]), self.leaf()))
        return f"({self.number(depth - 1)}) {self.pick('+-*/%')} ({self.number(depth - 1)})"

    def text(self, _depth):
        return self.pick((f"TARGET.{self.pick(('Text', 'TextHoles'))}", "SharedText", self.pick(TEXTS), self.leaf()))

    def mixture(self, depth):
        """Whatever the grammar allows."""
        shape = self.random.random()
        if shape < 0.6:
            return f"({self.expression(depth)}) {self.pick(OPERATORS)} ({self.expression(depth)})"
        if shape < 0.7:
            return f"{self.pick('!-+~')}({self.number(depth)})"
        if shape < 0.85:
            return f"({self.expression(depth)}) ? ({self.number(depth)}) : ({self.expression(depth)})"
        name, count = self.pick(sorted(FUNCTIONS.items()))
        return f"{name}({', '.join(self.expression(depth) for _ in range(count))})"

    def leaf(self):
        shape = self.random.random()
        if shape < 0.45:
            return self.pick(("TARGET.", "TARGET.", "other.", "MY.", "")) + self.pick(sorted(COLUMNS))
        if shape < 0.65:
            return self.pick(("MY.", "TARGET.", "self.", "")) + self.pick(OWN)
        return self.pick(AROUND if shape < 0.67 else self.literals)

    def pick(self, choices):
        return self.random.choice(choices)


def enclosed(text):
    """An operand in parentheses, unless it is a single word: what stands in them is not recognised so easily."""
    return f"({text})" if " " in text else text


def ad(fields):
    """An ad of attributes' texts; an empty text is an attribute that it does not have."""
    return parse_ad(f"[{'; '.join(f'{name} = {text}' for name, text in fields.items() if text)}]")

"""Random texts of the language, from a seeded source: whole expressions, and soups of their tokens."""

from __future__ import annotations

from random import Random

_SPACES = ("", "", "", " ", " ", "\n", "\t", " /* c */ ", " // c\n")
_NAMES = ("a", "B", "_c1", "my", "TARGET", "parent", "Isnt1", "'q u'", "'tr''ue'", "'\\''", "'\\x'", "'é'")
_FUNCTIONS = ("f", "strcat", "absTime", "relTime", "real", "'is'", "size")
_NUMBERS = ("0", "7", "-1", "42", "9223372036854775807", ".5", "1.5", "00.25", "1e3", "2.5E-3")
_STRINGS = (
    '""',
    '"x"',
    '"a" "b"',
    '"\\1" "2"',
    '"\\"\\\\\\n\\t\\q"',
    '"\\101\\377\\4007"',
    '"é\\303\\251"',
    '"/* */ // ;]"',
    '"\'"',
)
_TIMES = ('absTime("2004-02-29T12:34:56+05:30")', 'relTime("1+02:03:04.5")', 'relTime("-7")', 'absTime("1999Z")')
_WORDS = ("true", "FALSE", "undefined", "Error")
_BINARY = (
    *("||", "&&", "|", "^", "&", "==", "!=", "=?=", "=!=", " is ", " ISNT "),
    *("<", "<=", ">", ">=", "<<", ">>", ">>>", "+", "-", "*", "/", "%"),
)
_PREFIXES = ("-", "+", "!", "~", "- ", "--")
_ODD = ("@", "$", "#", "\\", "'", '"', "007", "0x1F", "1.", "1e", "5x", "1K", "=", "=!", "=?", "é", "\x7f", "/*", "//")


def expression(random: Random, depth: int = 4) -> str:
    """The text of an expression that the grammar allows."""
    space = random.choice(_SPACES)
    if depth == 0 or random.random() < 0.2:
        return space + random.choice(random.choice((_NAMES, _NUMBERS, _STRINGS, _TIMES, _WORDS)))
    return space + random.choice(_SHAPES)(random, depth - 1) + random.choice(_SPACES)


def soup(random: Random) -> str:
    """Tokens without a grammar, mostly of the language."""
    kinds = (_NAMES, _NUMBERS, _STRINGS, _WORDS, _BINARY, _PREFIXES, _ODD, tuple("()[]{};,.?:="), ("?:", "[a=", "f("))
    return "".join(random.choice(_SPACES) + random.choice(random.choice(kinds)) for _ in range(random.randint(1, 9)))


def fields(random: Random, depth: int = 3) -> str:
    """The text of an ad."""
    count = random.randint(0, 6)
    names = (
        random.choice(("a", "A", "bb", "Cc_1", "d2", "'e f'", "memory", "'is'", "m", "TRUE")) for _ in range(count)
    )
    pairs = (f"{random.choice(_SPACES)}{name}={_field(random, depth)}" for name in names)
    return f"[{';'.join(pairs)}{random.choice(('', ';', ' ; ;')) if count else ''}]{random.choice(_SPACES)}"


def old_line(random: Random) -> str:
    """The text of an attribute in old syntax, or nearly: mostly quotes and backslashes."""
    pieces = (
        '"',
        "\\",
        '\\"',
        '"a\\"',
        "'",
        "x",
        " ",
        " + ",
        "(",
        ")",
        "=?=",
        '"y"',
        "\\n",
        "é",
        "//",
        "{",
        ",",
        "}",
        ".",
    )
    return "a = " + "".join(random.choice(pieces) for _ in range(random.randint(1, 8)))


def _field(random: Random, depth: int) -> str:
    return random.choice(
        (
            "1",
            "-5.25",
            '"plain"',
            " 07 ",
            "x/y",
            "1 // ; zz = 3;\n",
            "/* ; */ 2",
            expression(random, depth),
            expression(random, depth),
        )
    )


def _binary(random: Random, depth: int) -> str:
    return expression(random, depth) + random.choice(_BINARY) + expression(random, depth)


def _unary(random: Random, depth: int) -> str:
    return random.choice(_PREFIXES) + expression(random, depth)


def _conditional(random: Random, depth: int) -> str:
    return f"{expression(random, depth)}?{expression(random, depth)}:{expression(random, depth)}"


def _elvis(random: Random, depth: int) -> str:
    return f"{expression(random, depth)}?{random.choice(('', ' '))}:{expression(random, depth)}"


def _parentheses(random: Random, depth: int) -> str:
    return f"({expression(random, depth)})"


def _call(random: Random, depth: int) -> str:
    arguments = (expression(random, depth) for _ in range(random.randint(0, 3)))
    return f"{random.choice(_FUNCTIONS)}({random.choice(',;').join(arguments)})"


def _list(random: Random, depth: int) -> str:
    return f"{{{','.join(expression(random, depth) for _ in range(random.randint(0, 3)))}}}"


def _record(random: Random, depth: int) -> str:
    return fields(random, depth - 1) if depth else "[]"


def _selection(random: Random, depth: int) -> str:
    return f"{expression(random, depth)}.{random.choice(_NAMES)}"


def _subscript(random: Random, depth: int) -> str:
    return f"{expression(random, depth)}[{expression(random, depth)}]"


def _absolute(random: Random, _depth: int) -> str:
    return f".{random.choice(_NAMES)}"


_SHAPES = (
    *(_binary, _binary, _binary, _unary, _conditional, _elvis, _parentheses),
    *(_call, _list, _record, _selection, _subscript, _absolute),
)

"""`python -m crash`: kill vmf at its steps, by hand or for the tests. CONTRIBUTING.md says how."""

from __future__ import annotations

import argparse
import secrets
import sys
from itertools import count, islice
from pathlib import Path

import msgspec

from crash.asking import Wanted
from crash.driver import driver
from crash.lives import LIVES
from crash.promises import Round
from crash.rounds import Rounds


def main() -> int:
    """Do what is asked for; 1 if a promise was broken."""
    parser = argparse.ArgumentParser(prog="python -m crash", description=__doc__)
    parser.add_argument(
        "--real", metavar="TINY", type=Path, help="with real guests: the folder of the tiny one's image"
    )
    modes = parser.add_subparsers(required=True, metavar="MODE")
    one = modes.add_parser("play", help="kill the processes of one life, each at a step")
    one.add_argument("life", choices=LIVES)
    one.add_argument("kills", metavar="STEP", nargs="*")
    one.set_defaults(act=lambda rounds, options: tell(rounds.play(options.life, options.kills)))
    many = modes.add_parser(
        "wear", help="kill the first process of a life at its first step, the next at its second, …"
    )
    many.add_argument("life", choices=LIVES)
    many.set_defaults(act=lambda rounds, options: tell(rounds.wear_out(options.life)))
    modes.add_parser("steps", help="print the steps of every life as JSON").set_defaults(act=steps)
    modes.add_parser("serve", help="play what standard input asks for, a line of JSON each").set_defaults(act=serve)
    luck = modes.add_parser("chance", help="play rounds of chance, without end")
    luck.add_argument("--seed", type=int, default=secrets.randbelow(10**6))
    luck.add_argument("--rounds", metavar="N", type=int, help="so many of them only")
    luck.add_argument("--only", metavar="N", type=int, help="the round of this number only, and tell all of it")
    luck.set_defaults(act=chance)
    options = parser.parse_args()
    with driver(options.real) as rounds:
        return int(options.act(rounds, options))


def tell(played: Round) -> int:
    """Print what a round was like; 1 if something is wrong."""
    for number, taken in enumerate(played.steps, 1):
        print(f"process {number}:", *taken, sep="\n    ")
    faults = (f"never came to: {played.missed}",) if played.missed else played.broken
    print(played.said, *(faults or ("all promises were kept",)), sep="\n")
    return bool(faults)


def steps(rounds: Rounds, _: argparse.Namespace) -> int:
    """Print what the process of each undisturbed life does."""
    taken = {life: rounds.play(life).steps[0] for life in LIVES}
    print(msgspec.json.format(msgspec.json.encode(taken)).decode())
    return 0


def chance(rounds: Rounds, options: argparse.Namespace) -> int:
    """Play rounds of chance until one breaks a promise."""
    if options.only is not None:
        return tell(rounds.chance(options.seed, options.only))
    print(f"seed {options.seed}", flush=True)
    for number in islice(count(), options.rounds):
        if broken := (played := rounds.chance(options.seed, number)).broken:
            real = f"--real {options.real} " if options.real else ""
            again = f"PYTHONPATH=tests python -m crash {real}chance --seed {options.seed} --only {number}"
            print(played.said, *broken, f"round {number} again: {again}", sep="\n")
            return 1
        print(f"\r{number + 1} rounds passed", end="", flush=True)
    print()
    return 0


def serve(rounds: Rounds, _: argparse.Namespace) -> int:
    """Play rounds until nobody asks for more."""
    for line in sys.stdin:
        wanted = msgspec.json.decode(line, type=Wanted)
        kills = wanted.kills
        played = rounds.wear_out(wanted.life) if kills is None else rounds.play(wanted.life, kills)
        print(msgspec.json.encode(played).decode(), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())

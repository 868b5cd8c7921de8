"""`vmf lint`: what is wrong with specs, before anybody runs them."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

from msgspec.structs import replace

from vmf.cli.places import home
from vmf.cli.printed import show
from vmf.cli.say import say
from vmf.errors import UsageError, VmfError
from vmf.lint import config, inline, judge
from vmf.lint.choosing import Choice, spec_files
from vmf.lint.finding import Report
from vmf.lint.formats import FORMATS
from vmf.plugins import Plugins
from vmf.rules import Rule
from vmf.spec.faults import shown, suggestion
from vmf.spec.hosts import host_files
from vmf.units import format_count

CLEAN, FOUND, FAILED = range(3)
"""The exit codes, as other linters have them: nothing found, something found, and a run that says nothing."""
USAGE_EXIT = FAILED


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the words of `vmf lint`."""
    parser.add_argument("paths", metavar="PATH", type=_path, nargs="*", help="specs, and folders of specs")
    parser.add_argument("--format", choices=tuple(FORMATS), help="how to answer (default: full; github in its Actions)")
    parser.add_argument(
        "--select", metavar="RULES", type=_words, action="extend", help="only these, such as VMF203,VMF4"
    )
    parser.add_argument("--ignore", metavar="RULES", type=_words, action="extend", help="all but these")
    parser.add_argument("--fix", action="store_true", help="write into the files what is surely meant")
    parser.add_argument("--exit-zero", action="store_true", help="exit with 0 whatever is found")
    parser.add_argument("--explain", metavar="RULE", help="say what a rule is about, and what to do")
    parser.add_argument(
        "--hosts",
        metavar="PATH",
        type=_path,
        action="append",
        help="host specs, a file or a folder: what none of them can do is found, too",
    )


def act(options: argparse.Namespace) -> int:
    """Lint, or explain a rule; what goes wrong has the one exit code that CI servers know from other linters."""
    try:
        return _explain(options) if options.explain else _lint(options)
    except VmfError as error:
        say(f"vmf: {error}")
    except OSError as error:
        say(f"vmf: {error.strerror or error}: {error.filename or 'the output'}")
    except Exception as error:  # noqa: BLE001  # no finding, so it must not look like one
        say(f"vmf: vmf failed ({type(error).__name__}: {error}); please report this")
    return FAILED


def _lint(options: argparse.Namespace) -> int:
    if not options.paths:
        raise UsageError("no file or folder is named", hint="vmf lint . looks at all below this folder")
    settings = config.nearest(Path.cwd())
    choice = _choice(settings.choice, options)
    plugins = Plugins.load()
    if choice != Choice():
        choice.check(judge.all_rules(plugins))
    named = spec_files(options.paths)
    files = tuple(each for each in named if not settings.exclude.fit(each))
    hosts = tuple(dict.fromkeys(host_files(options.hosts or settings.hosts)))
    look = partial(_report, files, hosts, plugins, choice)
    report, mended = _mended(look, files) if options.fix else (look(), 0)
    if mended:
        say(f"vmf: {format_count(mended, 'place')} mended")
    if text := FORMATS[options.format or _usual(os.environ)](report):
        show(text)
    excluded = len(named) - len(files)
    say(f"vmf: {report.summary}{f', {excluded} excluded' if excluded else ''}")
    return CLEAN if report.clean or options.exit_zero else FOUND


def _report(files: Sequence[Path], hosts: Sequence[Path], plugins: Plugins, choice: Choice) -> Report:
    looked_at = tuple(dict.fromkeys((*files, *hosts)))
    found = judge.findings(files, plugins=plugins, hosts=hosts, images=home(os.environ).images)
    return Report.of(choice.of(inline.heed(found, looked_at)), looked_at)


def _mended(look: Callable[[], Report], files: Sequence[Path]) -> tuple[Report, int]:
    from vmf.lint import fixing  # noqa: PLC0415  # most runs mend nothing

    return fixing.settle(look, files)


def _explain(options: argparse.Namespace) -> int:
    if options.paths:
        raise UsageError("--explain looks at no file", hint=f"vmf lint --explain {options.explain}")
    rules = judge.all_rules(Plugins.load())
    if options.explain not in rules:
        raise UsageError(f"{shown(options.explain)} is no rule", hint=suggestion(options.explain, rules))
    show(_explained(rules[options.explain]))
    return CLEAN


def _explained(rule: Rule) -> str:
    return f"{rule.id} ({rule.severity}): {rule.title}\n\n{rule.why}\n\n{rule.mend}"


def _choice(configured: Choice, options: argparse.Namespace) -> Choice:
    """What is configured, but for what the command line says."""
    said = {"select": options.select, "ignore": options.ignore}
    return replace(configured, **{name: tuple(words) for name, words in said.items() if words})


def _usual(environment: Mapping[str, str]) -> str:
    return "github" if environment.get("GITHUB_ACTIONS") == "true" else "full"


def _path(text: str) -> Path:
    """A path; the empty text is none, though to the system it is the current folder."""
    if not text:
        raise argparse.ArgumentTypeError("a path is wanted, this is empty")
    return Path(text)


def _words(text: str) -> Sequence[str]:
    return tuple(each.strip() for each in text.split(","))

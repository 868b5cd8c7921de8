"""The hooks and their page: `python tests/core/test_hookspecs.py > docs/hooks.md`."""

from __future__ import annotations

import inspect
import sys
from pathlib import Path

from vmf import hookspecs
from vmf.hookspecs import LEGAL, OPTIONAL
from vmf.model import Power

PAGE = Path(__file__).parents[2] / "docs/hooks.md"
HEAD = """\
# The hooks

What `vmf.hookspecs` says of each hook, by `tests/core/test_hookspecs.py`. [plugins.md](plugins.md) says who implements
which, and how they change; [plugin-tutorial.md](plugin-tutorial.md) builds a plugin of the verbs.

A verb is *legal* in those states of its machine in which it does something. In another one it raises `JobFault` or
`HostFault`, and changes nothing; `tests/contract/test_fake_legal.py` tries it. `connection` is what `connect` returned,
and `host` the one that is asked.
"""


def hooks():
    return {name: hook for name, hook in vars(hookspecs).items() if hasattr(hook, "vmf_spec")}


def verbs():
    return {name: hook for name, hook in hooks().items() if hook.vmf_spec["firstresult"]}


def concerned(hook):
    """Whether a verb is about one machine."""
    return bool({"handle", "machine"} & set(inspect.signature(hook).parameters))


def legal(name):
    """In which states of a machine a verb is legal, in words; empty if it is about none."""
    if not concerned(verbs()[name]):
        return ""
    if name not in LEGAL:
        return "any state"
    return ", ".join(each for each in Power if each in LEGAL[name])


def paragraphs(hook):
    return [" ".join(each.split()) for each in inspect.getdoc(hook).split("\n\n")]


def section(name, hook):
    """All that there is to say of a hook."""
    signature = inspect.signature(hook)
    arguments = ", ".join(f"`{each.name}: {each.annotation}`" for each in signature.parameters.values())
    yield f"\n### {name}"
    yield f"{arguments or 'no arguments'} → `{signature.return_annotation}`\n"
    if name in OPTIONAL:
        yield f"For plugins that declare {' or '.join(f'`{each}`' for each in OPTIONAL[name])}.\n"
    if name in verbs() and legal(name):
        yield f"Legal: {legal(name)}.\n"
    yield "\n\n".join(paragraphs(hook))


def page():
    """The page, from the hookspecs."""
    others = {name: hook for name, hook in hooks().items() if name not in verbs()}
    rows = [
        f"| [`{name}`](#{name}) | {legal(name) or 'no machine'} | {paragraphs(hook)[0]} |"
        for name, hook in verbs().items()
    ]
    lines = [
        HEAD,
        "| verb | legal | what it does |\n|---|---|---|",
        *rows,
        "\n| other hook | what it is for |\n|---|---|",
        *(f"| [`{name}`](#{name}) | {paragraphs(hook)[0]} |" for name, hook in others.items()),
        "\n## Verbs",
        *(line for name, hook in verbs().items() for line in section(name, hook)),
        "\n## Other hooks",
        *(line for name, hook in others.items() for line in section(name, hook)),
    ]
    return (
        "\n".join(lines).replace("## Verbs\n\n", "## Verbs\n").replace("## Other hooks\n\n", "## Other hooks\n") + "\n"
    )


def test_the_page_says_what_the_hookspecs_say():
    assert PAGE.read_text() == page()


def test_only_verbs_about_a_machine_are_bound_to_its_state():
    assert set(LEGAL) <= {name for name, hook in verbs().items() if concerned(hook)}
    assert all(states and Power.UNKNOWN not in states for states in LEGAL.values())


if __name__ == "__main__":
    sys.stdout.write(page())

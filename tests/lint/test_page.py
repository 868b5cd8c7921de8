"""The page on linting; run as a program, this file prints `docs/lint.md`."""

from __future__ import annotations

import json
import re
import shlex
import sys
import tomllib
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from lint.reports import finding, report
from vmf import cli
from vmf.lint import config, judge
from vmf.lint.formats import FORMATS
from vmf.plugins import Plugins

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/lint.md"
HOOKS = ROOT / ".pre-commit-hooks.yaml"

TEXT = """\
# Linting

<!-- Drawn from the code: python tests/lint/test_page.py > docs/lint.md -->

`vmf lint` says what is wrong with specs before anybody runs them: all findings of all files in one go, each with its
place, an excerpt and a remedy. It starts nothing, asks no host, and needs none.

```console
$ vmf lint specs
$ vmf lint job.yaml hosts/desk.yaml --hosts site/hosts
$ vmf lint . --select VMF2,VMF401 --ignore VMF213
$ vmf lint --explain VMF204
```

Of a folder it takes every `*.yaml` and `*.yml` that is not hidden, at any depth; a file that is named is looked at,
whatever it is called. Jobs are judged against the hosts among the files and those of `--hosts`; where there is neither,
nobody knows what a host can do, and the rules about that are silent.

| exit code | meaning |
|---|---|
| 0 | No errors and no warnings; notes do not count. With `--exit-zero`, whatever was found. |
| 1 | Errors or warnings. |
| 2 | The command line or the configuration is wrong, or vmf failed: the specs were not judged. |

`--fix` writes into the files what is surely meant, such as a key or a choice with a slip in it, touches nothing else,
and then tells what is left.

## Formats
The findings go to standard output; a summary in one line goes to standard error. Only `full` repeats lines of a spec,
because the others are kept and passed on. Messages of all formats name the values that they are about.

| `--format` | for |
|---|---|
| `full` | People; the default. |
| `github` | Annotations in GitHub Actions; the default there. GitHub shows ten in a step; the summary counts all. |
| `json` | Programs: a list of objects, see below. |
| `sarif` | Code scanning services: SARIF 2.1.0. |
| `junit` | CI servers that show tests: a test case for each file. |

A finding in JSON:

| field | meaning |
|---|---|
| `rule` | The rule's id. |
| `severity` | `error`: the spec cannot be used; `warning`: it will hardly do what its owner wants; `note`. |
| `file` | The file as it was named, or found in a folder. |
| `line` | Its line, from 1; null if the finding is about the whole file. |
| `column` | The character in the line, from 1; null likewise. |
| `what` | What is wrong. |
| `hint` | What to do about it; may be empty. |

## Choosing rules
`--select` and `--ignore` take ids and beginnings of ids, separated by commas, and may be given again: `VMF2` stands for
all that begin so. What is ignored is not told even if it is selected. A name that no rule has is refused.

A comment silences the rules that it names: on its own line, or on the next one if it stands alone. It has to name them;
one that silences nothing is told of. A `#` inside a text, such as a script, begins no comment.

```yml
spec:
  memory: 64MiB  # vmf: ignore[VMF504]
  # vmf: ignore[VMF217, VMF218] the guest of this test is meant to hang
  run: halt
```

## Configuration
It is read from the nearest folder, from the current one upwards, that has a `vmf.toml`, or a `pyproject.toml` with
these keys in `[tool.vmf.lint]`. Its paths are relative to its folder. `--select`, `--ignore` and `--hosts` each replace
the key of that name.

```ini
select = ["VMF"]
ignore = ["VMF213"]
exclude = ["old", "drafts/*.yaml"]
hosts = ["hosts"]

[per-file-ignores]
"tests/*" = ["VMF4"]
```

| key | meaning |
|---|---|
| `select` | Only these rules; without it, all. |
| `ignore` | All but these. |
| `exclude` | Files and folders that are not looked at, even if they are named. `*` also stands for slashes. |
| `per-file-ignores` | Rules that are ignored in the files and folders that fit a pattern. |
| `hosts` | Host specs that jobs are judged against. |

## Before a commit, and in CI
For [pre-commit](https://pre-commit.com), with the plugins of the hypervisors that the specs name:

```yml
repos:
  - repo: URL of this repository
    rev: v0.1.0
    hooks:
      - id: vmf-lint
        additional_dependencies: [vmf-kvm]
```

The hook takes YAML files in folders called `specs`, and all that end in `.vmf.yaml`; a `files:` of your own replaces
that.

In GitHub Actions findings become annotations:

```yml
on: [push, pull_request]
jobs:
  specs:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
      - run: pip install vmf vmf-kvm
      - run: vmf lint specs
```

For code scanning, which keeps them and compares runs, the last step becomes

```yml
- run: vmf lint --format sarif --exit-zero specs > vmf.sarif
- uses: github/codeql-action/upload-sarif@v3
  with:
    sarif_file: vmf.sarif
```

## Rules
The first digit says what a rule is about: 1 syntax and schema, 2 fields that contradict each other, 3 expressions,
4 files and images, 5 hosts and what they can do. Plugins have prefixes of their own. `vmf lint --explain` says why a
rule is one.

{rules}
"""


def page() -> str:
    lines = ["| rule | severity | what is wrong | what to do |", "|---|---|---|---|"]
    for each in judge.all_rules(Plugins()).values():
        title, mend = (text.replace("|", "\\|") for text in (each.title, each.mend))
        lines.append(f"| {each.id} | {each.severity} | {title[0].upper()}{title[1:]}. | {mend} |")
    return TEXT.replace("{rules}", "\n".join(lines))


def shown(language):
    return re.findall(rf"^```{language}\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)


def rows(header):
    table = re.search(rf"^\| {header} \|.*\n\|[-|]+\n((?:\|.*\n)+)", TEXT, re.MULTILINE)
    return [row.split("|")[1].strip(" `") for row in table[1].splitlines()]


def test_the_page_is_written_from_the_rules():
    assert PAGE.read_text() == page()


def test_every_rule_says_what_is_wrong_why_and_what_to_do():
    for id_, rule in judge.all_rules(Plugins()).items():
        assert (rule.id, rule.title.endswith(".")) == (id_, False)
        assert re.fullmatch(r"VMF[1-5][0-9]{2}", id_)
        assert rule.why.endswith((".", "?"))
        assert rule.mend.endswith(".")


def test_every_format_and_every_field_has_its_row():
    assert set(rows("`--format`")) == set(FORMATS)
    (row,) = json.loads(FORMATS["json"](report(finding())))
    assert rows("field") == list(row)


def test_the_configuration_that_is_shown_is_one(tmp_path):
    (text,) = shown("ini")
    (tmp_path / "vmf.toml").write_text(text)
    config.nearest(tmp_path).choice.check(judge.all_rules(Plugins()))
    assert set(tomllib.loads(text)) == set(rows("key"))


@pytest.mark.parametrize("text", shown("yml"), ids=range(len(shown("yml"))))
def test_what_is_shown_in_yaml_is_yaml_and_its_commands_can_be_typed(text):
    YAML(typ="safe", pure=True).load(text)
    for line in re.findall(r"run: vmf (.*?)(?: >.*)?$", text, re.MULTILINE):
        words = shlex.split(line)
        assert cli._parser(words).parse_args(words).act


@pytest.fixture
def hook():
    (hook,) = YAML(typ="safe", pure=True).load(HOOKS)
    return hook


def test_the_hook_that_is_shown_is_there(hook):
    assert f"- id: {hook['id']}\n" in TEXT


def test_the_hook_finds_what_is_wrong(hook, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VMF_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)
    Path("a.vmf.yaml").write_text("a: [\n")
    vmf, *words = shlex.split(hook["entry"])
    assert (vmf, cli.main([*words, "a.vmf.yaml"])) == ("vmf", 1)
    assert capsys.readouterr().out.startswith("a.vmf.yaml:")


@pytest.mark.parametrize(
    ("file", "wanted"),
    [
        ("specs/hello.yaml", True),
        ("site/specs/deep/a.yml", True),
        ("count.vmf.yaml", True),
        ("docker-compose.yaml", False),
        ("myspecs/a.yaml", False),
        ("specs/a.yaml.txt", False),
    ],
)
def test_the_hook_takes_specs_and_leaves_the_yaml_of_others(hook, file, wanted):
    assert bool(re.search(hook["files"], file)) is wanted


if __name__ == "__main__":
    sys.stdout.write(page())

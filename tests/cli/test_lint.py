from __future__ import annotations

import json
from types import MappingProxyType, SimpleNamespace
from xml.etree import ElementTree as ET

import pytest

from lint.reports import RULES, finding
from vmf import cli
from vmf.cli import lint
from vmf.lint import inline

CLEAN, FOUND, FAILED = 0, 1, 2
KNOWN = MappingProxyType({each.id: each for each in (*RULES.values(), *inline.RULES)})


class Judge(SimpleNamespace):
    """Finds in each file what its lines say: `error`, `warning`, `note`; and remembers what it was asked."""

    def all_rules(self, plugins):
        assert plugins.types is not None
        return KNOWN

    def findings(self, paths, **asked):
        self.asked = asked
        for path in paths:
            for number, line in enumerate(path.read_text().splitlines(), start=1):
                if line.split(":")[0] in RULES:
                    yield finding(line.split(":")[0], where=str(path), line=number, column=1, source=line)


@pytest.fixture
def judge(monkeypatch):
    judge = Judge()
    monkeypatch.setattr(lint, "judge", judge)
    return judge


@pytest.fixture
def run(judge, tmp_path, monkeypatch, capsys):
    """Lint in a folder of three files; the exit code, and what was written where."""
    assert judge
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VMF_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)
    for severity in RULES:
        (tmp_path / f"{severity}.yaml").write_text(f"a: 1\n{severity}: 1\n")

    def act(*words):
        try:
            code = cli.main(["lint", *words])
        except SystemExit as ended:
            code = ended.code
        return SimpleNamespace(code=code, **capsys.readouterr()._asdict())

    return act


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["error.yaml"], FOUND),
        (["warning.yaml"], FOUND),
        (["note.yaml"], CLEAN),
        (["."], FOUND),
        ([".", "--exit-zero"], CLEAN),
        ([".", "--ignore", "VMF2,VMF301"], CLEAN),
        ([".", "--select", "VMF4"], CLEAN),
        (["--explain", "VMF203"], CLEAN),
    ],
)
def test_errors_and_warnings_fail_a_check_and_notes_do_not(run, words, code):
    assert run(*words).code == code


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "no file or folder is named"),
        ([".", "--unknown"], "--unknown"),
        ([".", "--format", "yaml"], "yaml"),
        ([".", "--select", "vmf301"], "did you mean VMF301?"),
        ([".", "--ignore", "VMF203,"], "'' is no rule"),
        ([""], "a path is wanted"),
        ([".", "--hosts", ""], "a path is wanted"),
        (["--explain"], "--explain"),
        (["--explain", "VMF204"], "did you mean VMF203?"),
        (["--explain", "VMF203", "."], "vmf lint --explain VMF203"),
    ],
)
def test_a_command_line_that_is_wrong_is_no_finding(run, words, said):
    done = run(*words)
    assert (done.code, done.out) == (FAILED, "")
    assert said in done.err


@pytest.mark.parametrize("error", [RuntimeError("x"), RecursionError("x"), OSError(5, "x", "f")])
def test_a_run_that_breaks_off_is_no_finding_and_shows_no_traceback(run, judge, error):
    def fail(*_, **__):
        raise error

    judge.findings = fail
    done = run(".")
    assert (done.code, done.out, "Traceback" in done.err) == (FAILED, "", False)
    assert "x" in done.err


@pytest.mark.parametrize("form", ["full", "json", "github", "sarif", "junit"])
def test_in_every_format_the_summary_goes_beside_the_findings(run, form):
    done = run(".", "--format", form)
    assert done.err == (
        "vmf: 3 findings (1 error, 1 warning, 1 note) in 3 of 3 files; `vmf lint --explain VMF203` says more\n"
    )
    assert all(id_ in done.out for id_ in ("VMF203", "VMF301", "VMF402"))


@pytest.mark.parametrize(
    ("form", "read", "empty"),
    [("json", json.loads, []), ("full", str, ""), ("github", str, "")],
)
def test_where_nothing_is_found_a_program_still_gets_its_document(run, form, read, empty):
    done = run(".", "--format", form, "--select", "VMF19")
    assert (done.code, read(done.out)) == (CLEAN, empty)
    assert done.err == "vmf: no findings in 3 files\n"


def test_junit_and_sarif_name_the_files_in_which_nothing_is_found(run):
    suite = ET.fromstring(run(".", "--format", "junit", "--select", "VMF19").out)  # noqa: S314  # our own
    assert [each.get("name") for each in suite] == ["error.yaml", "note.yaml", "warning.yaml"]


@pytest.mark.parametrize(
    ("actions", "words", "starts"),
    [
        ("true", (), "::error "),
        ("false", (), "error.yaml:2:1: VMF203 error: too small\n    error: 1\n    ^\n"),
        ("true", ("--format", "full"), "error.yaml:2:1: "),
    ],
)
def test_under_github_actions_findings_are_annotations_unless_told_otherwise(run, monkeypatch, actions, words, starts):
    monkeypatch.setenv("GITHUB_ACTIONS", actions)
    assert run("error.yaml", *words).out.startswith(starts)


@pytest.mark.parametrize(
    ("words", "left"),
    [
        (("--select", "VMF203", "--select", "VMF301"), "vmf: 2 findings (1 error, 1 warning)"),
        (("--ignore", "VMF203", "--ignore", "VMF301,VMF402"), "vmf: no findings"),
    ],
)
def test_what_is_said_twice_of_rules_counts_twice(run, words, left):
    assert run(".", *words).err.startswith(left)


def test_a_rule_is_explained(run):
    assert run("--explain", "VMF301").out == "VMF301 (warning): VMF301 it is\n\nVMF301 matters.\n\nMend VMF301.\n"


def test_a_comment_silences(run, tmp_path):
    (tmp_path / "error.yaml").write_text("error: 1 # vmf: ignore[VMF203]\n")
    assert run("error.yaml").err == "vmf: no findings in 1 file\n"


def test_the_configuration_counts_and_the_command_line_wins(run, judge, tmp_path):
    (tmp_path / "vmf.toml").write_text('ignore = ["VMF2"]\nexclude = ["note.yaml"]\nhosts = ["hosts/desk.yaml"]\n')
    (tmp_path / "hosts").mkdir()
    (tmp_path / "hosts/desk.yaml").touch()
    done = run(".")
    assert done.err.startswith("vmf: 1 finding (1 warning) in 1 of 3 files")
    assert done.err.endswith(", 1 excluded\n")
    assert [str(each) for each in judge.asked["hosts"]] == ["hosts/desk.yaml"]
    assert run(".", "--ignore", "VMF3", "--hosts", "other.yaml").err.startswith("vmf: 1 finding (1 error)")
    assert [str(each) for each in judge.asked["hosts"]] == ["other.yaml"]
    assert run(".", "--hosts", "hosts").code == FOUND
    assert [str(each) for each in judge.asked["hosts"]] == ["hosts/desk.yaml"]
    assert judge.asked["images"] == tmp_path / "home/images"


def test_of_a_folder_of_hosts_those_are_read_that_vmf_run_would_read(run, judge, tmp_path):
    (tmp_path / "hosts/old").mkdir(parents=True)
    for name in ("hosts/desk.yaml", "hosts/.hidden.yaml", "hosts/old/far.yaml"):
        (tmp_path / name).touch()
    run("error.yaml", "--hosts", "hosts")
    assert [str(each) for each in judge.asked["hosts"]] == ["hosts/desk.yaml"]


@pytest.mark.parametrize("content", ["ignore = ['VMF9']", "ignore = 1", "ignor = []", "="])
def test_a_configuration_that_is_wrong_is_no_finding(run, tmp_path, content):
    (tmp_path / "vmf.toml").write_text(content)
    assert run(".").code == FAILED

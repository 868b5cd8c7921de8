from __future__ import annotations

import os
from pathlib import Path

import pytest

from lint.toys import furnish, toys
from vmf.lint import inline, judge
from vmf.lint.finding import Report


@pytest.fixture(scope="session")
def plugins():
    return toys()


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The current folder, with the files that the samples name."""
    monkeypatch.chdir(tmp_path)
    furnish(tmp_path)
    return tmp_path


@pytest.fixture
def judged(folder, plugins):
    """What is found in files of these contents, called 0.yaml and so on."""

    def judged(*contents: bytes | str, hosts: tuple[bytes | str, ...] = ()):
        paths = _written("", contents)
        listed = _written("host-", hosts)
        all_ = judge.findings(paths, plugins=plugins, hosts=listed, images=folder / "images")
        files = (*paths, *listed)
        return Report.of(inline.heed(all_, files), files).findings

    return judged


def _written(start, contents):
    paths = [Path(f"{start}{number}.yaml") for number, _ in enumerate(contents)]
    for path, content in zip(paths, contents, strict=True):
        path.write_bytes(os.fsencode(content))
    return paths


@pytest.fixture
def places(judged):
    """The same: the rules, files, lines and columns."""

    def places(*contents, **more):
        found = judged(*contents, **more)
        return [(each.fault.where, each.fault.line, each.fault.column, each.rule.id) for each in found]

    return places

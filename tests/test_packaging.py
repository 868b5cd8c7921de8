"""The distributions as users get them: what is in each, that each installs alone, and that every version is pinned."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
from email.parser import HeaderParser
from importlib import metadata
from itertools import product
from pathlib import Path
from zipfile import ZipFile

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import vmf

ROOT = Path(__file__).parents[1]
CONSTRAINTS = ROOT / "constraints.txt"
PLUGINS = ("libvirt", "kvm", "xen", "vmware")
FOLDERS = {"vmf": ROOT, **{f"vmf-{each}": ROOT / "plugins" / each for each in PLUGINS}}
PACKAGES = {"vmf": ROOT / "core/vmf", **{f"vmf-{each}": ROOT / f"plugins/{each}/vmf_{each}" for each in PLUGINS}}
TOGETHER = {
    "vmf": {"vmf"},
    "vmf-libvirt": {"vmf", "vmf-libvirt", "libvirt-python"},
    "vmf-kvm": {"vmf", "vmf-libvirt", "vmf-kvm", "libvirt-python"},
    "vmf-xen": {"vmf", "vmf-libvirt", "vmf-xen", "libvirt-python"},
    "vmf-vmware": {"vmf", "vmf-vmware"},
}
"""What comes with each distribution, of our own and of libvirt's."""

PYTHONS = ("3.11", "3.12", "3.13")
BUILDING = ("setuptools", "editables")
"""What building asks for without metadata that says so: libvirt-python's wheel, and an editable one."""

IMPORT_ALL = """
import importlib, pkgutil, sys
for root in sys.argv[1:]:
    package = importlib.import_module(root)
    for module in pkgutil.walk_packages(package.__path__, f"{root}."):
        # two are programs; the contract suite is for those who have pytest
        if not module.name.startswith(("vmf.__main__", "vmf_kvm.launcher", "vmf.testing.contract")):
            importlib.import_module(module.name)
"""


def python(*arguments, **settings):
    return subprocess.run((sys.executable, *arguments), check=True, cwd=ROOT, **settings)


@pytest.fixture(scope="module")
def wheels(tmp_path_factory):
    """The wheel of each distribution, built from its source archive."""
    folder = tmp_path_factory.mktemp("dist")
    for source in FOLDERS.values():
        python("-m", "build", "--no-isolation", "--outdir", folder, source, stdout=subprocess.DEVNULL)
    return {name: next(folder.glob(f"{name.replace('-', '_')}-*.whl")) for name in FOLDERS}


@pytest.fixture(scope="module", params=FOLDERS)
def installed(request, wheels, tmp_path_factory):
    """One distribution in a fresh environment: its name, and the folder of its programs."""
    environment = tmp_path_factory.mktemp("environment")
    python("-m", "venv", "--without-pip", environment)
    ours = environment / "ours.txt"
    ours.write_text("".join(f"{name} @ {wheel.as_uri()}\n" for name, wheel in wheels.items()))
    pip = ("-m", "pip", "--disable-pip-version-check", "--quiet", "--python", environment)
    pins = {"PIP_CONSTRAINT": CONSTRAINTS.name, "PIP_BUILD_CONSTRAINT": CONSTRAINTS.name}
    python(*pip, "install", "--constraint", ours, request.param, env={**os.environ, **pins})
    return request.param, environment / "bin"


def run(program, *arguments):
    done = subprocess.run((program, *arguments), check=False, capture_output=True, text=True)
    assert not done.returncode, done.stderr
    return done.stdout


@pytest.mark.packaging
@pytest.mark.parametrize("name", FOLDERS)
def test_a_wheel_holds_its_package_whole_and_nothing_else(wheels, name):
    package = PACKAGES[name]
    files = {path.relative_to(package.parent) for path in package.rglob("*") if path.is_file()}
    with ZipFile(wheels[name]) as wheel:
        held = {Path(each) for each in wheel.namelist()}
    about = Path(f"{name.replace('-', '_')}-{vmf.__version__}.dist-info")
    ours = {each for each in held if about not in each.parents}
    assert ours == {path for path in files if path.parent.name != "__pycache__"}
    assert package.relative_to(package.parent) / "py.typed" in ours
    assert about / "licenses/LICENSE" in held


@pytest.mark.packaging
@pytest.mark.parametrize("name", FOLDERS)
def test_a_wheel_says_what_it_is(wheels, name):
    with ZipFile(wheels[name]) as wheel:
        about = HeaderParser().parsestr(metadata_of(wheel))
    assert (about["Name"], about["Version"], about["License-Expression"]) == (name, vmf.__version__, "Apache-2.0")
    assert about["Requires-Python"] == ">=3.11"
    assert {f"Programming Language :: Python :: {each}" for each in PYTHONS} <= set(about.get_all("Classifier"))


def metadata_of(wheel):
    return wheel.read(next(each for each in wheel.namelist() if each.endswith("/METADATA"))).decode()


@pytest.mark.packaging
def test_each_installs_alone_and_works(installed):
    name, programs = installed
    assert run(programs / "vmf", "--version") == f"vmf {vmf.__version__}\n"
    there = {canonicalize_name(each.name) for each in metadata.distributions(path=[str(site(programs))])}
    assert there & set.union(*TOGETHER.values()) == TOGETHER[name]
    roots = sorted(each.replace("-", "_") for each in TOGETHER[name] & set(FOLDERS))
    run(programs / "python", "-I", "-c", IMPORT_ALL, *roots)
    listed = json.loads(run(programs / "vmf", "plugin", "ls", "--format", "json"))
    types = {"vmf-kvm": "kvm", "vmf-xen": "xen", "vmf-vmware": "vmware"}
    assert [(each["name"], each["error"]) for each in listed] == ([(types[name], "")] if name in types else [])


def site(programs):
    return next(programs.parent.glob("lib/python*/site-packages"))


def pins():
    """The exact version of each package; nothing but such lines may be in the file."""
    lines = [re.fullmatch(r"([\w.-]+)==([\w.]+)", line) for line in CONSTRAINTS.read_text().splitlines()]
    assert all(lines)
    return {canonicalize_name(line[1]): line[2] for line in lines}


def asked(requirements, extras):
    """Names and extras of the requirements that count on any Python that is supported."""
    for requirement, extra, version in product(map(Requirement, requirements), {"", *extras}, PYTHONS):
        where = {"extra": extra, "python_version": version, "python_full_version": f"{version}.0"}
        if requirement.marker is None or requirement.marker.evaluate(where):
            yield canonicalize_name(requirement.name), frozenset(requirement.extras)


def declared(folder):
    project = tomllib.loads((folder / "pyproject.toml").read_text())
    optional = project["project"].get("optional-dependencies", {})
    return [*project["build-system"]["requires"], *project["project"]["dependencies"], *optional.get("test", ())]


def test_the_pins_are_what_pip_installs_and_builds_with():
    waiting = {each for folder in FOLDERS.values() for each in asked(declared(folder), ())}
    seen = set()
    while waiting:
        seen.add(each := waiting.pop())
        name, extras = each
        if name not in FOLDERS:
            waiting |= set(asked(metadata.requires(name) or (), extras)) - seen
    assert {name for name, _ in seen} - set(FOLDERS) | set(BUILDING) == set(pins())


def test_what_runs_here_are_the_pinned_versions():
    here = {canonicalize_name(each.name): each.version for each in metadata.distributions()}
    strays = {name: here[name] for name, version in pins().items() if here.get(name, version) != version}
    assert set(strays) <= {"setuptools"}  # `venv` brings its own, and nothing here uses it

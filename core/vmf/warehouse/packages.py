"""Packages of the distribution, fetched and unpacked into a folder; nothing is installed and no root is needed."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

from vmf.errors import SetupError

BY_HAND = "docs/guest.md says how to make an image by hand"

_NAMES = re.compile(r"(?:^|,)\s*([^\s,|(]+)")
_CANDIDATE = re.compile(r"^\s*Candidate: (?!\(none\))", re.MULTILINE)


class Unpacked:
    """Packages unpacked together below `root`; `versions` has the version of each by its name."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "root"
        self.versions: dict[str, str] = {}
        self._folder = folder

    def add(self, package: str, *, follow: re.Pattern[str]) -> None:
        """Fetch and unpack a package, with those of its dependencies whose names match `follow`.

        Raises:
            SetupError: if it cannot be had, with the last words of the tool that failed.
        """
        archive = self._download(package)
        self.versions[package] = _run("dpkg-deb", "--field", archive, "Version").strip()
        _run("dpkg-deb", "--extract", archive, self.root)
        for name in _NAMES.findall(_run("dpkg-deb", "--field", archive, "Depends")):
            if follow.fullmatch(name) and name not in self.versions:
                self.add(name, follow=follow)

    def find(self, pattern: str) -> Path:
        """Return the file that matches a glob below `root`.

        Raises:
            SetupError: if there is none.
        """
        for path in sorted(self.root.glob(pattern)):
            return path
        raise SetupError(f"no {pattern} in the packages {', '.join(self.versions)}", hint=BY_HAND)

    def _download(self, package: str) -> Path:
        folder = self._folder / package
        folder.mkdir(parents=True)
        # as root, apt would download as a user of its own, who cannot write here
        sandbox = ("-o", "APT::Sandbox::User=root") if os.geteuid() == 0 else ()
        _run("apt-get", "-q", *sandbox, "download", package, folder=folder)
        return next(folder.glob("*.deb"))


def known(package: str) -> bool:
    """Say whether the package lists of this system have the package.

    Raises:
        SetupError: if this system has no apt.
    """
    return _CANDIDATE.search(_run("apt-cache", "policy", package)) is not None


def _run(tool: str, *arguments: str | Path, folder: Path | None = None) -> str:
    english = {**os.environ, "LC_ALL": "C.UTF-8"}
    try:
        done = subprocess.run([tool, *arguments], cwd=folder, env=english, check=True, capture_output=True, text=True)
    except FileNotFoundError as error:
        raise SetupError(
            f"the tiny guest is made of a Debian's or Ubuntu's packages, and there is no {tool} here",
            hint=f"it needs apt-get, apt-cache and dpkg-deb; {BY_HAND}",
        ) from error
    except subprocess.CalledProcessError as error:
        last = "; ".join(line.strip() for line in error.stderr.splitlines()[-3:])
        raise SetupError(
            f"{tool} {arguments[0]} failed: {last}",
            hint=f"if the package lists are old, `apt-get update` renews them; {BY_HAND}",
        ) from error
    return done.stdout

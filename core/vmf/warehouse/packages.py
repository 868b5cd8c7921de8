"""Packages of the distribution, fetched and unpacked into a folder; nothing is installed and no root is needed."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

from vmf.errors import SetupError


class Unpacked:
    """Packages unpacked together below one folder.

    `root` is that folder, `versions` names each package with its version.
    """

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
        depends = _run("dpkg-deb", "--field", archive, "Depends")
        for name in re.findall(r"(?:^|,)\s*([^\s,|(]+)", depends):
            if follow.fullmatch(name) and name not in self.versions:
                self.add(name, follow=follow)

    def _download(self, package: str) -> Path:
        folder = self._folder / package
        folder.mkdir(parents=True)
        # as root, apt would download as a user of its own, who cannot write here
        sandbox = ("-o", "APT::Sandbox::User=root") if os.geteuid() == 0 else ()
        _run("apt-get", "-q", *sandbox, "download", package, folder=folder)
        return next(folder.glob("*.deb"))


def known(package: str) -> bool:
    """Say whether the distribution's lists have the package; no network is needed.

    Raises:
        SetupError: if this system has no apt.
    """
    return "\n  Candidate: " in _run("apt-cache", "policy", package).replace("Candidate: (none)", "")


def _run(tool: str, *arguments: str | Path, folder: Path | None = None) -> str:
    quiet = {**os.environ, "LC_ALL": "C"}
    try:
        done = subprocess.run([tool, *arguments], cwd=folder, env=quiet, check=True, capture_output=True, text=True)
    except FileNotFoundError as error:
        raise SetupError(
            f"the tiny guest is made of a distribution's packages, and there is no {tool} here",
            hint="it needs apt-get and dpkg-deb, as on Debian or Ubuntu; docs/guest.md says how to make an image by hand",
        ) from error
    except subprocess.CalledProcessError as error:
        said = "; ".join(line.strip() for line in error.stderr.splitlines()[-3:])
        raise SetupError(
            f"{tool} failed with {error.returncode}: {said}",
            hint="if the package lists are old, `apt-get update` renews them; docs/guest.md says how to make an image by hand",
        ) from error
    return done.stdout

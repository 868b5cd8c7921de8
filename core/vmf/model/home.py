"""The state folder."""

from pathlib import Path

from msgspec import Struct


class Home(Struct, frozen=True):
    """The state folder of one user: everything that vmf keeps lies below it, private to its owner."""

    root: Path
    warehouse: Path | None = None
    """A warehouse that others use, too; None: the user's own, below the state folder."""
    remotes: tuple[str, ...] = ()
    """Addresses of warehouses that are read from elsewhere; there may be passwords in them."""

    @property
    def store(self) -> Path:
        """The database of jobs, claims and facts."""
        return self.root / "store.db"

    @property
    def images(self) -> Path:
        """The warehouse: images that a job can name."""
        return self.warehouse or self.root / "images"

    @property
    def remote(self) -> Path:
        """What has come of the files of warehouses elsewhere."""
        return self.root / "remote"

    def job(self, number: int) -> Path:
        """The folder of one job: its lock, log and socket, and the files under construction."""
        return self.root / "jobs" / str(number)

    def keys(self, number: int) -> Path:
        """The keys to one job's guest, and what is known of it to whoever logs in there."""
        return self.job(number) / "ssh"

    def workshop(self, number: int) -> Path:
        """What is made for one job on its way to the host; it may hold secrets, and does not stay."""
        return self.job(number) / "workshop"

    def exchange(self, number: int) -> Path:
        """What is asked of one job's guest while it runs, on its way in and out."""
        return self.job(number) / "exchange"

    def checkpoints(self, number: int) -> Path:
        """What one job can go on from."""
        return self.job(number) / "checkpoints"

    def acted(self, number: int) -> Path:
        """What actions of the host have made of one job's disks before its machine, and their logs."""
        return self.job(number) / "acted"

    def ended(self, number: int) -> Path:
        """The logs of what was done before one job's machine was destroyed."""
        return self.job(number) / "finally"

    def said(self, number: int) -> Path:
        """The console of one job's guest up to the checkpoint that it went on from, if it did."""
        return self.job(number) / "console"

    def host(self, name: str) -> Path:
        """What a hypervisor plugin keeps for one host."""
        return self.root / "hosts" / name

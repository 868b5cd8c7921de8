"""What was seen of hosts, steps and files, so that nobody has to look again, or to wait and see."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping

from vmf.model import Facts, Pace, Setback, Work
from vmf.store.connection import Connection, decode, encode


class Sightings(Connection):
    """The tables of it. Every method is one transaction."""

    def facts(self, host: str) -> Facts | None:
        """What the last probe of a host found."""
        rows = self._rows("SELECT facts FROM facts WHERE host = ?", host)
        return decode(rows[0][0], Facts) if rows else None

    def keep_facts(self, host: str, facts: Facts) -> None:
        """Keep what a probe found: the host is another one now, and nothing else that was seen of it counts."""
        with self._transaction():
            self._db.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", (host, encode(facts)))
            self._db.execute("DELETE FROM setbacks WHERE host = ?", (host,))
            self._db.execute("DELETE FROM paces WHERE host = ?", (host,))

    def paces(self, host: str) -> Mapping[Work, Pace]:
        """How fast a host was seen to work."""
        rows = self._rows("SELECT work, pace FROM paces WHERE host = ?", host)
        return {Work(work): decode(pace, Pace) for work, pace in rows}

    def keep_pace(self, host: str, work: Work, pace: Pace) -> None:
        """Keep how fast a host has just worked, beside what it did before."""
        with self._transaction():
            seen = pace.after(self.paces(host).get(work))
            self._db.execute("INSERT OR REPLACE INTO paces VALUES (?, ?, ?)", (host, work, encode(seen)))

    def step_seconds(self, digests: Iterable[str]) -> Mapping[str, float]:
        """How long the steps of these digests were seen to take, those of them that were done here before."""
        found = ((digest, self._rows("SELECT pace FROM steps WHERE digest = ?", digest)) for digest in digests)
        return {digest: decode(rows[0][0], Pace).each for digest, rows in found if rows}

    def keep_step(self, digest: str, seconds: float) -> None:
        """Keep how long a step has just taken, beside what it did before."""
        with self._transaction():
            rows = self._rows("SELECT pace FROM steps WHERE digest = ?", digest)
            seen = Pace(amount=1, seconds=seconds).after(decode(rows[0][0], Pace) if rows else None)
            self._db.execute("INSERT OR REPLACE INTO steps VALUES (?, ?)", (digest, encode(seen)))

    def setbacks(self, host: str) -> Mapping[str, Setback]:
        """What a host has failed at since it last did it: abilities, and `ITSELF` if that was all."""
        rows = self._rows("SELECT ability, setback FROM setbacks WHERE host = ? ORDER BY ability", host)
        return {ability: decode(setback, Setback) for ability, setback in rows}

    def set_back(self, host: str, ability: str, reason: str) -> Setback:
        """Set aside what a host has failed at: for longer each time; one that is set aside already stays as it is."""
        now = time.time()
        with self._transaction():
            last = self.setbacks(host).get(ability)
            if last and not last.is_over(now):
                return last
            setback = Setback(reason=reason, at=now, times=last.times + 1 if last else 1)
            self._db.execute("INSERT OR REPLACE INTO setbacks VALUES (?, ?, ?)", (host, ability, encode(setback)))
        return setback

    def recover(self, host: str, abilities: Iterable[str]) -> None:
        """Set no more of these aside: the host has just done them."""
        if recovered := self.setbacks(host).keys() & set(abilities):
            with self._transaction():
                rows = ((host, ability) for ability in recovered)
                self._db.executemany("DELETE FROM setbacks WHERE host = ? AND ability = ?", rows)

    def checksum(self, file: bytes, stamp: str) -> str | None:
        """The SHA-256 that a file had when it bore this stamp."""
        rows = self._rows("SELECT sha256 FROM checksums WHERE file = ? AND stamp = ?", file, stamp)
        return str(rows[0][0]) if rows else None

    def keep_checksum(self, file: bytes, stamp: str, sha256: str) -> None:
        """Keep the SHA-256 of a file as it is now, in place of that of what it was."""
        with self._transaction():
            self._db.execute("INSERT OR REPLACE INTO checksums VALUES (?, ?, ?)", (file, stamp, sha256))

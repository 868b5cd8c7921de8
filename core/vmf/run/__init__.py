"""The room with clocks, threads and side effects: it carries jobs from idle to their end."""

from vmf.run.bidding import known, size_of
from vmf.run.engine import Engine
from vmf.run.hosts import Hosts
from vmf.run.notices import Advanced, Console, Notice, Remark, Staging, Stuck
from vmf.run.results import says_nothing
from vmf.run.waking import beginning
from vmf.run.world import world

__all__ = [
    "Advanced",
    "Console",
    "Engine",
    "Hosts",
    "Notice",
    "Remark",
    "Staging",
    "Stuck",
    "beginning",
    "known",
    "says_nothing",
    "size_of",
    "world",
]

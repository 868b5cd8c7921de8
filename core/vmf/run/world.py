"""The world as expressions may see it: this computer's clock, zone, users and chance."""

from __future__ import annotations

import logging
import pwd
import random
import time

from vmf.classad import World

log = logging.getLogger(__name__)


def world() -> World:
    """The world now; the clock stands still in it."""
    return World(
        now=int(time.time()),
        zone=lambda moment: time.localtime(moment).tm_gmtoff,
        random=random.random,
        home=_home,
        debug=log.info,
    )


def _home(user: str) -> str | None:
    try:
        return pwd.getpwnam(user).pw_dir
    except KeyError:
        return None

"""`vmf` that gives guests another time to power off: `with_grace.py SECONDS WORD…`."""

from __future__ import annotations

import sys

from vmf.cli import main
from vmf.run import life

if __name__ == "__main__":
    life.GRACE_SECONDS = float(sys.argv[1])
    sys.exit(main(sys.argv[2:]))

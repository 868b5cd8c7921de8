"""`python -m vmf` is `vmf`."""

import sys

from vmf.cli import main

sys.exit(main())

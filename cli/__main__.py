"""`python -m cli`: the console script `kohakuriver`, and what `up --detach` starts."""

import sys

from cli.main import run

sys.exit(run())

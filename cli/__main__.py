"""`python -m kohakuriver.cli`: the console script `kohakuriver`, and what `up --detach` starts."""

import sys

from kohakuriver.cli.main import run

sys.exit(run())

"""`python -m kohakuriver.apiserver`: options in, a process that serves until SIGTERM out."""

import asyncio
import logging
import sys

from kohakuriver import logs, program
from kohakuriver.apiserver import options
from kohakuriver.apiserver.program import LOG, run
from kohakuriver.errors import ConfigError


def main() -> int:
    """The exit code."""
    given = options.parse()
    logs.configure(logging.DEBUG if given.verbose else logging.INFO)
    try:
        with asyncio.Runner(loop_factory=program.loop_factory()) as runner:
            runner.run(run(given))
    except asyncio.CancelledError:
        LOG.info("stopped")
    except ConfigError as error:
        return program.refused(error)
    return 0


if __name__ == "__main__":
    sys.exit(main())

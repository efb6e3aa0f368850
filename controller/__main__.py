"""`python -m kohakuriver.controller`: reads options and runs one controller until a signal ends it."""

import asyncio
import logging
import sys
from collections.abc import Sequence

from kohakuriver import errors, logs, program
from kohakuriver.client import config
from kohakuriver.controller import options

log = logging.getLogger("controller")


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code."""
    given = options.parse(arguments)
    try:
        connection = config.load(given.config, context=given.context)
    except errors.ConfigError as error:
        return program.refused(error)
    logs.configure(logging.DEBUG if given.verbose else logging.INFO)
    # kopf imports each of them that is installed, for operators that use their types: a fifth of the start.
    for library in ("kubernetes", "kubernetes_asyncio", "pykube"):
        sys.modules[library] = None  # type: ignore[assignment]
    from kohakuriver.controller.program import serve

    try:
        with asyncio.Runner(loop_factory=program.loop_factory()) as runner:
            runner.run(serve(given, connection))
    except errors.ConfigError as error:
        return program.failed(log, error)
    return 0


if __name__ == "__main__":
    sys.exit(main())

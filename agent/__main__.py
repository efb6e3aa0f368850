"""`python -m kohakuriver.agent`: reads the command line, does what it asks for, and says what went wrong.

What does the work is imported once the command line makes sense: `up` has each of its options checked here.
"""

import contextlib
import functools
import logging
import sys
from collections.abc import Iterator

from kohakuriver import errors, logs
from kohakuriver.agent import options
from kohakuriver.agent.machine import facts
from kohakuriver.agent.settings import Settings

log = logging.getLogger("agent")
Wanted = Settings | options.Purge | options.RemoveService


def main(arguments: list[str]) -> int:
    """The exit code."""
    wanted = options.parse(arguments)
    verbose = isinstance(wanted, Settings) and wanted.verbose
    logs.configure(logging.DEBUG if verbose else logging.INFO)
    code = 0
    try:
        _do(wanted, arguments)
    except* errors.KohakuRiverError as group:
        from kohakuriver import program

        for error in _flat(group):
            code = program.failed(log, error)
            if isinstance(wanted, Settings) and _is_given_up(error):
                _name_remains(wanted)
    return code


def _do(wanted: Wanted, arguments: list[str]) -> None:
    import asyncio

    # docker imports it for engines that are reached by SSH, and this one is not: a seventh of the start.
    sys.modules["paramiko"] = None  # type: ignore[assignment]
    from kohakuriver import program
    from kohakuriver.agent import service
    from kohakuriver.agent.program import alone, join, purge, run

    if isinstance(wanted, options.Purge):
        purge(wanted)
    elif isinstance(wanted, options.RemoveService):
        _say(service.AgentService.here(wanted.data_dir).remove(is_root=facts.is_root()))
    elif wanted.install_service:
        unit = service.AgentService.here(wanted.data_dir)
        joining = functools.partial(join, wanted)
        _say(unit.install(arguments, wanted, join=joining, is_root=facts.is_root()))
    else:
        with alone(wanted.data_dir), asyncio.Runner(loop_factory=program.loop_factory()) as runner:
            runner.run(run(wanted))


def _say(lines: list[str]) -> None:
    for line in lines:
        log.info(line)


def _is_given_up(error: errors.KohakuRiverError) -> bool:
    return isinstance(error, errors.ApiError) and any(one.reason == "NodeForgotten" for one in error.causes)


def _name_remains(settings: Settings) -> None:
    """A node that was given up is not let in; its containers are for a person to look at."""
    from kohakuriver.agent.runtime import remains

    with contextlib.suppress(errors.KohakuRiverError):
        for name in remains.of_node(settings.node, socket=settings.docker):
            log.warning("a container of this node is left as it is", extra={"container": name})


def _flat(group: BaseExceptionGroup[errors.KohakuRiverError]) -> Iterator[errors.KohakuRiverError]:
    for error in group.exceptions:
        if isinstance(error, BaseExceptionGroup):
            yield from _flat(error)
        else:
            yield error


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

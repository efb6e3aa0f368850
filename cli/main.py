"""The console script: the one place where errors become text and exit codes.

0 done, 1 an error, 2 the command line was wrong, 124 a wait timed out, 130 Ctrl-C, 141 nobody reads stdout.
 No traceback reaches a person, unless `-v` asks for one.
"""

import atexit
import contextlib
import gc
import os
import sys
from collections.abc import Callable, Sequence
from typing import Any

from kohakuriver import errors
from kohakuriver.cli import failures, screen
from kohakuriver.cli.framework import front, reading

COMPLETE = "__complete"  # what the scripts of `completion` ask
_MANY = 50_000  # objects, some megabytes: about those of a list of a thousand VPSes
ERROR, USAGE, TIMED_OUT, INTERRUPTED, NO_READER = 1, 2, 124, 130, 141


def run(arguments: Sequence[str] | None = None, *, whole: Callable[[], None] = lambda: None) -> int:
    """Carry out one command line, that of this process where none is given; the exit code.

    `whole` completes an environment in which only what is called often can be imported.
    """
    if arguments is not None:
        return _run(list(arguments), whole)
    gc.disable()  # until the command is known: imports make nothing that is to be collected
    _open_what_is_closed()
    code: list[int] = []
    atexit.register(_leave, code)  # before anybody else does, and so it comes last
    code.append(_run(sys.argv[1:], whole))
    return code[0]


def _open_what_is_closed() -> None:
    """Whoever closed a standard stream (`>&-`) wants nothing of it; and no file may get its number."""
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        if getattr(sys, name) is None:
            opened = os.open(os.devnull, os.O_RDWR)
            if opened != number:
                os.dup2(opened, number)
                os.close(opened)
            setattr(sys, name, open(number, mode, closefd=False))  # noqa: SIM115 - as long as the process


def _leave(code: list[int]) -> None:
    """End this process now: to take apart all that was imported takes longer than many a command."""
    if code:
        with contextlib.suppress(OSError):  # else the interpreter says what is wrong with stdout
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code[0])


def _run(words: list[str], whole: Callable[[], None]) -> int:
    try:
        code = _complete(words[1:]) if words[:1] == [COMPLETE] else _call(words, whole)
        sys.stdout.flush()
    except BrokenPipeError:
        _forget_stdout()
        return NO_READER
    except KeyboardInterrupt:
        screen.note("")
        return INTERRUPTED
    return code


def _call(words: list[str], whole: Callable[[], None]) -> int:
    try:
        if (page := front.page(words)) is not None:
            screen.out(page, end="")
            return 0
        if (line := reading.read(words)) is not None:
            _collect(seldom=True)
            return line.call()
        whole()
        return by_typer(words)
    except failures.TimedOut as error:
        screen.fail(error.message, hint=error.hint)
        return TIMED_OUT
    except failures.UsageError as error:
        screen.fail(error.message, hint=error.hint)
        return USAGE
    except errors.KohakuRiverError as error:
        from kohakuriver.cli import absent

        told = absent.reworded(error)
        screen.fail(told.message, hint=told.hint)
        return ERROR
    except BrokenPipeError:
        raise
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        screen.fail(f"{where}{error.strerror or error}")
        return ERROR
    except Exception as error:
        if isinstance(error, UnicodeEncodeError) and (foreign := [one for one in words if not _is_text(one)]):
            screen.fail(
                f'"{foreign[0]}" holds bytes that are no UTF-8, which the API has no way to say',
                hint="a command in a VPS can make them itself: kohakuriver exec NAME -- sh -c COMMAND",
            )
            return USAGE
        if hasattr(error, "format_message"):  # typer's usage errors
            return _usage(error, words)
        return _unexpected(error, traceback="-v" in words or "--verbose" in words)


def _is_text(word: str) -> bool:
    """Whether all bytes of a word were UTF-8; others stand in it as halves of characters."""
    return not any("\ud800" <= one <= "\udfff" for one in word)


def _collect(*, seldom: bool = False) -> None:
    """Have collected what is made from now on: never what was imported, and seldom where little is made."""
    if not gc.isenabled():
        gc.freeze()
        gc.enable()
        if seldom:
            gc.set_threshold(_MANY)


def by_typer(words: list[str]) -> int:
    """Have typer read the words, and call what they say; the exit code."""
    # Here, so that Ctrl-C during the imports is caught too.
    from kohakuriver.cli.completing import candidates
    from kohakuriver.cli.framework import application
    from kohakuriver.cli.framework.habits import placing

    _collect()
    placed = placing.behind(words, candidates.options_of)
    result = application.build().main(args=placed, prog_name="kohakuriver", standalone_mode=False)
    return result if isinstance(result, int) else 0


def _complete(words: list[str]) -> int:
    from kohakuriver.cli.completing import candidates

    return candidates.main(words)


def _usage(error: Any, words: list[str]) -> int:
    message = str(error.format_message()).strip()
    if not message:  # no arguments where some are needed: help says it all
        return USAGE
    context = getattr(error, "ctx", None)
    path = context.command_path if context is not None else "kohakuriver"
    message = _missing(error, words) or _in_our_quotes(message[:1].lower() + message[1:].rstrip("."))
    screen.fail(message, hint=f"see what it takes: {path} --help")
    return USAGE


def _missing(error: Any, words: list[str]) -> str:
    """`DST is missing: kohakuriver cp dev:a DST`; nothing where nothing is missing."""
    import shlex

    parameter = getattr(error, "param", None)
    if type(error).__name__ != "MissingParameter" or parameter is None:
        return ""
    value = _named(parameter)
    if parameter.param_type_name == "option":
        option = parameter.opts[0]
        return f"{option} is missing: {shlex.join(['kohakuriver', *words])} {option} {value}"
    arguments = [one for one in error.ctx.command.params if one.param_type_name == "argument"]
    left = [_named(one) for one in arguments[arguments.index(parameter) :] if one.required]
    return f"{value} is missing: {' '.join([shlex.join(['kohakuriver', *words]), *left])}"


def _named(parameter: Any) -> str:
    return str(parameter.metavar or parameter.name.upper())


def _in_our_quotes(message: str) -> str:
    """Options stand bare, what somebody typed in double quotes."""
    import re

    return re.sub(
        r"'([^']*)'", lambda found: found[1] if found[1].startswith("-") else f'"{found[1]}"', message
    )


def _unexpected(error: Exception, *, traceback: bool) -> int:
    if traceback:
        import traceback as tracebacks

        screen.note("".join(tracebacks.format_exception(error)).rstrip())
    screen.fail(
        f"this should not have happened: {type(error).__name__}: {error}",
        hint="the same command with -v shows where; please report it",
    )
    return ERROR


def _forget_stdout() -> None:
    """Nobody reads: keep the interpreter from complaining when it flushes at exit."""
    import signal  # here, as it makes enums of all that there are

    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())

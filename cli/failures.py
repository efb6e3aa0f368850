"""Two ways for a command to end that have exit codes of their own; `main.py` gives them."""

from kohakuriver import errors


class UsageError(errors.KohakuRiverError):
    """The command line cannot be meant as it stands: exit code 2."""


class TimedOut(errors.KohakuRiverError):
    """What was waited for has not come; the message says how it stands instead: exit code 124."""

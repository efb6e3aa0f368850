"""Ways for a command to end that the API knows nothing of; `main.py` gives them their exit codes."""

from kohakuriver import errors


class UsageError(errors.KohakuRiverError):
    """The command line cannot be meant as it stands: exit code 2."""


class TimedOut(errors.KohakuRiverError):
    """What was waited for has not come; the message says how it stands instead: exit code 124."""


class Abandoned(errors.KohakuRiverError):
    """The person was asked, and said no: exit code 1."""

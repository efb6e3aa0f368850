"""`config current-context`: the name of the context that counts."""

from kohakuriver import errors
from kohakuriver.cli import screen
from kohakuriver.cli.contexts import file as files
from kohakuriver.cli.contexts.file import Config

EXAMPLES = """
kohakuriver config current-context
"""


def current_context(config: Config = None) -> int:
    """Show which context counts where none is named with --context."""
    found = files.load(config)
    if not found.current:
        raise errors.ConfigError(
            f"{found.path} does not say which context counts",
            hint="choose one: kohakuriver config use-context NAME",
        )
    screen.out(found.current)
    return 0

"""What the global options say, and the connection that follows from it."""

import contextlib
import dataclasses
import shlex
import socket
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kohakuriver.cli.api.http import Api
    from kohakuriver.cli.view.standing import Reader
    from kohakuriver.client.config import Connection

DEFAULT_TIMEOUT = 30.0  # seconds a single request may take


@dataclasses.dataclass(frozen=True, slots=True)
class Settings:
    """The global options of one call."""

    config: Path | None = None
    context: str | None = None
    namespace: str | None = None
    request_timeout: float = DEFAULT_TIMEOUT
    verbose: bool = False
    opened: contextlib.ExitStack = dataclasses.field(
        default_factory=contextlib.ExitStack, compare=False, repr=False
    )
    """What is closed when the command is over."""

    def connection(self) -> "Connection":
        """The API server and identity that are meant. Raises ConfigError."""
        from kohakuriver.client import config

        connection = config.load(self.config, context=self.context)
        if self.namespace:
            connection = dataclasses.replace(connection, namespace=self.namespace)
        return connection

    def api(self) -> "Api":
        """A connection to it, made when first used. Raises ConfigError."""
        from kohakuriver.cli import screen
        from kohakuriver.cli.api.http import Api

        trace = screen.note if self.verbose else None
        api = Api(self.connection(), timeout=self.request_timeout, warn=screen.warn, trace=trace)
        self.opened.callback(api.close)
        return api

    def reader(self) -> "Reader":
        """Who gave these options, for the commands they are told. Raises ConfigError."""
        from kohakuriver.cli.view.standing import Reader
        from kohakuriver.client import config

        at_home = config.load(self.config, context=self.context).namespace
        given = {"--config": self.config, "--context": self.context}
        options = [shlex.quote(str(word)) for pair in given.items() if pair[1] for word in pair]
        return Reader(socket.gethostname(), at_home, tuple(options))

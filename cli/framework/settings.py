"""What the global options say, and the connection that follows from it."""

import contextlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from kohakuriver.cli.api.http import Api
    from kohakuriver.cli.view.standing import Reader
    from kohakuriver.client.config import Connection

DEFAULT_TIMEOUT = 30.0  # seconds a single request may take


class Settings:
    """The global options of one call, and what is closed when that is over.

    No dataclass: to import what makes one takes longer than much that a short command does.
    """

    def __init__(
        self,
        config: "str | Path | None" = None,
        context: str | None = None,
        namespace: str | None = None,
        request_timeout: float = DEFAULT_TIMEOUT,
        verbose: bool = False,
        *,
        opened: contextlib.ExitStack | None = None,
    ) -> None:
        self.file = config
        self.context = context
        self.namespace = namespace
        self.request_timeout = request_timeout
        self.verbose = verbose
        self.opened = opened or contextlib.ExitStack()

    def but(self, **changes: Any) -> "Settings":
        """The same with these changes; what it opens is closed with this one."""
        return Settings(**{**self.given, "opened": self.opened, **changes})

    @property
    def given(self) -> dict[str, Any]:
        """What the options say."""
        return {
            "config": self.file,
            "context": self.context,
            "namespace": self.namespace,
            "request_timeout": self.request_timeout,
            "verbose": self.verbose,
        }

    @property
    def config(self) -> "Path | None":
        """The config file that was named."""
        from pathlib import Path  # here, as hardly any command asks

        return Path(self.file) if self.file is not None else None

    def connection(self) -> "Connection":
        """The API server and identity that are meant. Raises ConfigError."""
        from kohakuriver.client import config

        connection = config.load(self.file, context=self.context)
        if self.namespace:
            connection = connection._replace(namespace=self.namespace)
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
        import shlex
        import socket

        from kohakuriver.cli.view.standing import Reader
        from kohakuriver.client import config

        at_home = config.load(self.file, context=self.context).namespace
        given = {"--config": self.config, "--context": self.context}
        options = [shlex.quote(str(word)) for pair in given.items() if pair[1] for word in pair]
        return Reader(socket.gethostname(), at_home, tuple(options))

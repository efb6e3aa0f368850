"""What the programs of a test cluster are started with: certificates, tokens, a config file per identity."""

import datetime
import hashlib
import json
import secrets
from collections.abc import Sequence
from pathlib import Path

from kohakuriver import certificates
from kohakuriver.client import config
from kohakuriver.client.config import Connection
from tests.e2e.api import Api
from tests.e2e.conftest import free_port


class BedFiles:
    """All of one cluster, in one folder."""

    def __init__(self, folder: Path, *, server: str, nodes: Sequence[str]) -> None:
        self.folder, self.server, self.port = folder, server, free_port()
        self.pki, self.tokens = folder / "pki", folder / "tokens"
        self.pki.mkdir(parents=True)
        now = datetime.datetime.now(datetime.UTC)
        self._authority = certificates.new_authority("test", now=now)
        certificates.sign(self._authority, "apiserver", hosts=[server], now=now).save(self.pki, "apiserver")
        roles = {"admin": {"role": "admin"}, "controller": {"role": "controller"}}
        roles |= {node: {"role": "node", "node": node} for node in nodes}
        lines = [self._write(name, role) for name, role in roles.items()]
        self.tokens.write_text("\n".join(lines) + "\n")

    def config(self, who: str) -> Path:
        return self.folder / f"{who}.config"

    def api(self, *, port: int = 0, who: str = "admin") -> Api:
        """As the administrator, or who else has a config file; at the first API server where no other port
        is named."""
        token = config.load(self.config(who)).token or ""
        return Api(
            self.server, port or self.port, token=token, authority=self._authority.certificate.decode()
        )

    def renewed(self, who: str) -> str:
        """Another credential in that config file; its SHA-256."""
        token = secrets.token_urlsafe(16)
        self._connect(who, token, port=self.port)
        return hashlib.sha256(token.encode()).hexdigest()

    def config_at(self, who: str, *, port: int) -> str:
        """A config file of the same credential for another API server; whose it says it is."""
        name = f"{who}-at-{port}"
        self._connect(name, config.load(self.config(who)).token or "", port=port)
        return name

    def _write(self, name: str, role: dict[str, str]) -> str:
        """The config file of one identity; its line in the token file."""
        return json.dumps({"sha256": self.renewed(name), "user": name, **role})

    def _connect(self, name: str, token: str, *, port: int) -> None:
        url = f"https://{self.server}:{port}"
        made = Connection(server=url, token=token, ca=self._authority.certificate)
        config.write(self.config(name), made, cluster="test", user=name)

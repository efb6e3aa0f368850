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

    def api(self) -> Api:
        token = config.load(self.config("admin")).token
        return Api(self.server, self.port, token=token or "", authority=self._authority.certificate.decode())

    def _write(self, name: str, role: dict[str, str]) -> str:
        """The config file of one identity; its line in the token file."""
        token = secrets.token_urlsafe(16)
        url = f"https://{self.server}:{self.port}"
        made = Connection(server=url, token=token, ca=self._authority.certificate)
        config.write(self.config(name), made, cluster="test", user=name)
        digest = hashlib.sha256(token.encode()).hexdigest()
        return json.dumps({"sha256": digest, "user": name, **role})

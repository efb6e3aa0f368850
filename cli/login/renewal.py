"""The token of a login, renewed where it is over: what kubectl and other commands ask for."""

import json
from pathlib import Path
from typing import Any

from kohakuriver import clock, errors
from kohakuriver.cli.login import kept
from kohakuriver.cli.login.kept import Kept
from kohakuriver.cli.login.provider import Provider, Refused
from kohakuriver.client.plugin import EARLY, VERSIONS


def fresh(file: Path, now: float) -> Kept:
    """The login of that file, with a token that is good. Raises ConfigError, Refused and Unreachable."""
    with kept.locked(file):
        login = Kept.load(file)
        if login is None or not login.token:
            raise errors.ConfigError("you are not logged in", hint=kept.HINT)
        if now < login.ends - EARLY:
            return login
        if not login.refresh:
            raise errors.ConfigError(
                "your login is over, and its provider lets none be renewed", hint=kept.HINT
            )
        try:
            answer = Provider(login).tokens(grant_type="refresh_token", refresh_token=login.refresh)
        except Refused as error:
            if error.code == "invalid_grant":
                raise errors.ConfigError(f"your login with {login.issuer} is over", hint=kept.HINT) from None
            raise
        login = login.given(answer)
        login.save(file)
        return login


def credential(login: Kept) -> dict[str, Any]:
    """It as kubectl takes it from a program."""
    import datetime

    ends = datetime.datetime.fromtimestamp(login.ends - EARLY, datetime.UTC)
    status = {"token": login.token, "expirationTimestamp": clock.timestamp(ends)}
    return {"apiVersion": VERSIONS[0], "kind": "ExecCredential", "status": status}


def text(login: Kept) -> str:
    """The same, to print."""
    return json.dumps(credential(login))

"""`login`: who you are at the API server, by an identity provider; and `login --credential`, for kubectl."""

import functools
import os
import shutil
import sys
import threading
from pathlib import Path
from typing import Annotated, Any

import typer

from kohakuriver import errors
from kohakuriver.cli import failures, screen
from kohakuriver.cli.contexts import file as files
from kohakuriver.cli.contexts.file import ConfigFile
from kohakuriver.cli.framework.settings import Settings
from kohakuriver.cli.login import browser, flow, kept, renewal
from kohakuriver.cli.login.kept import Kept
from kohakuriver.cli.login.provider import Provider
from kohakuriver.client.plugin import OURS, VERSIONS, Plugin
from kohakuriver.clock import SystemClock

EXAMPLES = """
kohakuriver login --issuer https://sso.example --client-id kohakuriver
kohakuriver login
kohakuriver login prod --device
"""
_WHO = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
_SCOPES = ("profile", "email")
_NO_BROWSER = "there is no browser here; with one elsewhere: kohakuriver login --device"

Context = Annotated[
    str | None, typer.Argument(metavar="[CONTEXT]", show_default=False, help="Else the one that counts.")
]
Issuer = Annotated[
    str | None, typer.Option("--issuer", metavar="URL", help="The provider; once, then it is known.")
]
ClientId = Annotated[
    str | None, typer.Option("--client-id", metavar="ID", help="What this client is called there; once.")
]
SecretFile = Annotated[
    Path | None,
    typer.Option(
        "--client-secret-file", metavar="FILE", help="Its secret, where the provider wants one; once."
    ),
]
IssuerCA = Annotated[
    Path | None,
    typer.Option("--issuer-ca", metavar="FILE", help="Who signed the provider's certificate (PEM)."),
]
Scope = Annotated[
    list[str] | None,
    typer.Option(
        "--scope", metavar="NAME", help="Ask for this too; may be repeated. [default: profile, email]"
    ),
]
Device = Annotated[
    bool, typer.Option("--device", help="Log in with a browser on another device, by a short code.")
]
Port = Annotated[
    int,
    typer.Option("--port", metavar="N", min=0, max=65535, help="Where the browser comes back to; 0 for any."),
]
Credential = Annotated[
    Path | None,
    typer.Option(
        "--credential", metavar="FILE", help="Only print the token of this login, as kubectl asks for it."
    ),
]


def login(
    settings: Settings,
    there: Context = None,
    issuer: Issuer = None,
    client_id: ClientId = None,
    client_secret_file: SecretFile = None,
    issuer_ca: IssuerCA = None,
    scope: Scope = None,
    device: Device = False,
    port: Port = 0,
    credential: Credential = None,
) -> int:
    """Log in with an identity provider (OpenID Connect). It is renewed by itself, and kubectl uses it too."""
    if credential is not None:
        screen.out(renewal.text(renewal.fresh(credential, SystemClock().now().timestamp())))
        return 0
    config = files.load(settings.config)
    name = there or settings.context or config.current
    files.check_context(config, name)
    place = kept_by(config, name) or kept.path_for(config.path, name)
    before = Kept.load(place)
    given: dict[str, Any] = {
        "issuer": issuer,
        "client_id": client_id,
        "client_secret": _read(client_secret_file),
        "authority": _read(issuer_ca),
        "scopes": tuple(scope) if scope else None,
    }
    wanted = _wanted(before, {field: value for field, value in given.items() if value is not None})
    provider = Provider(wanted)
    done = flow.by_device(wanted, provider) if device else flow.by_browser(wanted, provider, _show, port=port)
    with kept.locked(place):
        done.save(place)
    _enter(config, name, place)
    return _tell(settings, name)


def kept_by(config: ConfigFile, context: str) -> Path | None:
    """Where the login of a context is kept; None where it has none. Raises ConfigError."""
    user = config.entry("contexts", context).get("user")
    said = config.entry("users", str(user)).get("exec") if user in config.names("users") else None
    kept_file = Plugin(said, file=str(config.path), cluster={}).kept if isinstance(said, dict) else ""
    return Path(kept_file) if kept_file else None


def _wanted(before: Kept | None, given: dict[str, Any]) -> Kept:
    known = {}
    if before is not None:
        fields = ("issuer", "client_id", "client_secret", "authority", "scopes")
        known = {field: getattr(before, field) for field in fields}
        if given.get("issuer", before.issuer) != before.issuer:
            known = {}  # a secret is for one provider
    said = {"scopes": _SCOPES, **known, **given}
    for field in ("issuer", "client_id"):
        if not said.get(field):
            raise failures.UsageError(
                f"--{field.replace('_', '-')} is missing: kohakuriver login --issuer URL --client-id ID",
                hint="ask your administrator for them",
            )
    return Kept(**said)


def _read(file: Path | None) -> str | None:
    if file is None:
        return None
    try:
        return file.expanduser().read_text().strip()
    except UnicodeDecodeError:
        raise failures.UsageError(f"{file} is not a text") from None


def _show(url: str) -> None:
    """Tell it, and have a browser open it where there is one; some of these go on until they are closed."""
    screen.note(f"log in here: {url}")
    opening = functools.partial(browser.open_at, url, otherwise=_NO_BROWSER)
    threading.Thread(target=opening, daemon=True).start()


def _enter(config: ConfigFile, context: str, place: Path) -> None:
    """The user of the context is whoever has logged in; other users of the file stay."""
    inner = config.entry("contexts", context)
    user = f"{context}-login"
    said = {
        "apiVersion": VERSIONS[0],
        "command": _command(),
        "args": [*OURS, str(place)],
        "interactiveMode": "Never",
        "installHint": "this login is kohakuriver's: pip install kohakuriver",
    }
    entry = {"name": user, "user": {"exec": said}}
    others = [one for one in config.body.get("users") or [] if one.get("name") != user]
    if inner.get("user") != user or entry not in config.body["users"]:
        inner["user"] = user
        config.body["users"] = [*others, entry]
        config.save()


def _command() -> str:
    """What kubectl is to run: the name alone where it is found by that, else where this command lies."""
    this = Path(sys.argv[0])
    if shutil.which("kohakuriver") or this.name != "kohakuriver" or not os.access(this, os.X_OK):
        return "kohakuriver"
    return str(this.absolute())


def _tell(settings: Settings, context: str) -> int:
    """Who that is for the server, which may know nobody by that name."""
    api = settings.but(context=context).api()
    review = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
    try:
        who = api.call("POST", _WHO, body=review)["status"]["userInfo"]
    except (errors.Unauthorized, errors.Forbidden) as error:
        hint = error.hint or "does the API server know this provider (--authentication-config)?"
        raise errors.ConfigError(
            f"you have logged in, and the API server does not let you in: {error.message}", hint=hint
        ) from None
    screen.out(f'logged in to "{context}" as {who["username"]}')
    return 0

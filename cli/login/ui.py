"""`ui`: the cluster's web page in a browser, logged in as whoever runs this command.

The browser gets a code that is good once and soon, behind the `#` of the address, which no browser sends to a
server; the page trades it for a session of its own. The token stays here.
"""

import sys
from pathlib import Path
from typing import Annotated

import typer

from kohakuriver import errors
from kohakuriver.cli import screen
from kohakuriver.cli.contexts import file as files
from kohakuriver.cli.framework.settings import Settings
from kohakuriver.cli.local.cluster_files import ClusterFiles
from kohakuriver.cli.login import browser
from kohakuriver.client.config import Connection

EXAMPLES = """
kohakuriver ui
kohakuriver ui --no-browser
kohakuriver ui --ca-file river-ca.crt
"""
_CODES = "/ui/codes"
_NO_BROWSER = "there is no browser here: open the address in one elsewhere, which reaches the server"

NoBrowser = Annotated[bool, typer.Option("--no-browser", help="Only print the address; open nothing.")]
CAFile = Annotated[
    Path | None,
    typer.Option("--ca-file", metavar="FILE", help="Write the cluster's authority there, for the browser."),
]


def ui(settings: Settings, no_browser: NoBrowser = False, ca_file: CAFile = None) -> int:
    """Open the web page in a browser, logged in as you are here. Without a terminal, print its address alone.

    The address logs one browser in, within half a minute. The session ends after twelve hours, with your
    token, or when you log out there.
    """
    api = settings.api()
    if ca_file is not None and api.connection.ca is not None:
        ca_file.expanduser().write_bytes(api.connection.ca)
    try:
        code = str(api.call("POST", _CODES, body={})["code"])
    except KeyError:
        raise errors.Unreachable(
            f"{api.connection.server} gave no code", hint="is this the API server's address?"
        ) from None
    address = f"{api.connection.server}/ui/#code={code}"
    is_watched = sys.stdout.isatty()
    if is_watched:
        _tell_of_authority(settings, api.connection, ca_file)
        screen.note("this address lets one browser in, within 30 seconds:")
    screen.out(address)
    screen.flush()
    if is_watched and not no_browser:
        browser.open_at(address, otherwise=_NO_BROWSER)
    return 0


def _tell_of_authority(settings: Settings, connection: Connection, written: Path | None) -> None:
    """What the browser will say of a certificate that only this cluster's own authority has signed."""
    if connection.ca is None or not connection.server.startswith("https:"):
        return
    file = written or _where_it_lies(settings, connection)
    where = f"import {file}" if file is not None else "write it into a file (--ca-file FILE), and import that"
    screen.note(
        "your browser does not know this cluster's own authority, and warns of its certificate; to trust it: "
        f"{where} in the browser's settings, under authorities"
    )


def _where_it_lies(settings: Settings, connection: Connection) -> Path | None:
    """The file that holds it, where there is one: the config file's, or that of the cluster of `up`."""
    config = files.load(settings.config)
    context = config.entry("contexts", connection.context)
    named = config.entry("clusters", str(context.get("cluster"))).get("certificate-authority")
    places = [config.path.parent / Path(str(named)).expanduser()] if named else []
    places.append(ClusterFiles.at(config.path.parent).pki / "ca.crt")
    for place in places:
        if place.is_file() and place.read_bytes() == connection.ca:
            return place
    return None

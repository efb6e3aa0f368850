"""`dashboard`: asks the server once, so that what cannot work is told in words, then fills the screen."""

import os
import sys
from typing import Annotated

import typer

from kohakuriver.cli import failures, screen
from kohakuriver.cli.framework.settings import Settings
from kohakuriver.resources import kinds

EXAMPLES = """
kohakuriver dashboard
kohakuriver dashboard -A                  # of every namespace
kohakuriver dashboard -l team=red
"""

Everywhere = Annotated[bool, typer.Option("--all-namespaces", "-A", help="In every namespace.")]
Selector = Annotated[
    str | None,
    typer.Option("--selector", "-l", metavar="LABELS", help="Only VPSes with these labels: a=b,c!=d."),
]


def dashboard(settings: Settings, all_namespaces: Everywhere = False, selector: Selector = None) -> int:
    """Watch nodes and VPSes, and work with them, full screen. ? lists the keys, q quits."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise failures.UsageError(
            "dashboard needs a terminal to fill", hint="in a script: kohakuriver get vps -w"
        )
    api = settings.api()
    namespace = None if all_namespaces else api.namespace
    params = {"limit": "1", **({"labelSelector": selector} if selector else {})}
    api.call("GET", api.path(kinds.VPS, namespace=namespace), params=params)
    api.close()
    os.environ.setdefault("COLORTERM", "truecolor" if "256" in os.environ.get("TERM", "") else "")
    if not os.environ.get("NO_COLOR"):
        os.environ.pop("NO_COLOR", None)  # empty means nothing, https://no-color.org
    from kohakuriver.cli.tui.dashboard.app import Dashboard

    app = Dashboard(
        settings,
        namespace=namespace,
        selector=selector or "",
        colour=screen.has_colour(sys.stdout),
    )
    code = app.run()
    if app.return_code:  # it broke; Textual has shown where
        screen.fail("the dashboard broke off", hint="please report what is shown above")
        return app.return_code
    return code or 0

"""`ssh-config`: settings by which `ssh NAME.vps` works, and with it scp, rsync, sftp, git and VS Code."""

import os
from pathlib import Path
from typing import Annotated

import typer

from kohakuriver.cli import failures, screen
from kohakuriver.cli.access import ssh_settings
from kohakuriver.cli.access.ssh import program
from kohakuriver.cli.framework.settings import Settings
from kohakuriver.client import config

EXAMPLES = """
kohakuriver ssh-config                # shows the settings
kohakuriver ssh-config --install      # then: ssh dev.vps, scp file dev.vps:, rsync, sftp, git, VS Code …
kohakuriver ssh-config --uninstall
"""

Install = Annotated[bool, typer.Option("--install", help="Write them, and include them in ~/.ssh/config.")]
Uninstall = Annotated[bool, typer.Option("--uninstall", help="Take them back.")]


def ssh_config(settings: Settings, install: Install = False, uninstall: Uninstall = False) -> int:
    """Let ssh know VPSes by NAME.vps, NAME.NAMESPACE.vps and NAME.NAMESPACE.CONTEXT.vps: those there are, and
    those made later."""
    home = Path.home()
    if install and uninstall:
        raise failures.UsageError("--install and --uninstall do not go together", hint="say one of them")
    if uninstall:
        changed = ssh_settings.uninstall(home=home)
        screen.note("ssh no longer knows VPSes" if changed else "ssh did not know VPSes")
        return 0
    proxy = [*program(_lasting(settings)), "ssh-proxy"]
    if not install:
        screen.out(ssh_settings.text(proxy=proxy, home=home), end="")
        return 0
    changed = ssh_settings.install(proxy=proxy, home=home)
    how = "now knows" if changed else "knows"
    screen.note(f"ssh {how} VPSes: ssh NAME.vps, scp FILE NAME.vps:, and NAME.NAMESPACE.vps elsewhere")
    return 0


def _lasting(settings: Settings) -> Settings:
    """A config file that only this shell knows is named: an editor that starts ssh does not know it."""
    if settings.config is None and config.VARIABLE in os.environ:
        return settings.but(config=config.find())
    return settings

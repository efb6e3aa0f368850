"""The settings that make `ssh NAME.vps` work: two files of ours, and one line in the user's ~/.ssh/config.

    ~/.ssh/config                 Include kohakuriver/config
    ~/.ssh/kohakuriver/config     Host *.vps: through ssh-proxy, known by our known_hosts
    ~/.ssh/kohakuriver/keys       which generated key is whose

What VPSes there are is not in them: ssh-proxy asks when it is run, so that those made later work too.
"""

import re
import shlex
from collections.abc import Sequence
from pathlib import Path

from kohakuriver import private_file
from kohakuriver.cli.access import generated, identity, known_hosts, ssh_client

_NAME = re.compile(r"[-.a-z0-9]+")  # no pattern, and nothing that ssh would read otherwise
INCLUDE = "Include kohakuriver/config"
# A shell reads the name in the ProxyCommand, and ssh before 9.6 takes any: quoted, only a quote is left.
_HOST = """Host *.vps "!*'*\""""
_ABOVE = "# VPSes as NAME.vps: written by `kohakuriver ssh-config --install`, taken out by --uninstall"
_WARNING = (
    "# Written anew by `kohakuriver ssh-config --install`; what you want otherwise, set above its Include."
)


def text(*, proxy: Sequence[str], home: Path) -> str:
    """What stands in our file. Pure but for the name of the home folder."""
    file = known_hosts.default_file(home)
    settings = [
        ("User", "root"),
        ("ProxyCommand", f"{ssh_client.proxy_command(proxy)} '%n'"),
        ("UserKnownHostsFile", f'"{ssh_client.escaped(str(file))}"'),
        *ssh_client.HARDENED,
    ]
    lines = [
        _WARNING,
        f"Include {_quoted(home / known_hosts.FOLDER / 'keys')}",
        "",
        _HOST,
        *(f"    {a} {b}" for a, b in settings),
    ]
    return "\n".join(lines) + "\n"


def keys_text(home: Path) -> str:
    """For each key that `vps create --gen-ssh-key` made: whose it is. ssh then no longer tries the others by
    itself, so they are named too."""
    lines = [_WARNING]
    found = [
        (file.stem.removeprefix("kohakuriver_vps_"), file.with_suffix(""))
        for file in sorted((home / ".ssh").glob("kohakuriver_vps_*.pub"))
    ]
    found += [(name, file) for _, name, file in generated.noted(home)]
    for name, private in found:
        if private.is_file() and _NAME.fullmatch(name):
            lines += ["", f"Host {name}.vps {name}.*.vps"]
            lines += [f"    IdentityFile {_quoted(key)}" for key in (private, *identity.defaults(home))]
    return "\n".join(lines) + "\n"


def install(*, proxy: Sequence[str], home: Path) -> bool:
    """Write all three; whether anything has changed."""
    changed = _write(_folder(home) / "config", text(proxy=proxy, home=home))
    changed = _write(_folder(home) / "keys", keys_text(home)) or changed
    config = home / ".ssh" / "config"
    before = _read(config)
    if any(shlex.split(line, comments=True) == INCLUDE.split() for line in before.splitlines()):
        return changed
    return _write(config, f"{_ABOVE}\n{INCLUDE}\n" + (f"\n{before}" if before else "")) or changed


def uninstall(*, home: Path) -> bool:
    """Take all three back; whether anything has changed."""
    changed = False
    for name in ("config", "keys"):
        if (_folder(home) / name).exists():
            (_folder(home) / name).unlink()
            changed = True
    config = home / ".ssh" / "config"
    before = _read(config)
    after = "".join(f"{line}\n" for line in before.splitlines() if line not in (_ABOVE, INCLUDE)).lstrip("\n")
    return (before != after and _write(config, after)) or changed


def refresh_keys(home: Path) -> None:
    """A key was made; where ssh knows of VPSes, it learns of it."""
    if (_folder(home) / "config").exists():
        _write(_folder(home) / "keys", keys_text(home))


def _folder(home: Path) -> Path:
    return home / known_hosts.FOLDER


def _read(file: Path) -> str:
    try:
        return file.read_text()
    except FileNotFoundError:
        return ""


def _write(file: Path, content: str) -> bool:
    """Whether that was news. A link is followed, and a file keeps who may read it."""
    if file.exists() and file.read_text() == content:
        return False
    target = file.resolve()
    mode = target.stat().st_mode & 0o777 if target.exists() else 0o600
    private_file.write(target, content, mode=mode)
    return True


def _quoted(file: Path) -> str:
    return f'"{ssh_client.escaped(str(file))}"'

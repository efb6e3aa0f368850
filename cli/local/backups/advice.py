"""What a person does after a restore, in words and commands. Pure but for the options that it looks up."""

import shlex
from pathlib import Path
from typing import Final

from kohakuriver.cli.local import cluster_options
from kohakuriver.cli.local.backups import manifest, sources
from kohakuriver.cli.local.backups.manifest import Manifest
from kohakuriver.cli.local.cluster_files import ClusterFiles

_NODES: Final = (
    "  kohakuriver node list           # all are in quarantine: what runs goes on, nothing is changed",
    "  kohakuriver node status NODE    # what runs there that the backup does not know, and what to type",
    "  kohakuriver node accept NODE    # then: what is declared is carried out from here on; --all for all",
    "  kohakuriver token list          # what was revoked after the backup is good again: revoke it again",
)


def after_up(target: Path) -> list[str]:
    """For a cluster of `up`."""
    files = ClusterFiles(target)
    where = "" if files.is_default else f" --data-dir {shlex.quote(str(target))}"
    options = cluster_options.load(files.options)
    lines = ["", "next:", f"  kohakuriver up --detach{where}", *_NODES]
    if options is not None and options.advertise:
        lines.append(f"other machines look for it at {options.url}; if it moved, say --advertise HOST")
    return lines


def after_settings(found: Manifest) -> list[str]:
    """For one on several machines, of which one has its settings back."""
    lines = []
    if found.keys in ("left out", "elsewhere"):
        lines.append(f"{manifest.KEYS[found.keys]}; {sources.ENVIRONMENT} says where they belong")
    return [
        *lines,
        "",
        "next, if etcd lost its data too, with the API servers stopped:",
        "  systemctl stop kohakuriver-etcd                             # on every machine",
        "  mv /var/lib/kohakuriver/etcd /var/lib/kohakuriver/etcd.old  # on every machine",
        "  systemctl start kohakuriver-etcd                            # on every machine",
        "  kohakuriver restore FILE --store-only                       # here, once",
    ]


def after_loading() -> list[str]:
    """For one on several machines, whose etcd has its content back."""
    return [
        "",
        "next:",
        "  systemctl start kohakuriver-apiserver kohakuriver-controller    # on their machines",
        *_NODES,
    ]

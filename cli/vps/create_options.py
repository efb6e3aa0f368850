"""The options of `vps create`, as typer reads them. `create.py` says what becomes of each."""

from pathlib import Path
from typing import Annotated

import typer

Words = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[ID]", show_default=False, help="Its ID. [default: a new one, such as vps-7k2mq]"
    ),
]
Name = Annotated[str | None, typer.Option("--name", metavar="ID", help="The same, as an option.")]
Target = Annotated[
    str | None,
    typer.Option(
        "--target", "-t", metavar="NODE[:NUMA][::GPUS]", help="Where it is to run; :0 and ::0,1 too."
    ),
]
Cores = Annotated[str, typer.Option("--cores", "-c", metavar="N", help="CPU cores, such as 2, 0.5 or 500m.")]
Memory = Annotated[
    str | None,
    typer.Option("--memory", "-m", metavar="SIZE", help="Memory limit, such as 4G or 512Mi. [default: 1Gi]"),
]
Disk = Annotated[
    str | None,
    typer.Option(
        "--disk",
        metavar="SIZE",
        help="What its files and volumes may take on its node, such as 20Gi. [default: what the node says]",
        show_default=False,
    ),
]
Container = Annotated[
    str | None, typer.Option("--container", metavar="NAME", help="The container environment it starts from.")
]
Image = Annotated[
    str | None,
    typer.Option("--image", metavar="IMAGE", help="The image instead. [default: kohakuriver/debian-ssh]"),
]
FromSnapshot = Annotated[
    str | None,
    typer.Option(
        "--from-snapshot",
        metavar="SNAPSHOT",
        help="The files of this snapshot in place of an image's, and its volumes; it runs where that lies.",
        show_default=False,
    ),
]
SnapshotSchedule = Annotated[
    str | None,
    typer.Option(
        "--snapshot-schedule",
        metavar="CRON",
        help='When its files are kept, as in a crontab, in UTC: "0 3 * * *", @daily.',
        show_default=False,
    ),
]
SnapshotKeep = Annotated[
    str | None,
    typer.Option(
        "--snapshot-keep", metavar="N", help="How many of these stay. [default: 7]", show_default=False
    ),
]
Gpus = Annotated[
    str | None, typer.Option("--gpus", metavar="N", help="So many GPUs, of any node or of --target's.")
]
Privileged = Annotated[
    bool,
    typer.Option("--privileged", help="All devices and rights of the machine, where its node allows it."),
]
CapAdd = Annotated[
    list[str] | None,
    typer.Option("--cap-add", metavar="NAME", help="A capability beyond the default; may be repeated."),
]
CapDrop = Annotated[
    list[str] | None,
    typer.Option("--cap-drop", metavar="NAME", help="A capability to take away, or ALL; may be repeated."),
]
NoNewPrivileges = Annotated[
    bool, typer.Option("--no-new-privileges", help="Programs gain no rights by setuid, so sudo fails.")
]
Mounts = Annotated[
    list[str] | None,
    typer.Option("--mount", metavar="SRC:DST[:ro]", help="A folder of the node; may be repeated."),
]
Volumes = Annotated[
    list[str] | None,
    typer.Option("--volume", metavar="NAME:TARGET", help="Files that outlive the VPS; may be repeated."),
]
Env = Annotated[
    list[str] | None,
    typer.Option("--env", "-e", metavar="K=V", help="An environment variable; may be repeated."),
]
KeyFile = Annotated[
    Path | None,
    typer.Option(
        "--public-key-file",
        metavar="PATH",
        help="The public key that may log in. [default: ~/.ssh/id_ed25519.pub, else ~/.ssh/id_rsa.pub]",
        show_default=False,
    ),
]
KeyString = Annotated[
    str | None, typer.Option("--public-key-string", metavar="KEY", help="The same, as a text.")
]
Generate = Annotated[bool, typer.Option("--gen-ssh-key", help="Make a key pair for it, here.")]
KeyOut = Annotated[
    Path | None,
    typer.Option(
        "--key-out-file",
        metavar="PATH",
        help="Where that goes. [default: ~/.ssh/kohakuriver_vps_ID and .pub]",
        show_default=False,
    ),
]
NoKey = Annotated[bool, typer.Option("--no-ssh-key", help="Root logs in without a password.")]
Format = Annotated[
    str | None, typer.Option("--output", "-o", metavar="FORMAT", help="Print it as yaml, json or name.")
]
WaitFor = Annotated[bool, typer.Option("--wait/--no-wait", help="Return only when it is running.")]

"""`vps create`: read the options, have the VPS created (`submission.py`), wait for it, say how to get in."""

from pathlib import Path

from kohakuriver.cli import lookup, screen
from kohakuriver.cli.access import generated, ssh_settings
from kohakuriver.cli.api import targets
from kohakuriver.cli.api.follow import Deadline
from kohakuriver.cli.api.http import Api, Object
from kohakuriver.cli.framework import dry_run
from kohakuriver.cli.framework.habits import options as habits
from kohakuriver.cli.framework.settings import Settings
from kohakuriver.cli.kubectl import output
from kohakuriver.cli.view import standing
from kohakuriver.cli.vps import beginning, goals, manifest, naming, submission, waiting
from kohakuriver.cli.vps import create_options as options
from kohakuriver.cli.vps.change import Patience, patience
from kohakuriver.cli.vps.login import PASSWORDLESS, Login
from kohakuriver.cli.vps.submission import Order
from kohakuriver.resources import kinds

EXAMPLES = """
kohakuriver vps create --cores 2 --memory 4G
kohakuriver vps create dev -t nodeA --cores 4 --container my-dev-env
kohakuriver vps create -t nodeC::0,1 --cores 8 --memory 16G --container my-cuda-vps
kohakuriver vps create --gen-ssh-key --key-out-file ~/.ssh/vps_key
kohakuriver vps create dev --volume home:/root --dry-run -o yaml
kohakuriver vps create dev --snapshot-schedule "0 3 * * *" --snapshot-keep 7
"""
ANSWERS = habits.CREATE


def create(
    settings: Settings,
    words: options.Words = None,
    name: options.Name = None,
    target: options.Target = None,
    cores: options.Cores = "1",
    memory: options.Memory = None,
    disk: options.Disk = None,
    container: options.Container = None,
    image: options.Image = None,
    from_snapshot: options.FromSnapshot = None,
    gpus: options.Gpus = None,
    privileged: options.Privileged = False,
    cap_add: options.CapAdd = None,
    cap_drop: options.CapDrop = None,
    no_new_privileges: options.NoNewPrivileges = False,
    mount: options.Mounts = None,
    volume: options.Volumes = None,
    env: options.Env = None,
    snapshot_schedule: options.SnapshotSchedule = None,
    snapshot_keep: options.SnapshotKeep = None,
    public_key_file: options.KeyFile = None,
    public_key_string: options.KeyString = None,
    gen_ssh_key: options.Generate = False,
    key_out_file: options.KeyOut = None,
    no_ssh_key: options.NoKey = False,
    dry_run_text: dry_run.DryRun = None,
    output_format: options.Format = None,
    wait: options.WaitFor = True,
    timeout: Patience = None,
) -> int:
    """Create a VPS: a container to log in to, that is kept running until it is stopped."""
    deadline = patience(timeout, attended=screen.is_watched())
    name = naming.chosen(words or (), name)
    render = output.of_objects(output_format)
    wanted = manifest.read(
        cores=cores,
        memory=memory,
        disk=disk,
        target=target,
        container=container,
        image=image,
        snapshot=from_snapshot,
        gpus=gpus,
        privileged=privileged,
        security=manifest.security(cap_add or (), cap_drop or (), no_new_privileges=no_new_privileges),
        mount=mount or (),
        volume=volume or (),
        env=env or (),
        snapshots=manifest.plan(snapshot_schedule, snapshot_keep),
    )
    login = Login(public_key_file, public_key_string, gen_ssh_key, key_out_file, no_ssh_key)
    login.check()
    rehearsal = dry_run.read(dry_run_text)
    if wanted.snapshot is not None:
        wanted = beginning.of(settings.api(), wanted)
    order = Order(wanted, login, Path.home())
    _advise(order)
    if rehearsal:
        return _rehearse(settings.api(), order, name, render, rehearsal)
    return _create(settings, order, name, render, wait=wait, deadline=deadline)


def _advise(order: Order) -> None:
    """What somebody may not have meant."""
    target = order.wanted.target
    if target is not None and target.counts_gpus:
        gpus = "GPU" if len(target.gpus) == 1 else f"{len(target.gpus)} GPUs of one node"
        screen.note(f"no node is named, so any {gpus} will do; NODE::0,1 takes exactly those")


def _rehearse(
    api: Api, order: Order, name: str | None, render: output.Render | None, rehearsal: dry_run.Rehearsal
) -> int:
    body = submission.rehearse(api, order, name or submission.new_name(), rehearsal)
    if render is None:
        screen.out(f"{targets.title(kinds.VPS, body['metadata']['name'])} created{rehearsal.suffix}")
    else:
        screen.out(render(body), end="")
    return 0


def _create(
    settings: Settings,
    order: Order,
    name: str | None,
    render: output.Render | None,
    *,
    wait: bool,
    deadline: tuple[float | None, str],
) -> int:
    api = settings.api()
    vps, pair = submission.create(api, order, name)
    if order.login.no_ssh_key:
        screen.warn(PASSWORDLESS)
    if pair is not None:
        screen.note(f"private key: {pair.private}")
        generated.note(pair, vps["metadata"]["name"], home=order.home)
        ssh_settings.refresh_keys(order.home)
    if render is None:
        screen.out(f"{targets.title(kinds.VPS, vps['metadata']['name'])} created")
        screen.flush()
    good = True
    if wait:
        outcome = _wait(api, vps, deadline, settings.reader())
        good, vps = outcome.error is None, outcome.vps or vps
    if wait and good:
        _tell_how_to_get_in(api, vps, reader=settings.reader(), key=pair.private if pair else None)
    if render is not None:
        body = {"apiVersion": kinds.VPS.api_version, "kind": kinds.VPS.kind, **output.without_noise(vps)}
        screen.out(render(body), end="")
    return 0 if good else 1


def _wait(
    api: Api, vps: Object, deadline: tuple[float | None, str], reader: standing.Reader
) -> waiting.Outcome:
    seconds, timeout = deadline
    goal = waiting.Goal(vps["metadata"]["name"], goals.running(vps["metadata"]["uid"]), "running")
    return waiting.wait(api, [goal], Deadline(seconds), timeout=timeout, tell=False, reader=reader)[0]


def _tell_how_to_get_in(api: Api, vps: Object, *, reader: standing.Reader, key: Path | None) -> None:
    screen.note(standing.progress(vps))
    command = standing.ssh_command(vps, lookup.node_of(api, vps), reader=reader, key=key)
    if command:
        screen.note(f"log in with: {command}")

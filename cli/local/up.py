"""`up`: a whole cluster on this machine. Prepares the data directory, then runs it, or has it run.

Everything here may be said again: what exists is kept, what runs is left alone.
"""

import os
import socket
import subprocess
from collections.abc import Collection
from typing import Any

from kohakuriver import durations, errors
from kohakuriver.cli import failures, screen
from kohakuriver.cli.local import (
    cluster_files,
    cluster_options,
    detach,
    engine,
    flags,
    foreground,
    neighbours,
    ports,
    run_state,
    service,
    stack,
    welcome,
)
from kohakuriver.cli.local.cluster_files import ClusterFiles
from kohakuriver.cli.local.cluster_options import Options, flag_of
from kohakuriver.clock import SystemClock
from kohakuriver.server_options import AUTHENTICATION_CONFIG, DEFAULT_QUOTA

EXAMPLES = """
kohakuriver up
kohakuriver up --detach
kohakuriver up --detach --data-dir /srv/river2 --port 6444
kohakuriver up --listen 0.0.0.0 --advertise river.example.org --ssh-address 0.0.0.0
"""


@flags.with_agents
def up(
    *,
    data_dir: flags.DataDir = None,
    port: flags.Port = None,
    listen: flags.Listen = None,
    advertise: flags.Advertise = None,
    default_quota: flags.DefaultQuota = None,
    authentication_config: flags.AuthenticationConfig = None,
    detached: flags.Detach = False,
    timeout: flags.Timeout = "2m",
    install_service: flags.InstallService = False,
    node: flags.Node = None,
    accept_engine: flags.AcceptEngine = False,
    **passed: Any,
) -> int:
    """Start a cluster on this machine: etcd, API server, controller and agent.

    What is given is kept for the next `up` of the same data directory. VPSes outlive `down` and `up`.
    """
    own = {
        "port": port,
        "listen": listen,
        "advertise": advertise,
        "default_quota": flags.of_server(DEFAULT_QUOTA, default_quota),
        "authentication_config": flags.of_server(AUTHENTICATION_CONFIG, authentication_config),
        "node": node,
    }
    given = {name: value for name, value in own.items() if value is not None} | flags.kept(passed)
    files = ClusterFiles.at(data_dir)
    seconds = _seconds(timeout)
    is_new = files.claim()
    if not install_service and detach.VARIABLE not in os.environ:
        service.tell_outdated(files)
    if accept_engine:
        files.accept_engine()
        screen.note("this container engine may be used, whichever was before")
    with files.locked() as free:
        if not free:
            return _already(files, given, install_service, wait=seconds if detached else 0.0)
        options, prepared = _begin(files, given, is_new=is_new)
        if not detached and not install_service:
            if prepared.binary.warning:
                screen.warn(prepared.binary.warning)
            foreground.run(files, options, prepared, when_ready=lambda: welcome.say(files, options))
            return 0
    return _install(files) if install_service else _detach(files, seconds)


def _begin(files: ClusterFiles, given: dict[str, Any], *, is_new: bool) -> tuple[Options, stack.Stack]:
    """What is to run, settled and kept, with all its files."""
    options = _settle_or_leave(files, given, is_new=is_new)
    if detach.VARIABLE not in os.environ:  # else the one in front has said it
        _tell_kept(files, options, given)
    _check_advertised(options)
    return options, _prepare(files, options)


def _detach(files: ClusterFiles, seconds: float) -> int:
    pid = detach.run(files, timeout=seconds)
    screen.out(f"kohakuriver runs in the background (pid {pid}); stop it: {_command(files, 'down')}")
    return 0


def _install(files: ClusterFiles, *, running: bool = False) -> int:
    for line in service.Service.here(files).install(running=running):
        screen.out(line)
    return 0


def _seconds(text: str) -> float:
    try:
        return durations.parse(text)
    except ValueError as error:
        raise failures.UsageError(f"--timeout: {error}", hint="a bare number counts seconds") from None


def _already(files: ClusterFiles, given: dict[str, Any], install_service: bool, *, wait: float) -> int:
    """It runs, or is just starting: say so. Raises ConfigError where it was to run otherwise."""
    state = detach.until_ready(files, timeout=wait) if wait else run_state.read(files.run)
    options = cluster_options.load(files.options)
    where = f"at {state.url} (pid {state.supervisor.pid})" if state else "and is just starting"
    screen.out(f"kohakuriver already runs from {files.root}, {where}")
    if state:
        screen.out("  " + ", ".join(f"{name} {one.pid}" for name, one in state.programs.items()))
    if options is not None:
        _refuse_changes(files, options, options.changed(given))
    ends = cluster_files.running_out(files, SystemClock().now())
    if ends:
        screen.warn(f"{ends}; renew it, while VPSes run on: {_command(files, 'down')}, then kohakuriver up")
    return _install(files, running=True) if install_service else 0


def _refuse_changes(files: ClusterFiles, options: Options, wanted: Options) -> None:
    """Raises for what is not as it runs; UsageError for what makes no sense, as `down` would not help."""
    changes = wanted.differences(options)
    if changes:
        _check_name(options, wanted)
        if set(changes) & set(cluster_options.AGENTS):
            _check_agent(files, wanted)
        if "listen" in changes:
            _is_free(wanted)
        words = " ".join(word for name in changes for word in wanted.words(name) or [flag_of(name)])
        raise errors.ConfigError(
            f"the cluster runs already, and not with {words}",
            hint=f"stop it, then type this again (VPSes run on): {_command(files, 'down')}",
        )


def _settle_or_leave(files: ClusterFiles, given: dict[str, Any], *, is_new: bool) -> Options:
    """A new cluster that is refused leaves nothing behind."""
    try:
        return _settle(files, given)
    except errors.KohakuRiverError:
        files.remove_begun(folder=is_new)
        raise


def _settle(files: ClusterFiles, given: dict[str, Any]) -> Options:
    """What counts: given now, else kept from last time, else the defaults; kept for next time."""
    before = cluster_options.load(files.options)
    options = (before or Options(node=cluster_options.node_name())).changed(given)
    if before is not None:
        _check_name(before, options)
    is_first = detach.VARIABLE not in os.environ  # else the one in front has asked
    asked = engine.ask(files, options) if is_first else None
    with neighbours.locked():
        _end_orphans(files)
        used = {*ports.listening(), *(asked.published if asked is not None else ())}
        options = _settle_ssh_ports(files, options, used, chosen="ssh_port_range" in given)
        if given.keys() & {"node", *cluster_options.AGENTS}:
            _check_agent(files, options)
        _check_port(options)
        if asked is not None:
            engine.insist(asked)
        cluster_options.save(files.options, options)
        neighbours.add(files.root)
    return options


def _check_name(before: Options, options: Options) -> None:
    if options.node != before.node:
        raise failures.UsageError(
            f"this cluster knows this machine as {before.node}",
            hint="a node keeps its name; leave --node out",
        )


def _check_agent(files: ClusterFiles, options: Options) -> None:
    """Ask the agent whether it takes what it would be given. Raises UsageError; nothing is kept then."""
    done = subprocess.run(
        [*stack.agent_command(files, options), "--check-options"],
        capture_output=True,
        text=True,
        check=False,
        cwd="/",
    )
    if done.returncode:
        said = (done.stderr.strip().splitlines() or ["the agent does not start"])[-1]
        raise failures.UsageError(
            said.removeprefix("kohakuriver agent: error: ").removeprefix("argument "),
            hint=flags.HINT,
        )


def _tell_kept(files: ClusterFiles, options: Options, given: dict[str, Any]) -> None:
    """What is not as it would be in a new cluster, and was not asked for just now."""
    first, last = neighbours.STANDARD
    usual = Options(node=options.node, agent={"ssh_port_range": f"{first}-{last}"})
    told = [
        " ".join(words)
        for name in options.differences(usual)
        if name not in given and (words := options.words(name))
    ]
    if told:
        screen.note(f"as {files.options} has it: {' '.join(told)}")


def _settle_ssh_ports(
    files: ClusterFiles, options: Options, used: Collection[int], *, chosen: bool
) -> Options:
    """A range that no other cluster of this user has, and of which no port is used."""
    others = neighbours.ranges(files.root)
    mine = neighbours.parse(options.ssh_port_range)
    if options.ssh_address == "off":
        return options
    if mine is not None:
        for root, theirs in others.items() if chosen else ():
            if neighbours.overlaps(mine, theirs):
                screen.warn(f"the cluster in {root} has SSH ports {theirs[0]}-{theirs[1]}, which overlap")
        return options
    first, last = neighbours.choose(list(others.values()), used)
    if (first, last) != neighbours.STANDARD:
        screen.note(f"SSH ports are {first}-{last}: others on this machine have some of the standard ones")
    return options.changed({"ssh_port_range": f"{first}-{last}"})


def _end_orphans(files: ClusterFiles) -> None:
    """Programs that outlived a supervisor which was killed."""
    state = run_state.read(files.run)
    for name, orphan in state.survivors() if state else ():
        screen.note(f"ending {name} (pid {orphan.pid}), left behind by a kohakuriver up that was killed")
        orphan.end(grace=10.0)


def _is_free(options: Options) -> bool:
    """Whether a server could listen there. Raises ConfigError for an address that this machine lacks."""
    try:
        return ports.is_free(options.listen, options.port)
    except (OSError, UnicodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "that is not an address"
        raise errors.ConfigError(
            f"this machine cannot listen on {options.listen}: {why}",
            hint="--listen takes an address of this machine, such as 127.0.0.1 or 0.0.0.0",
        ) from None


def _check_port(options: Options) -> None:
    if not _is_free(options):
        who = ports.holder(options.port)
        other = ports.next_free(options.listen, options.port)
        raise errors.ConfigError(
            f"port {options.port} on {options.listen} is taken" + (f" by {who}" if who else ""),
            hint=f"stop that, or choose another port: --port {other}",
        )


def _check_advertised(options: Options) -> None:
    """A name that means nothing here may mean something elsewhere, or tomorrow: no reason to refuse."""
    host = options.advertise
    if host is None:
        return
    try:
        socket.getaddrinfo(host, options.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        screen.warn(
            f"--advertise {host}: this machine finds no such host, and commands here will not either; "
            "correct DNS or /etc/hosts, or go back with --advertise 127.0.0.1"
        )


def _prepare(files: ClusterFiles, options: Options) -> stack.Stack:
    hosts = ["127.0.0.1", "::1", "localhost", socket.gethostname(), options.node, options.local_host]
    hosts += [options.advertise] if options.advertise else []
    renewed = cluster_files.ensure_certificates(files, hosts, SystemClock().now())
    if renewed is not None:
        screen.note(
            f"{files.pki}/ca.crt was renewed: what elsewhere holds the one before (config files of people, "
            f"nodes that have joined) is to get this one before {renewed:%Y-%m-%d}"
        )
    cluster_files.ensure_credentials(files, url=options.url, local_url=options.local_url, node=options.node)
    return stack.build(files, options)


def _command(files: ClusterFiles, verb: str) -> str:
    return f"kohakuriver {verb}" + ("" if files.is_default else f" --data-dir {files.root}")

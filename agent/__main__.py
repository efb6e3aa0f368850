"""`python -m kohakuriver.agent`: reads the command line, connects, and runs the agent until told to end."""

import asyncio
import contextlib
import dataclasses
import fcntl
import functools
import importlib.util
import logging
import random
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

import prometheus_client
from prometheus_client import registry

from kohakuriver import errors, logs, private_file
from kohakuriver.agent import heartbeat, join, options, service, threads
from kohakuriver.agent.cluster import cluster_id
from kohakuriver.agent.journal import Journal
from kohakuriver.agent.loop import Agent
from kohakuriver.agent.machine import facts
from kohakuriver.agent.machine.isolation import chains
from kohakuriver.agent.machine.lxcfs import KernelLxcfs
from kohakuriver.agent.metrics import Metrics
from kohakuriver.agent.reserve import Reserve
from kohakuriver.agent.runtime import remains
from kohakuriver.agent.runtime.docker import DockerRuntime
from kohakuriver.agent.runtime.iptables import Iptables, remove_chains
from kohakuriver.agent.runtime.purge import purge
from kohakuriver.agent.settings import Settings
from kohakuriver.client import config
from kohakuriver.client.config import Connection
from kohakuriver.client.failover import Servers
from kohakuriver.client.rest import Client
from kohakuriver.clock import SystemClock
from kohakuriver.streams.dial import Dialer

log = logging.getLogger("agent")


def main(arguments: list[str]) -> int:
    """The exit code."""
    wanted = options.parse(arguments)
    verbose = isinstance(wanted, options.Run) and wanted.verbose
    logs.configure(logging.DEBUG if verbose else logging.INFO)
    code = 0
    try:
        if isinstance(wanted, options.Purge):
            _purge(wanted)
        elif isinstance(wanted, options.RemoveService):
            unit = service.AgentService.here(wanted.data_dir)
            _say(unit.remove(is_root=facts.is_root()))
        elif wanted.install_service:
            unit = service.AgentService.here(wanted.data_dir)
            _say(
                unit.install(
                    arguments, wanted, join=functools.partial(_join, wanted), is_root=facts.is_root()
                )
            )
        else:
            with _alone(wanted.data_dir), asyncio.Runner(loop_factory=_loop_factory()) as runner:
                runner.run(_run(wanted))
    except* errors.KohakuRiverError as group:
        for error in _flat(group):
            log.error(error.message, extra={"hint": error.hint} if error.hint else {})
            if isinstance(wanted, options.Run) and _is_given_up(error):
                _name_remains(wanted)
        code = 1
    return code


def _is_given_up(error: errors.KohakuRiverError) -> bool:
    return isinstance(error, errors.ApiError) and any(one.reason == "NodeForgotten" for one in error.causes)


def _name_remains(wanted: options.Run) -> None:
    """A node that was given up is not let in; its containers are for a person to look at."""
    with contextlib.suppress(errors.KohakuRiverError):
        for name in remains.of_node(wanted.node, socket=wanted.docker):
            log.warning("a container of this node is left as it is", extra={"container": name})


def _purge(wanted: options.Purge) -> None:
    done = purge(cluster=wanted.cluster, socket=wanted.docker)
    counts = {"container": done.containers, "network": done.networks, "volume": done.volumes}
    told = [f"{count} {what}{'s' * (count != 1)}" for what, count in counts.items() if count]
    if told:
        sys.stderr.write(f"removed {', '.join(told)}\n")
    remove_chains(chains(wanted.cluster))
    for name in done.left:
        log.warning(
            "the engine keeps an empty network; restart it, then purge again", extra={"network": name}
        )


def _say(lines: list[str]) -> None:
    for line in lines:
        log.info(line)


def _join(wanted: options.Run) -> None:
    """Have the credential that the unit's agent will find. Raises ConfigError, and what the server says."""
    if wanted.join is None and wanted.config is None and not join.kept(wanted.data_dir).exists():
        raise errors.ConfigError(
            f"--install-service needs this node's credential, and {wanted.data_dir} has none",
            hint="give --join or --config; print the first: kohakuriver node join",
        )
    _check_may(wanted)
    with _alone(wanted.data_dir):
        asyncio.run(_connection(wanted))


async def _run(wanted: options.Run) -> None:
    _check_may(wanted)
    connection = await _connection(wanted)
    task = asyncio.current_task()
    assert task is not None  # noqa: S101 - a coroutine that runs has a task
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    servers = Servers((connection.server, *connection.others))
    servers.learn(Journal(wanted.data_dir).load_servers())
    with contextlib.suppress(asyncio.CancelledError):
        async with (
            Client(connection, program="kohakuriver-agent", servers=servers) as client,
            Client(
                connection,
                program="kohakuriver-agent-heartbeat",
                timeout=heartbeat.attempt_timeout(wanted.renew),
                servers=servers,
            ) as heart,
        ):
            settings = _settings(wanted, cluster=await cluster_id(client))
            runtime = DockerRuntime(cluster=settings.cluster, socket_path=wanted.docker)
            try:
                await _serve(wanted, settings, runtime, client=client, heart=heart, connection=connection)
            finally:
                await runtime.aclose()


def _check_may(wanted: options.Run) -> None:
    if wanted.allow_mounts and not facts.is_root():
        raise errors.ConfigError(
            "--allow-mount needs the agent to run as root: it holds each mount to its prefix itself",
            hint="start the agent as root, or leave the option out",
        )


async def _connection(wanted: options.Run) -> Connection:
    """Who this agent is: what it was told, else what it has from when it joined. Joins if it is to."""
    if wanted.join is not None:
        return await join.connection(wanted.join, node=wanted.node, data_dir=wanted.data_dir)
    kept = join.kept(wanted.data_dir)
    return config.load(kept if wanted.config is None and kept.exists() else wanted.config)


async def _serve(
    wanted: options.Run,
    settings: Settings,
    runtime: DockerRuntime,
    *,
    client: Client,
    heart: Client,
    connection: Connection,
) -> None:
    def dial(server: str) -> Dialer:
        return Dialer(dataclasses.replace(connection, server=server), program="kohakuriver-agent")

    agent = Agent(
        settings,
        client=client,
        heart=heart,
        runtime=runtime,
        firewall=Iptables(),
        clock=SystemClock(),
        chance=random.Random(),  # noqa: S311 - jitter, no secret
        dial=dial,
        files=Reserve(settings.data_dir),
        pools=threads.own(),
        lxcfs=KernelLxcfs() if facts.is_root() else None,
    )
    log.info(
        "agent starts", extra={"node": settings.node, "cluster": settings.cluster, "session": agent.session}
    )
    if not facts.is_root():
        log.warning("not root: what needs the namespaces of containers will not work on this node")
    if wanted.metrics is not None:
        metrics = registry.CollectorRegistry()
        metrics.register(Metrics(agent))
        prometheus_client.start_http_server(wanted.metrics.port, wanted.metrics.host, metrics)
    await agent.run()


def _settings(wanted: options.Run, *, cluster: str) -> Settings:
    return Settings(
        node=wanted.node,
        cluster=cluster,
        data_dir=wanted.data_dir,
        docker=wanted.docker.removeprefix("unix://"),
        ssh=wanted.ssh,
        millicores=wanted.millicores,
        memory=wanted.memory,
        reserve_millicores=wanted.reserve_millicores,
        reserve_memory=wanted.reserve_memory,
        cpu_overcommit=wanted.cpu_overcommit,
        default_disk=wanted.default_disk,
        image_marks=wanted.image_marks,
        relist=wanted.relist,
        renew=wanted.renew,
        accept_engine=wanted.accept_engine,
        allow_mounts=wanted.allow_mounts,
        allow_privileged=wanted.allow_privileged,
        allow_capabilities=wanted.allow_capabilities,
        registry_credentials_for=wanted.registry_credentials_for,
        gpu_inventory=wanted.gpu_inventory,
        environments_folder=wanted.environments.absolute() if wanted.environments else None,
        sysfs=wanted.sysfs,
        lxcfs=wanted.lxcfs,
    )


@contextlib.contextmanager
def _alone(data_dir: Path) -> Iterator[None]:
    """One agent per data directory: two would act on the same journal."""
    with _lock_of(data_dir) as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise errors.ConfigError(
                f"another agent runs on {data_dir}", hint="stop it, or name another --data-dir"
            ) from None
        yield


def _lock_of(data_dir: Path) -> IO[str]:
    """Raises ConfigError. Where nothing can be written any more the file that is there will do."""
    lock = data_dir / "lock"
    try:
        private_file.make_folder(data_dir)
        try:
            return lock.open("a")
        except OSError:
            return lock.open("r")
    except OSError as error:
        raise errors.ConfigError(
            f"an agent cannot begin here: {data_dir} cannot be written: {error.strerror}",
            hint="make room on that disk, or name another --data-dir",
        ) from error


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    if importlib.util.find_spec("uvloop") is None:
        return None
    import uvloop

    return uvloop.new_event_loop


def _flat(group: BaseExceptionGroup[errors.KohakuRiverError]) -> Iterator[errors.KohakuRiverError]:
    for error in group.exceptions:
        if isinstance(error, BaseExceptionGroup):
            yield from _flat(error)
        else:
            yield error


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

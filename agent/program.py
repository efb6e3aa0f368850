"""Wiring: settings in, an agent that runs until it is told to end out; or one of the steps beside that."""

import asyncio
import contextlib
import dataclasses
import fcntl
import functools
import logging
import random
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import prometheus_client
from prometheus_client import registry

from kohakuriver import errors, private_file, program
from kohakuriver.agent import heartbeat, options, threads
from kohakuriver.agent import join as joining
from kohakuriver.agent.cluster import cluster_id
from kohakuriver.agent.journal import Journal
from kohakuriver.agent.loop import Agent
from kohakuriver.agent.machine import facts
from kohakuriver.agent.machine.isolation import chains
from kohakuriver.agent.machine.lxcfs import KernelLxcfs
from kohakuriver.agent.metrics import Metrics
from kohakuriver.agent.reserve import Reserve
from kohakuriver.agent.runtime import purge as purging
from kohakuriver.agent.runtime.docker import DockerRuntime
from kohakuriver.agent.runtime.iptables import Iptables, remove_chains
from kohakuriver.agent.settings import Settings
from kohakuriver.client import config
from kohakuriver.client.config import Connection
from kohakuriver.client.failover import Servers
from kohakuriver.client.rest import Client
from kohakuriver.clock import SystemClock
from kohakuriver.streams.dial import Dialer

log = logging.getLogger("agent")


async def run(settings: Settings) -> None:
    """Run the agent until SIGTERM or SIGINT. Raises KohakuRiverError."""
    _check_may(settings)
    connection = await _connection(settings)
    program.cancel_at_signals()
    servers = Servers((connection.server, *connection.others))
    servers.learn(Journal(settings.data_dir).load_servers())
    with contextlib.suppress(asyncio.CancelledError):
        async with (
            Client(connection, program="kohakuriver-agent", servers=servers) as client,
            Client(
                connection,
                program="kohakuriver-agent-heartbeat",
                timeout=heartbeat.attempt_timeout(settings.renew),
                servers=servers,
            ) as heart,
        ):
            # The token has done what it was for.
            known = dataclasses.replace(settings, cluster=await cluster_id(client), token="")
            runtime = DockerRuntime(cluster=known.cluster, socket_path=known.docker)
            try:
                await _serve(_agent(known, runtime, client=client, heart=heart, connection=connection))
            finally:
                await runtime.aclose()


def _agent(
    settings: Settings, runtime: DockerRuntime, *, client: Client, heart: Client, connection: Connection
) -> Agent:
    def dial(server: str) -> Dialer:
        return Dialer(connection._replace(server=server), program="kohakuriver-agent")

    return Agent(
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


async def _serve(agent: Agent) -> None:
    settings = agent.settings
    log.info(
        "agent starts", extra={"node": settings.node, "cluster": settings.cluster, "session": agent.session}
    )
    if not facts.is_root():
        log.warning("not root: what needs the namespaces of containers will not work on this node")
    counted = registry.CollectorRegistry()
    counted.register(Metrics(agent))
    render = functools.partial(prometheus_client.generate_latest, counted)
    async with program.metrics_served(render, settings.metrics_listen):
        await agent.run()


def join(settings: Settings) -> None:
    """Have the credential that the unit's agent will find. Raises ConfigError, and what the server says."""
    kept = joining.kept(settings.data_dir)
    if settings.join is None and settings.config is None and not kept.exists():
        raise errors.ConfigError(
            f"--install-service needs this node's credential, and {settings.data_dir} has none",
            hint="give --join or --config; print the first: kohakuriver node join",
        )
    _check_may(settings)
    with alone(settings.data_dir):
        asyncio.run(_connection(settings))


def purge(wanted: options.Purge) -> None:
    """Remove everything of one cluster from this machine, and say what it was."""
    done = purging.purge(cluster=wanted.cluster, socket=wanted.docker)
    counts = {"container": done.containers, "network": done.networks, "volume": done.volumes}
    told = [f"{count} {what}{'s' * (count != 1)}" for what, count in counts.items() if count]
    if told:
        sys.stderr.write(f"removed {', '.join(told)}\n")
    remove_chains(chains(wanted.cluster))
    for name in done.left:
        log.warning(
            "the engine keeps an empty network; restart it, then purge again", extra={"network": name}
        )


@contextlib.contextmanager
def alone(data_dir: Path) -> Iterator[None]:
    """One agent per data directory: two would act on the same journal. Raises ConfigError."""
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


def _check_may(settings: Settings) -> None:
    if settings.allow_mounts and not facts.is_root():
        raise errors.ConfigError(
            "--allow-mount needs the agent to run as root: it holds each mount to its prefix itself",
            hint="start the agent as root, or leave the option out",
        )


async def _connection(settings: Settings) -> Connection:
    """Who this agent is: what it was told, else what it has from when it joined. Joins if it is to."""
    if settings.join is not None:
        return await joining.connection(settings.join, node=settings.node, data_dir=settings.data_dir)
    kept = joining.kept(settings.data_dir)
    return config.load(kept if settings.config is None and kept.exists() else settings.config)

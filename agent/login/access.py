"""SSH on the way from a declared login to a handshake: files in, port out, and the probe that says `ready`.

Sits between containers.py, which calls it around create and start, and ssh.py and probe.py, which know how
sshd is set up and asked. What it learned of an image is kept by the image's id.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor

from kohakuriver.agent.deciding.desired import Desired
from kohakuriver.agent.deciding.memory import SSHView
from kohakuriver.agent.login import probe, ssh
from kohakuriver.agent.runtime import keepalive
from kohakuriver.agent.runtime.base import Container, File, PortBinding, Runtime
from kohakuriver.agent.runtime.keepalive import SSHD
from kohakuriver.agent.settings import SSHPublishing, is_loopback
from kohakuriver.options import LOOPBACK

PATIENCE = 10.0  # seconds without an answer after which the VPS counts as running without SSH
PAUSE = 5.0  # seconds between later tries
ANYWHERE = "0.0.0.0"  # noqa: S104 - compared with, to find an address that can be dialled


class Access:
    """The way into VPSes of this node."""

    def __init__(
        self,
        runtime: Runtime,
        keys: ssh.HostKeys,
        *,
        publishing: SSHPublishing | None,
        threads: Executor | None = None,
        patience: float = PATIENCE,
    ) -> None:
        self._runtime = runtime
        self._keys = keys
        self._threads = threads
        self._patience = patience  # with the disk
        self._publishing = publishing
        self._shadows: dict[str, File | None] = {}  # image id -> its /etc/shadow
        self._has_sshd: dict[str, bool] = {}  # image id -> whether

    async def host_key(self, desired: Desired) -> str:
        """The public key by which this VPS is known; empty where it has no SSH. Raises OSError."""
        if desired.login.disabled:
            return ""
        return (await self._key(desired.uid)).public

    async def files(self, desired: Desired) -> tuple[File, ...]:
        """What a container of this VPS needs in it; nothing where it has no SSH. Files that begin from a
        Snapshot may have another's keys in them: those are written over."""
        if desired.login.disabled:
            return ssh.NOTHING if desired.snapshot else ()
        key = await self._key(desired.uid)
        return ssh.files(_access(desired), key)

    async def rewrite(self, desired: Desired, container: Container) -> None:
        """Bring the files of a container up to what is declared now, and its root password."""
        written = list(await self.files(desired) or ssh.files(_access(desired), ssh.HostKey(b"", "")))
        shadow = await self._runtime.read_file(container.id, ssh.SHADOW)
        changed = ssh.shadow(shadow, _access(desired).mode) if shadow is not None else None
        if changed is not None and not desired.login.disabled:
            written.append(changed)
        written += keepalive.files(desired.command)
        await self._runtime.put_files(container.id, written)

    async def unlock(self, desired: Desired, container: Container) -> None:
        """Before the first start: root's password as the login needs it."""
        if desired.login.disabled:
            return
        if container.image_id not in self._shadows:
            self._shadows[container.image_id] = await self._runtime.read_file(container.id, ssh.SHADOW)
        current = self._shadows[container.image_id]
        changed = ssh.shadow(current, _access(desired).mode) if current is not None else None
        if changed is not None:
            await self._runtime.put_files(container.id, [changed])

    def ports(self, desired: Desired) -> tuple[PortBinding, ...]:
        """How sshd is published on the node. A VPS without a password is never seen beyond the machine."""
        if self._publishing is None or desired.ssh_port is None or desired.login.disabled:
            return ()
        address = self._publishing.address
        if desired.login.passwordless and not is_loopback(address):
            address = LOOPBACK
        return (PortBinding(ssh.PORT, address, desired.ssh_port),)

    def forget(self, uid: str) -> None:
        """The VPS is gone for good."""
        self._keys.forget(uid)

    async def _key(self, uid: str) -> ssh.HostKey:
        found = asyncio.get_running_loop().run_in_executor(self._threads, self._keys.get, uid)
        try:
            async with asyncio.timeout(self._patience):
                return await found
        except TimeoutError:
            raise TimeoutError(f"the disk did not answer within {self._patience:g} s") from None

    async def watch(
        self, desired: Desired, container: Container, run: str, *, tell: Callable[[SSHView], None]
    ) -> None:
        """Tell how SSH stands in this run until it is ready, or cannot be."""
        if not await self._sshd(container):
            tell(SSHView(run, "unavailable", without_sshd(container.image, desired)))
            return
        target = self._target(desired, container)
        if target is None:
            tell(SSHView(run, "unavailable", "the container has no address to reach it at"))
            return
        address, port = target
        key = await self.host_key(desired)
        answer = await probe.until_ready(address, port, host_key=key, patience=PATIENCE)
        while answer.verdict is not probe.Verdict.READY:
            tell(SSHView(run, "waiting", answer.message, overdue=True))
            await asyncio.sleep(PAUSE)
            answer = await probe.probe(address, port, host_key=key)
        tell(SSHView(run, "ready"))

    async def _sshd(self, container: Container) -> bool:
        known = self._has_sshd.get(container.image_id)
        if known is None or not known:  # somebody may have installed one since
            known = await self._runtime.has_file(container.id, SSHD)
            self._has_sshd[container.image_id] = known
        return known

    def _target(self, desired: Desired, container: Container) -> tuple[str, int] | None:
        for binding in self.ports(desired):
            dialled = LOOPBACK if binding.host_address == ANYWHERE else binding.host_address
            return dialled, binding.host_port
        return (container.ip, ssh.PORT) if container.ip else None


def without_sshd(image: str, desired: Desired) -> str:
    """That nobody logs in by SSH, and how people get in all the same."""
    elsewhere = "" if desired.namespace == "default" else f" -n {desired.namespace}"
    ways = f"kohakuriver connect {desired.name}{elsewhere}, and exec, cp and forward"
    return f"the image {image} has no {SSHD}; these get in without SSH: {ways}"


def _access(desired: Desired) -> ssh.Access:
    login = desired.login
    if login.disabled:
        return ssh.Access(ssh.Mode.DISABLED)
    mode = ssh.Mode.PASSWORDLESS if login.passwordless else ssh.Mode.KEYS
    return ssh.Access(mode, login.keys)

"""The steps of a restore: look at the place, unpack beside it, fill an etcd there, put all in its place."""

import contextlib
import enum
import json
import shlex
import shutil
from pathlib import Path
from typing import Final

from kohakuriver import errors, private_file
from kohakuriver.cli.local import cluster_files, neighbours, run_state
from kohakuriver.cli.local.backups import advice, etcd_copy, manifest, sources, staging
from kohakuriver.cli.local.backups.manifest import Manifest
from kohakuriver.cli.local.cluster_files import ClusterFiles
from kohakuriver.clock import SystemClock

OF_THE_PRESENT: Final = (
    "agent/hostkeys", "agent/node.json", "agent/agent.config", "agent/vps", "agent/over-disk.json",
    "agent/images.json", "agent/environments", "agent/snapshots", "agent/tarballs",
)  # fmt: skip
"""Of the folder that is replaced: what its agent knows of this machine, which is newer than the backup."""


class There(enum.Enum):
    """What is at the place of a restore."""

    NOTHING = "nothing, or an empty folder"
    BEGUN = "what an `up` has left that was refused"
    CLUSTER = "a cluster, whole or in part"


class Restoring:
    """One restore. Where it goes is known once the manifest is read, and looked at before it is unpacked."""

    def __init__(
        self, to: Path | None, stack: contextlib.ExitStack, *, replace: bool, store_only: bool
    ) -> None:
        self._to = to
        self._stack = stack
        self._replaces = replace
        self._store_only = store_only
        self._there = There.NOTHING
        self.target = Path()
        self.staged = ClusterFiles(Path())

    @property
    def unpacked(self) -> Path:
        return self.staged.root / "unpacked"

    def prepare(self, found: Manifest) -> Path:
        """The folder to unpack it in. Raises ConfigError where it cannot go."""
        of_machines = found.kind == manifest.SETTINGS or self._store_only
        default = sources.MACHINES if of_machines else cluster_files.DEFAULT
        self.target = (self._to or default).expanduser().absolute()
        if self.target.is_symlink():
            self.target = self.target.resolve()
        if not self._store_only:
            self._there = check_place(self.target, found, replace=self._replaces, stack=self._stack)
        self.staged = self._stack.enter_context(staging.prepared(self.target))
        return self.unpacked

    def finish(self, found: Manifest) -> list[str]:
        """What there is to say then."""
        if self._store_only:
            settings = sources.Settings.read(self.target)
            etcd_copy.load(settings.etcd, self.unpacked / manifest.STORE)
            return [f"loaded cluster {found.cluster} as of {found.when()} into etcd", *advice.after_loading()]
        if found.kind == manifest.UP:
            self._fill(found)
        else:
            self._move_up()
        aside = self._put()
        lines = [f"restored cluster {found.cluster} as of {found.when()} into {self.target}"]
        if aside is not None:
            lines.append(f"what was there is in {aside}; remove it when nobody needs it any more")
        return lines + (
            advice.after_up(self.target) if found.kind == manifest.UP else advice.after_settings(found)
        )

    def _move_up(self) -> None:
        for one in (self.unpacked / manifest.FILES).iterdir():
            one.rename(self.staged.root / one.name)

    def _fill(self, found: Manifest) -> None:
        """A whole data directory of `up`."""
        self._move_up()
        private_file.make_folder(self.staged.logs)
        cluster_files.ensure_certificates(self.staged, [], SystemClock().now())
        with etcd_copy.running(self.staged) as etcd:
            etcd_copy.load(etcd, self.unpacked / manifest.STORE)
        if ClusterFiles(self.target).cluster_id() == found.cluster:
            staging.take_along(self.target, self.staged.root, OF_THE_PRESENT)
        # With the history of before, so that the agent sees that this is another: whatever it finds running
        # here is left alone until a person has looked.
        seen = {"history": found.history, "revision": 0, "quarantine": None}
        private_file.write(self.staged.root / "agent" / "history.json", json.dumps(seen))

    def _put(self) -> Path | None:
        shutil.rmtree(self.unpacked)
        if not self.staged.options.exists():
            (self.staged.root / "lock").unlink()
        if self._there is There.BEGUN:
            ClusterFiles(self.target).remove_begun()
        now = SystemClock().now() if self._there is There.CLUSTER else None
        return staging.put(self.staged.root, self.target, set_aside=now)


def check_place(target: Path, found: Manifest, *, replace: bool, stack: contextlib.ExitStack) -> There:
    """What is there, held so that nobody starts it. Raises ConfigError for what is not to be replaced."""
    there = sorted(one.name for one in target.iterdir()) if target.is_dir() else []
    if found.kind == manifest.UP:
        _refuse_twin(target, found)
        if "lock" in there or "options.json" in there:
            _hold(ClusterFiles(target), stack)
        if there and not set(there) - {"lock", "logs"}:
            return There.BEGUN
    if not there:
        return There.NOTHING
    is_clusters = any(one in cluster_files.KNOWN or one == sources.ENVIRONMENT for one in there)
    if not is_clusters:
        raise errors.ConfigError(
            f"{target} is not the folder of a cluster: it holds {', '.join(there[:3])}",
            hint="name another folder with --to",
        )
    if not replace:
        raise errors.ConfigError(
            f"{target} holds a cluster already, and nothing was changed",
            hint="--replace sets it aside under another name, and deletes nothing",
        )
    return There.CLUSTER


def _hold(files: ClusterFiles, stack: contextlib.ExitStack) -> None:
    state = run_state.read(files.run)
    down = "kohakuriver down" + ("" if files.is_default else f" --data-dir {shlex.quote(str(files.root))}")
    if not stack.enter_context(files.locked()) or (state is not None and state.survivors()):
        raise errors.ConfigError(
            f"the cluster in {files.root} runs, and nothing was changed",
            hint=f"stop it (VPSes run on), then type this again: {down}",
        )


def _refuse_twin(target: Path, found: Manifest) -> None:
    """Two of one cluster on one machine would fight over its containers."""
    for root in neighbours.roots():
        if root != target and ClusterFiles(root).cluster_id() == found.cluster:
            raise errors.ConfigError(
                f"the cluster of this backup is in {root}; two of it here would fight over its VPSes",
                hint=f"go back to the backup there: --to {root} --replace",
            )

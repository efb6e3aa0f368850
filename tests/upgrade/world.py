"""A cluster whose programs can each be replaced by the same one of another version.

It is made by `up` of one version. Then its four programs are started one by one, with the arguments `up` gave
them, as the units of several machines do, so that replacing one ends none of the others.
"""

import base64
import json
from pathlib import Path
from typing import Any

import docker
import yaml

from tests.e2e.api import LEASES, NODES, VPSES, Api, Refused
from tests.e2e.conftest import Cluster, eventually, free_port, ssh_ports
from tests.e2e.processes import Process
from tests.upgrade.stored import RENEWED, Stored
from tests.upgrade.version import Version

PROGRAMS = ("apiserver", "controller", "agent")
PATIENT = "--loss-timeout=90s"  # a busy machine takes its time to start an agent, and loses no node by it
SILENT_FOR = 2  # renewals of the node's Lease, of three seconds each
GROUP = "/apis/kohakuriver.io/v1alpha1"
LASTING = (
    *(f"{GROUP}/{kind}" for kind in ("vpses", "environments", "tokens", "policies", "nodeallocations")),
    "/api/v1/resourcequotas",
)


class World:
    """One cluster on this machine's engine. `cluster` has the commands of the version it was made by."""

    def __init__(self, folder: Path, engine: docker.APIClient, version: Version) -> None:
        folder.mkdir()
        self.engine = engine
        self.cluster = Cluster(folder, free_port(), ("--ssh-port-range", ssh_ports(1)), bin=version.bin)
        self.cluster.up()
        recorded = json.loads((self.cluster.data_dir / "run.json").read_text())["programs"]
        lines = {name: _command_line(one["pid"]) for name, one in recorded.items()}
        self.cluster.down()
        self.api = self.api_of(self.cluster.config)
        self._arguments = {name: lines[name][4:] for name in PROGRAMS}  # behind `python -P -m MODULE`
        self._arguments["controller"].append(PATIENT)
        etcd = next(word for word in lines["etcd"] if word.startswith("--listen-client-urls="))
        self.stored = Stored(int(etcd.rpartition(":")[2]), self.cluster.data_dir / "pki")
        self.processes = {"etcd": Process("etcd", lines["etcd"], self._log("etcd"))}
        self.processes["etcd"].start()
        self.versions: dict[str, str] = {}
        for program in PROGRAMS:
            self.replace(program, version)

    def replace(self, program: str, version: Version) -> None:
        """End it, start that version's, and return when it does its work."""
        if program in self.processes:
            self.processes[program].stop()
        renewed = self._renewed() if program == "agent" else ""
        environment = {"HOME": str(self.cluster.folder)}
        command = version.command(program, self._arguments[program])
        process = Process(program, command, self._log(program), environment)
        self.processes[program] = process
        self.versions[program] = version.name
        process.start()
        if program == "apiserver":
            eventually(lambda: self._lives(program) and self.api.is_ready())
        elif program == "agent":
            eventually(lambda: self._lives(program) and self._renewed() not in ("", renewed))
            eventually(self._is_ready)

    def with_commands_of(self, version: Version) -> Cluster:
        """The same cluster, at the command line of that version."""
        one = self.cluster
        return Cluster(one.folder, one.port, one.options, bin=version.bin)

    def api_of(self, file: Path) -> Api:
        """The API with the token of that config file, asked without any version's client."""
        config = yaml.safe_load(file.read_text())
        [user], [one] = config["users"], config["clusters"]
        authority = base64.b64decode(one["cluster"]["certificate-authority-data"]).decode()
        return Api("127.0.0.1", self.cluster.port, token=user["user"]["token"], authority=authority)

    def phases(self) -> dict[str, str]:
        """Of each VPS."""
        found = self.api.get(VPSES)["items"]
        return {one["metadata"]["name"]: (one.get("status") or {}).get("phase", "") for one in found}

    def containers(self) -> dict[str, tuple[Any, ...]]:
        """Of each VPS's container what changes when anybody touches it: id, start, restarts, process."""
        label = f"kohakuriver.io/cluster={(self.cluster.data_dir / 'cluster-id').read_text().strip()}"
        found = {}
        for one in self.engine.containers(all=True, filters={"label": label}):
            whole = self.engine.inspect_container(one["Id"])
            state = whole["State"]
            name = one["Labels"]["kohakuriver.io/name"]
            found[name] = (
                one["Id"],
                state["StartedAt"],
                state["FinishedAt"],
                whole["RestartCount"],
                state["Pid"],
            )
        return found

    def objects(self) -> dict[str, Any]:
        """Everything that is declared and what was made of it, by field, but for which agent has said it."""
        found: dict[str, Any] = {}
        for path in LASTING:
            for one in self.api.get(path)["items"]:
                for field in ("resourceVersion", "managedFields"):
                    one["metadata"].pop(field, None)
                for field in ("session", "sequence"):
                    (one.get("status") or {}).get("observed", {}).pop(field, None)
                found |= _fields(f"{path} {one['metadata']['name']}", one)
        return found

    def is_silent(self) -> list[str]:
        """What was written besides Leases, while the node's was renewed several times."""
        began, seen = self.stored.revision(), set[str]()

        def renewals() -> bool:
            seen.add(self._renewed())
            return len(seen) > SILENT_FOR

        eventually(renewals)
        return [key for key in self.stored.written_since(began) if RENEWED not in key]

    def holders(self) -> list[int]:
        """The pids of the node's session holders, of whichever version."""
        wanted = f"agent.holder {self.cluster.data_dir.resolve()}"
        return [pid for pid in _pids() if wanted in " ".join(_command_line(pid))]

    def logs(self) -> str:
        return "\n".join(f"== {one.name}\n{one.tail()}" for one in self.processes.values())

    def end(self) -> None:
        for process in reversed(self.processes.values()):
            process.kill()
        if self.cluster.data_dir.exists():
            self.cluster.down("--purge")

    def _lives(self, program: str) -> bool:
        process = self.processes[program]
        assert process.is_alive, (
            f"{program} of {self.versions[program]} ended with {process.code}:\n{process.tail()}"
        )
        return True

    def _is_ready(self) -> bool:
        [node] = self.api.get(NODES)["items"]
        conditions = {one["type"]: one["status"] for one in node["status"]["conditions"]}
        return conditions["Ready"] == "True" and conditions["RuntimeReady"] == "True"

    def _renewed(self) -> str:
        """The version of the node's Lease; nothing while there is none."""
        try:
            items = self.api.get(LEASES.format(namespace="kohakuriver-node-lease"))["items"]
        except (Refused, OSError):
            return ""
        return str(items[0]["metadata"]["resourceVersion"]) if items else ""

    def _log(self, program: str) -> Path:
        return self.cluster.folder / f"{program}.log"


def _fields(path: str, value: Any) -> dict[str, Any]:
    """What is in it, by the way to it."""
    if isinstance(value, dict) and value:
        inside = [(f"{path}.{key}", one) for key, one in value.items()]
    elif isinstance(value, list) and value:
        inside = [(f"{path}[{number}]", one) for number, one in enumerate(value)]
    else:
        return {path: value}
    return {key: one for way, each in inside for key, one in _fields(way, each).items()}


def _command_line(pid: int) -> list[str]:
    """Empty for one that has just ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().split("\0")[:-1]
    except OSError:
        return []


def _pids() -> list[int]:
    return [int(one.name) for one in Path("/proc").iterdir() if one.name.isdigit()]

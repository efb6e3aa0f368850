"""What `manifests/cluster/prepare` writes for a cluster on several machines."""

import subprocess
import sys
from pathlib import Path

from apiserver import options
from kohakuriver.client import config

PREPARE = Path(__file__).parents[2] / "manifests" / "cluster" / "prepare"


def test_addresses_of_ipv6_are_written_as_urls_have_them(tmp_path: Path) -> None:
    machines = ["n1=fd00::1", "n2=fd00::2", "n3=10.0.0.3"]
    subprocess.run([sys.executable, str(PREPARE), str(tmp_path), *machines, "--servers", "2"], check=True)
    lines = (tmp_path / "n1" / "cluster.env").read_text().splitlines()
    found = dict(line.split("=", 1) for line in lines)
    assert found["ETCD_ENDPOINTS"] == "https://[fd00::1]:2379,https://[fd00::2]:2379,https://10.0.0.3:2379"
    assert found["ETCD_MEMBERS"].startswith("n1=https://[fd00::1]:2380,n2=https://[fd00::2]:2380,")
    admin = config.load(tmp_path / "admin.config")
    assert (admin.server, admin.others) == ("https://[fd00::1]:6443", ("https://[fd00::2]:6443",))
    unit = ["--etcd", found["ETCD_ENDPOINTS"], "--listen", f"{found['ADDRESS']}:6443"]
    unit += ["--advertise", found["ADDRESS"], "--tls-cert", "a", "--tls-key", "b", "--token-file", "c"]
    given = options.parse(unit)
    assert (given.listen.host, given.advertised_url()) == ("fd00::1", "https://[fd00::1]:6443")

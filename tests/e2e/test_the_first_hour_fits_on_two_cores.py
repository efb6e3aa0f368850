"""On two cores, straight after `make up`: the VPSes of the quick start and of the guide run side by side."""

from collections.abc import Callable

from tests.e2e import first_vps
from tests.e2e.conftest import Cluster


def test_the_guides_first_create_runs_beside_dev_and_lab(new_cluster: Callable[..., Cluster]) -> None:
    cluster = new_cluster("--cores", "2", "--memory", "8Gi")
    cluster.up()
    first_vps.make(cluster)
    cluster.ok("vps", "create", "--name", "lab", "--cores", "0.5", "--memory", "512M", "--gen-ssh-key")
    public = (cluster.folder / ".ssh" / "kohakuriver_vps_lab.pub").read_text()
    (cluster.folder / ".ssh" / "id_ed25519.pub").write_text(public)  # a person's own key

    created = cluster.cli("vps", "create", "--cores", "2", "--memory", "4G", "--timeout", "90s")

    assert created.code == 0, created.text
    listed = cluster.ok("vps", "list", "--no-headers").splitlines()
    assert [row.split()[1] for row in listed] == ["running"] * 3, listed

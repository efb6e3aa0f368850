"""The cluster in a browser: nodes and what of them is booked, simulated GPUs with their owners, who waits."""

import json
import re
from collections.abc import Callable, Iterator

import docker
import pytest
from playwright.sync_api import Locator, Page, Route, expect

from tests.e2e.conftest import Cluster, _end, a_manifest, free_port, ssh_ports
from tests.web.conftest import (
    NARROW,
    Visitor,
    broken_rules,
    count_drawn,
    most_drawn,
    new_token,
    overflows,
)

PATIENT = 60_000  # ms, for what a container has to do
expect.set_options(timeout=PATIENT)
GPUS = [
    {"index": 0, "uuid": "GPU-a", "model": "NVIDIA A100", "memory": "40Gi"},
    {"index": 1, "uuid": "GPU-b", "model": "NVIDIA A100", "memory": "40Gi"},
    {"index": 2, "uuid": "GPU-c", "model": "NVIDIA A100", "memory": "40Gi", "healthy": False},
]
TRAIN = "  placement: {node: n1, gpus: {ids: [0]}}\n"
HUGE = "  placement: {gpus: {count: 9}}\n"


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory, engine: docker.APIClient) -> Iterator[Cluster]:
    """One whose node has three GPUs in a file, of which one is ill."""
    folder = tmp_path_factory.mktemp("cluster")
    (folder / "gpus.json").write_text(json.dumps(GPUS))
    options = ("--ssh-port-range", ssh_ports(0), "--gpu-inventory", str(folder / "gpus.json"))
    one = Cluster(folder, free_port(), (*options, "--node", "n1"))
    one.up()
    yield one
    _end(one)


def node(page: Page, name: str = "n1") -> Locator:
    return page.get_by_role("listitem").filter(has=page.get_by_role("heading", name=name, exact=True))


def choose(page: Page, action: str) -> None:
    node(page).get_by_role("button", name="Actions for n1").click()
    page.get_by_role("menuitem", name=action, exact=True).click()


def spec(cluster: Cluster) -> dict[str, object]:
    return dict(json.loads(cluster.ok("get", "node", "n1", "-o", "json")).get("spec") or {})


def test_a_node_is_seen_and_its_orders_are_those_of_the_command(visitor: Visitor, cluster: Cluster) -> None:
    page = visitor.goto("/cluster")
    page.evaluate("window.loaded = 'once'")
    numbers = page.locator(".cluster-sum")
    expect(numbers).to_contain_text("nodes ready1 of 1")
    expect(numbers).to_contain_text("GPUs free2 of 3")
    tiles = node(page).get_by_role("list", name="GPUs of n1").get_by_role("listitem")
    expect(tiles).to_have_text([re.compile("free"), re.compile("free"), re.compile("ill: not given")])

    cluster.apply(a_manifest("train", memory="64Mi", cores="0.5", more=TRAIN))
    expect(tiles.nth(0).get_by_role("link", name="train")).to_have_attribute("href", "/ui/vps/default/train")
    expect(node(page).get_by_role("meter", name="memory")).to_have_attribute(
        "aria-valuetext", re.compile("^64Mi of ")
    )
    expect(node(page).get_by_role("meter", name="cores")).to_have_attribute(
        "aria-valuetext", re.compile(r"^0\.5 of ")
    )
    expect(numbers).to_contain_text("GPUs free1 of 3")
    cluster.wait_running("train")

    choose(page, "Cordon")
    expect(node(page)).to_contain_text("no new VPS is placed here")
    assert spec(cluster)["unschedulable"] is True
    cluster.ok("node", "uncordon", "n1")
    expect(node(page)).not_to_contain_text("Cordoned")

    choose(page, "Drain…")
    asked = page.get_by_role("dialog", name="Drain n1?")
    expect(asked).to_contain_text("uncordon starts them again")
    expect(asked).to_contain_text("It has 1 VPS: default/train.")
    asked.get_by_role("button", name="Drain n1").click()
    expect(node(page)).to_contain_text("Drained")
    assert cluster.phase("train") == "stopped"
    assert spec(cluster) == {"drain": True, "unschedulable": True}
    choose(page, "Uncordon")
    expect(node(page)).not_to_contain_text("Drained")
    assert not spec(cluster).get("drain")
    cluster.wait_running("train")

    choose(page, "Labels…")
    form = page.get_by_role("dialog", name="Labels of n1")
    labels = form.get_by_role("textbox")
    labels.fill("nonsense")
    form.get_by_role("button", name="Save").click()
    expect(form.get_by_role("alert")).to_contain_text('invalid label "nonsense"')
    labels.fill("disk=ssd")
    form.get_by_role("button", name="Save").click()
    expect(form).to_have_count(0)
    assert "disk=ssd" in cluster.ok("node", "status", "n1")

    node(page).get_by_role("link", name="n1", exact=True).click()
    expect(page).to_have_url(re.compile("/ui/cluster/nodes/n1$"))
    expect(node(page).get_by_role("region", name="VPSes here")).to_contain_text("default/train")
    expect(node(page)).to_contain_text("disk=ssd")
    expect(node(page)).to_contain_text("kohakuriver node forget n1 --destroyed")
    assert page.evaluate("window.loaded") == "once"


def test_who_waits_is_seen_with_the_reason(visitor: Visitor, cluster: Cluster) -> None:
    page = visitor.goto("/cluster/queue")
    expect(page.get_by_text("Nothing waits")).to_be_visible()
    cluster.apply(a_manifest("huge", more=HUGE))
    row = page.get_by_role("row").filter(has=page.get_by_role("link", name="default/huge"))
    expect(row).to_contain_text("GPUs")
    assert cluster.get("huge")["status"]["message"] in (row.text_content() or "")
    cluster.ok("delete", "vps", "huge")
    expect(page.get_by_text("Nothing waits")).to_be_visible()


def test_a_user_sees_what_there_is_and_no_orders(visit: Callable[..., Visitor], cluster: Cluster) -> None:
    visitor = visit(viewport=NARROW)
    visitor.log_in(new_token(cluster, "--user", "ann", "-n", "default"))
    page = visitor.goto("/cluster")
    expect(node(page)).to_contain_text("SSH ports")
    expect(node(page).get_by_role("meter")).to_have_count(0)
    expect(page.get_by_role("button", name="Actions for n1")).to_have_count(0)
    expect(page.get_by_role("link", name="Add a machine")).to_have_count(0)
    assert not overflows(page)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nobody_is_kept_out(visit: Callable[..., Visitor], cluster: Cluster, scheme: str, page: Page) -> None:
    one = visit(color_scheme=scheme)
    one.log_in(new_token(cluster, "--user", "root", "--role", "admin"))
    for path in ("/cluster/nodes/n1", "/cluster/queue", "/cluster/environments"):
        one.goto(path).get_by_role("heading", name="Cluster").wait_for()
        assert broken_rules(one.page) == [], path
    one.page.set_viewport_size({"width": 360, "height": 740})
    one.goto("/cluster/nodes/n1").get_by_role("region", name="Conditions of n1").wait_for()
    assert not overflows(one.page)


def test_of_a_thousand_nodes_those_are_drawn_that_are_near(visitor: Visitor, cluster: Cluster) -> None:
    listed = json.loads(cluster.kube("get", "--raw", "/apis/kohakuriver.io/v1alpha1/nodes"))
    [real] = listed["items"]
    listed["items"] = [{**real, "metadata": {**real["metadata"], "name": f"n{n}"}} for n in range(1, 1001)]

    def many(route: Route) -> None:
        route.fulfill(json=listed)

    visitor.page.route("**/apis/kohakuriver.io/v1alpha1/nodes?limit=*", many)
    page = visitor.goto("/cluster/nodes/n777")
    expect(page.locator(".cluster-sum")).to_contain_text("nodes ready1000 of 1000")
    expect(node(page, "n777").get_by_role("region", name="Conditions of n777")).to_be_in_viewport()
    nodes = page.locator(".cluster-node")
    assert nodes.count() < 100
    page.get_by_role("searchbox", name="Find nodes").fill("n1000")
    expect(nodes).to_have_count(1)
    expect(node(page, "n1000")).to_be_visible()
    count_drawn(page, ".cluster-nodes", ".cluster-node")
    page.get_by_role("searchbox", name="Find nodes").fill("")
    expect(nodes.nth(7)).to_be_visible()
    assert 0 < most_drawn(page) <= 8, "nodes are drawn some at a time"

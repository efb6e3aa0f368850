"""The list of VPSes in a browser, at a real cluster: what it shows, what it does, and what it costs."""

import concurrent.futures
import json
import re
import ssl
import threading
from collections.abc import Callable
from http.client import HTTPSConnection
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, Route, WebSocketRoute, expect

from tests.e2e.conftest import Cluster, a_manifest
from tests.web.conftest import (
    NARROW,
    Visitor,
    admin_token,
    authority,
    broken_rules,
    count_drawn,
    most_drawn,
    new_token,
    overflows,
)

VPSES = "/apis/kohakuriver.io/v1alpha1/namespaces/{}/vpses"
MARKUP = "<img src=x onerror=\"window.owned='yes'\"><script>window.owned='yes'</script>"


def row(page: Page, name: str) -> Locator:
    """Of the VPS of that name."""
    return page.get_by_role("row").filter(has=page.get_by_role("link", name=name, exact=True))


def choose(page: Page, name: str, action: str) -> None:
    """In the menu of its row."""
    page.get_by_role("button", name=f"Actions on {name}", exact=True).click()
    page.get_by_role("menuitem", name=action, exact=True).click()


def agree(page: Page, action: str) -> None:
    page.get_by_role("dialog").get_by_role("button", name=action, exact=True).click()


def test_a_vps_is_lived_with_from_the_list(page: Page, cluster: Cluster) -> None:
    """It comes, stops, starts and goes before the visitor's eyes, and the page is never loaded again."""
    page.evaluate("window.loaded = 'once'")
    expect(page.get_by_text("kohakuriver vps create dev")).to_be_visible()

    cluster.apply(a_manifest("dev"))
    expect(row(page, "dev")).to_contain_text("running", timeout=60_000)
    expect(row(page, "dev").get_by_role("meter", name="memory")).to_contain_text("of 64Mi")
    expect(page).to_have_title("VPSes - KohakuRiver")

    choose(page, "dev", "Stop")
    expect(page.get_by_role("dialog", name="Stop dev?")).to_contain_text("What runs in it ends")
    agree(page, "Stop dev")
    expect(row(page, "dev")).to_contain_text("stopped", timeout=60_000)
    expect(page.get_by_role("status").filter(has_text="dev is being stopped")).to_be_visible()
    assert cluster.get("dev")["spec"]["runState"] == "Stopped"

    row(page, "dev").get_by_role("button", name="Start dev").click()
    expect(row(page, "dev")).to_contain_text("running", timeout=60_000)

    cluster.ok("vps", "pause", "dev")
    expect(row(page, "dev")).to_contain_text("paused")
    row(page, "dev").get_by_role("button", name="Resume dev").click()
    expect(row(page, "dev")).to_contain_text("running")

    choose(page, "dev", "Delete")
    expect(page.get_by_role("dialog", name="Delete dev?")).to_contain_text("all files in it")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.get_by_role("button", name="Actions on dev")).to_be_focused()
    choose(page, "dev", "Delete")
    agree(page, "Delete dev")
    expect(page.get_by_text("There is no VPS yet")).to_be_visible(timeout=60_000)
    assert cluster.cli("get", "vps", "dev").code != 0
    assert page.evaluate("window.loaded") == "once"


def test_it_is_worked_by_the_keyboard_alone(visitor: Visitor, cluster: Cluster) -> None:
    for name in ("key-a", "key-b", "key-c"):
        cluster.apply(a_manifest(name, more="  runState: Stopped\n"))
    page = visitor.page
    expect(row(page, "key-c")).to_contain_text("stopped")

    page.keyboard.press("/")
    page.keyboard.type("key")
    page.keyboard.press("Tab")
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("k")
    expect(page.get_by_role("link", name="key-b", exact=True)).to_be_focused()
    page.keyboard.press("x")
    expect(page.get_by_role("region", name="Selected VPSes")).to_contain_text("1 selected")
    page.keyboard.press("d")
    expect(page.get_by_role("dialog", name="Delete key-b?")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keys")).to_contain_text("Ctrl K")
    page.keyboard.press("Escape")
    expect(page.get_by_role("link", name="key-b", exact=True)).to_be_focused()
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("/ui/vps/default/key-b$"))

    page.keyboard.press("Control+k")
    finder = page.get_by_role("combobox", name=re.compile("^Go to"))
    expect(finder).to_be_focused()
    page.keyboard.type("del key-a")
    expect(page.get_by_role("option", selected=True)).to_contain_text("Delete key-a")
    assert broken_rules(page) == []
    page.keyboard.press("Enter")
    agree(page, "Delete key-a")
    page.keyboard.press("Control+k")
    page.keyboard.type("vpses")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("/ui/vpses$"))
    expect(row(page, "key-b")).to_be_visible()
    expect(row(page, "key-a")).to_have_count(0)

    for name in ("key-b", "key-c"):
        page.get_by_role("checkbox", name=f"Select {name}").check()
    page.get_by_role("region", name="Selected VPSes").get_by_role("button", name="Delete").click()
    expect(page.get_by_role("dialog", name="Delete 2 VPSes?")).to_contain_text("key-b, key-c")
    agree(page, "Delete 2 VPSes")
    expect(row(page, "key-b")).to_have_count(0)
    expect(row(page, "key-c")).to_have_count(0)


def hostile(name: str) -> dict[str, Any]:
    """A VPS as no server of ours would have it."""
    return {
        "metadata": {"name": name, "namespace": MARKUP, "labels": {MARKUP: MARKUP}, "uid": MARKUP},
        "spec": {"image": MARKUP, "resources": {"cores": MARKUP, "memory": [MARKUP]}, "runState": MARKUP},
        "status": {
            "phase": "running",
            "message": MARKUP,
            "conditions": MARKUP,
            "assignment": {"node": MARKUP, "grant": {"sshPort": MARKUP, "memory": MARKUP, "gpus": MARKUP}},
        },
    }


def test_what_others_wrote_is_text(visit: Callable[..., Visitor], cluster: Cluster) -> None:
    def answer(route: Route) -> None:
        response = route.fetch()
        body = response.json()
        body["items"] += [hostile(MARKUP), {"metadata": {"name": "bare"}}]
        route.fulfill(response=response, body=json.dumps(body))

    one = visit(ignore_https_errors=True)  # Playwright itself asks the server here
    page = one.page
    page.route(re.compile(r"/v1alpha1/vpses\?limit="), answer)
    one.log_in(admin_token(cluster))
    expect(page.get_by_role("link", name=MARKUP, exact=True)).to_be_visible()
    expect(row(page, "bare")).to_contain_text("pending")
    shown = row(page, MARKUP)
    for cell in ("name", "node", "why"):
        expect(shown.locator(f"td.vpses-{cell}")).to_contain_text(MARKUP)
    page.get_by_role("button", name=f"Actions on {MARKUP}").click()
    page.get_by_role("menuitem", name="Delete").click()
    expect(page.get_by_role("dialog")).to_contain_text(f"Delete {MARKUP}?")
    agree(page, f"Delete {MARKUP}")
    expect(page.get_by_role("alert").filter(has_text=MARKUP)).to_be_visible()
    page.keyboard.press("Control+k")
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("option").filter(has_text=MARKUP).first).to_be_visible()
    assert page.locator("#page img, #page script").count() == 0
    assert page.evaluate("window.owned") is None


def test_who_may_only_look_is_offered_nothing(visit: Callable[..., Visitor], cluster: Cluster) -> None:
    cluster.apply(a_manifest("seen", more="  runState: Stopped\n"))
    token = new_token(cluster, "--user", "board", "--role", "viewer")
    page = visit().log_in(token)
    expect(row(page, "seen")).to_contain_text("stopped")
    inside = page.get_by_role("main")
    assert inside.get_by_role("checkbox").count() == 0
    buttons = inside.get_by_role("table").get_by_role("button")
    assert buttons.count() == inside.get_by_role("columnheader").get_by_role("button").count() == 6
    assert page.get_by_role("link", name=re.compile("^Create")).count() == 0
    row(page, "seen").get_by_role("link").focus()
    page.keyboard.press("d")
    page.keyboard.press("Control+k")
    page.keyboard.type("seen")
    expect(page.get_by_role("option", selected=True)).to_contain_text("stopped")
    assert page.get_by_role("option").count() == 1

    # Somebody of one namespace sees that one, though all together are not theirs to see.
    token = new_token(cluster, "--user", "ann", "-n", "default,team")
    page = visit().log_in(token)
    expect(row(page, "seen")).to_contain_text("stopped")
    expect(row(page, "seen").get_by_role("button", name="Start seen")).to_be_visible()
    cluster.ok("vps", "delete", "seen")
    expect(row(page, "seen")).to_have_count(0)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everybody_can_use_it(visit: Callable[..., Visitor], cluster: Cluster, scheme: str) -> None:
    for name, more in (
        ("idle", "  runState: Stopped\n"),
        ("huge", "  placement: {nodeSelector: {lost: where}}\n"),
    ):
        cluster.apply(a_manifest(name, more=more))
    one = visit(color_scheme=scheme)
    page = one.goto("/")
    page.get_by_role("button", name="Log in").wait_for()
    assert broken_rules(page) == []
    page = one.log_in(admin_token(cluster))
    expect(row(page, "huge")).to_contain_text("lost=where")
    assert broken_rules(page) == []
    page.set_viewport_size(NARROW)
    assert broken_rules(page) == []
    assert not overflows(page)
    choose(page, "idle", "Delete")
    assert broken_rules(page) == []
    page.keyboard.press("Escape")

    other = "dark" if scheme == "light" else "light"
    page.get_by_role("button", name=re.compile("^admin: theme")).click()
    assert broken_rules(page) == []
    page.get_by_role("menuitem", name=f"Theme: {other}").click()
    page.reload()
    expect(page.locator("html")).to_have_attribute("data-theme", other)


def test_a_lost_connection_is_told_and_mends_itself(visitor: Visitor, cluster: Cluster) -> None:
    page = visitor.page
    cluster.apply(a_manifest("away", more="  runState: Stopped\n"))
    sockets: list[WebSocketRoute] = []
    is_cut = True

    def watched(socket: WebSocketRoute) -> None:
        if is_cut:
            socket.close(code=1001)
        else:
            sockets.append(socket.connect_to_server())

    page.route_web_socket(re.compile(r"/v1alpha1/vpses\?watch=1"), watched)
    visitor.goto("/vpses")
    expect(
        page.get_by_role("status").filter(has_text="The connection to the API server was lost")
    ).to_be_visible()
    expect(row(page, "away")).to_contain_text("stopped")
    cluster.ok("vps", "delete", "away")
    expect(row(page, "away")).to_be_visible()
    is_cut = False
    page.get_by_role("button", name="Try now").click()
    expect(row(page, "away")).to_have_count(0)
    expect(page.get_by_role("button", name="Try now")).to_have_count(0)


class Crowd:
    """A thousand VPSes that are stopped, and whoever changes them."""

    def __init__(self, cluster: Cluster) -> None:
        self._port, self._token = cluster.port, admin_token(cluster)
        self._tls = ssl.create_default_context(cadata=authority(cluster))
        self._kept = threading.local()

    def make(self) -> None:
        for namespace in ("crowd-0", "crowd-1"):
            self._call("POST", "/api/v1/namespaces", {"metadata": {"name": namespace}})
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            list(pool.map(self._some, range(4)))

    def change(self, number: int) -> None:
        self._call("PATCH", f"{self._path(number)}/v{number:04}", {"spec": {"resources": {"cores": 7}}})

    def _some(self, first: int) -> None:
        for number in range(first, 1000, 4):
            self._one(number)
        self.close()

    def close(self) -> None:
        """This thread's connection."""
        self._kept.connection.close()

    def _one(self, number: int) -> None:
        spec = {"runState": "Stopped", "image": "kohakuriver/busybox", "ssh": {"disabled": True}}
        body = {"apiVersion": "kohakuriver.io/v1alpha1", "kind": "VPS", "spec": spec}
        self._call("POST", self._path(number), {**body, "metadata": {"name": f"v{number:04}"}})

    @staticmethod
    def _path(number: int) -> str:
        return VPSES.format(f"crowd-{number % 2}")

    def _call(self, method: str, path: str, body: Any) -> None:
        if not hasattr(self._kept, "connection"):
            self._kept.connection = HTTPSConnection("127.0.0.1", self._port, context=self._tls)
        kind = "application/merge-patch+json" if method == "PATCH" else "application/json"
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": kind}
        self._kept.connection.request(method, path, json.dumps(body), headers)
        answer = self._kept.connection.getresponse()
        said = answer.read()
        assert answer.status < 300, said


_WATCHED = """() => {
  window.long = [];
  const note = (list) => window.long.push(...list.getEntries().map((one) => Math.round(one.duration)));
  new PerformanceObserver(note).observe({ type: "longtask", buffered: true });
}"""


def test_a_thousand_are_shown_and_followed(
    visitor: Visitor, cluster: Cluster, record_property: Callable[[str, object], None]
) -> None:
    """Decided is by what is drawn; how long the browser was busy at a time is written down beside it."""
    crowd = Crowd(cluster)
    crowd.make()
    cluster.apply(a_manifest("first", more="  runState: Stopped\n"))
    page = visitor.page
    visitor.context.add_init_script(f"({_WATCHED})()")
    visitor.goto("/vpses")
    table = page.get_by_role("table", name="VPSes")
    expect(page.get_by_role("button", name=re.compile("^100. stopped"))).to_be_visible()
    assert table.locator("tbody tr").count() <= 60

    page.evaluate("window.drawn = [...document.querySelectorAll('tbody[data-first=\"0\"] tr')]")
    for number in range(0, 1000, 10):
        crowd.change(number)
    crowd.change(1)
    expect(row(page, "v0001").locator("td.vpses-cores")).to_have_text("7")
    assert page.evaluate("window.drawn.length === 10 && window.drawn.every((row) => row.isConnected)")
    assert table.locator("tbody tr").count() <= 60
    record_property("long tasks, in ms", page.evaluate("window.long"))

    page.get_by_role("searchbox").fill("v012")
    expect(table).to_have_attribute("aria-rowcount", "11")
    page.get_by_role("searchbox").fill("")
    page.get_by_role("combobox", name="Namespace").select_option("crowd-1")
    expect(table).to_have_attribute("aria-rowcount", "501")
    count_drawn(page, "table", "tbody tr")
    page.get_by_role("button", name="Name").click()
    expect(table.locator("tbody tr").first).to_contain_text("v0999")
    expect(table.locator("tbody[data-late]")).to_have_count(0)
    expect(table.locator("tbody tr").nth(15)).to_contain_text("v0969")
    assert 0 < most_drawn(page) < 20, "a sorted list is drawn block by block"
    page.keyboard.press("Control+k")
    expect(page.get_by_role("combobox", name=re.compile("^Go to"))).to_be_focused()
    page.keyboard.type("v0777")
    expect(page.get_by_role("dialog").get_by_role("option", selected=True)).to_have_text(
        "v0777crowd-1 · stoppedVPS"
    )
    page.keyboard.press("Escape")
    table.locator("tbody tr").first.get_by_role("link").focus()
    for _ in range(45):
        page.keyboard.press("j")
    expect(page.get_by_role("link", name="v0909", exact=True)).to_be_focused()
    crowd.close()

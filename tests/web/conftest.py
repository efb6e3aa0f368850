"""A browser at the web page of a real cluster, for each file of tests.

Chromium is the machine's own, driven by Playwright. It trusts the certificate of that one API server, runs
under the policy that the server sends, and logs in as a person does. Nothing here waits by the clock: a test
waits for what is to be seen.
"""

import base64
import dataclasses
import hashlib
import json
import re
import shutil
import ssl
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Error,
    Page,
    Playwright,
    sync_playwright,
)

from kohakuriver.client import config
from tests.e2e.conftest import (  # noqa: F401 - the fixtures that these tests stand on
    PROJECT,
    Cluster,
    cluster,
    engine,
    pytest_runtest_makereport,
)

AXE = PROJECT / "web/node_modules/axe-core/axe.min.js"
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
QUIET = (
    "--no-sandbox",  # tests run as root, mostly
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
_NOBODY_ANSWERS = re.compile(r"^WebSocket connection to .* net::ERR_\w+$")
_NETWORKS = 5  # a container that starts or ends changes them, and Chromium gives up what it is loading
_CUT = ("ERR_NETWORK_CHANGED", "chrome-error:", "is interrupted by another navigation", "Timeout")
WIDE, NARROW = {"width": 1440, "height": 900}, {"width": 360, "height": 740}


@pytest.hookimpl(tryfirst=True)  # what all tests are sorted and grouped by
def pytest_itemcollected(item: pytest.Item) -> None:
    if "browser" in getattr(item, "fixturenames", ()):
        item.add_marker("e2e")


@dataclasses.dataclass
class Visitor:
    """Somebody at the page: a browser without anybody's cookies."""

    site: str
    context: BrowserContext
    page: Page
    complaints: list[str] = dataclasses.field(default_factory=list)
    """What the browser has to say against the page: errors, and whatever the server's policy forbids."""

    def goto(self, path: str, *, drawn: str = "#page > *") -> Page:
        """The page at this path below /ui, once `drawn` is there."""
        return self._drawn(lambda: self.page.goto(f"{self.site}/ui{path}"), drawn)

    def reload(self, *, drawn: str) -> Page:
        """The page as it is after it was loaded again."""
        return self._drawn(self.page.reload, drawn)

    def _drawn(self, load: Callable[[], object], drawn: str) -> Page:
        for _ in range(_NETWORKS):
            try:
                load()
                self.page.locator(drawn).first.wait_for(timeout=10_000)  # its script arrived too
                break
            except Error as error:
                if not any(word in error.message for word in _CUT):
                    raise
        return self.page

    def log_in(self, token: str) -> Page:
        """By a token, as a person pastes it."""
        self.goto("/")
        self.page.get_by_label("Or paste a token").fill(token)
        self.page.get_by_role("button", name="Log in").click()
        self.page.get_by_role("navigation", name="Main").wait_for()
        return self.page

    def listen(self) -> None:
        self.page.on("console", self._said)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def _said(self, message: ConsoleMessage) -> None:
        # A refusal of the server is the page's to show, as is that nobody answers; the browser notes both.
        said = message.text
        is_known = said.startswith("Failed to load resource") or _NOBODY_ANSWERS.search(said)
        if message.type == "error" and not is_known:
            self.complaints.append(said)


@pytest.fixture(
    scope="module"
)  # it runs a loop in this thread, in which no test of another file could run its own
def playwright() -> Iterator[Playwright]:
    if CHROMIUM is None:
        pytest.fail("this machine has no Chromium: manifests/development/system-packages tests")
    with sync_playwright() as running:
        yield running


@pytest.fixture(scope="module")
def browser(playwright: Playwright, cluster: Cluster) -> Iterator[Browser]:  # noqa: F811
    """One that trusts the certificate of this cluster's API server, and no other of its kind."""
    certificate = x509.load_pem_x509_certificate(
        ssl.get_server_certificate(("127.0.0.1", cluster.port)).encode()
    )
    key = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    pin = base64.b64encode(hashlib.sha256(key).digest()).decode()
    options = [*QUIET, f"--ignore-certificate-errors-spki-list={pin}"]
    one = playwright.chromium.launch(executable_path=CHROMIUM, args=options)
    yield one
    one.close()


@pytest.fixture
def visit(browser: Browser, cluster: Cluster) -> Iterator[Callable[..., Visitor]]:  # noqa: F811
    """Makes visitors; options are those of Playwright's `new_context`. None may end with complaints."""
    made: list[Visitor] = []

    def come(**options: Any) -> Visitor:
        context = browser.new_context(**{"viewport": WIDE, "reduced_motion": "reduce", **options})
        visitor = Visitor(f"https://127.0.0.1:{cluster.port}", context, context.new_page())
        visitor.page.set_default_timeout(120_000)
        visitor.listen()
        made.append(visitor)
        return visitor

    yield come
    complaints = [complaint for visitor in made for complaint in visitor.complaints]
    for visitor in made:
        visitor.context.close()
    assert complaints == []


@pytest.fixture
def visitor(visit: Callable[..., Visitor], cluster: Cluster) -> Visitor:  # noqa: F811
    """The administrator, at the list of VPSes."""
    one = visit()
    one.log_in(admin_token(cluster))
    return one


@pytest.fixture
def page(visitor: Visitor) -> Page:
    """The administrator's page."""
    return visitor.page


def admin_token(of: Cluster) -> str:
    """The token of the config file that `up` has written."""
    return config.load(of.config).token or ""


def authority(of: Cluster) -> str:
    """The certificate that vouches for its API server, as PEM."""
    return (config.load(of.config).ca or b"").decode()


def new_token(of: Cluster, name: str, *options: str) -> str:
    """A new token of that cluster: `new_token(cluster, "ann", "--role", "viewer")`."""
    return of.ok("token", "create", name, *options).split()[-1]


def broken_rules(page: Page) -> list[str]:
    """What axe finds wrong with what is shown now, of what keeps people out: each rule, and where."""
    page.evaluate(AXE.read_text())
    found = page.evaluate("axe.run(document, { resultTypes: ['violations'] })")
    return [
        f"{rule['id']}: {rule['help']}: {json.dumps([node['target'] for node in rule['nodes']][:5])}"
        for rule in found["violations"]
        if rule["impact"] in ("serious", "critical")
    ]


_COUNTING = """([place, what]) => {
  window.most = 0;
  const count = (node) => node.matches?.(what) ? 1 : (node.querySelectorAll?.(what).length ?? 0);
  new MutationObserver((records) => {
    const added = records.flatMap((one) => [...one.addedNodes]).filter((node) => node.isConnected);
    window.most = Math.max(window.most, added.reduce((sum, node) => sum + count(node), 0));
  }).observe(document.querySelector(place), { childList: true, subtree: true });
}"""


def count_drawn(page: Page, place: str, what: str) -> None:
    """From now on `most_drawn` says how many of these the page has drawn at most in one go: without a pause
    in which somebody is heard."""
    page.evaluate(_COUNTING, [place, what])


def most_drawn(page: Page) -> int:
    return int(page.evaluate("window.most"))


def overflows(page: Page) -> bool:
    """Whether the page can be scrolled sideways."""
    wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    return bool(wide > 0)

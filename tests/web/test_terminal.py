"""The terminal in the browser, worked in as a person does, while servers die and others take it over."""

import json
import os
import signal

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import BIN, Cluster, a_manifest, eventually
from tests.e2e.on_screen import OnScreen
from tests.web.conftest import NARROW, Visitor, broken_rules, overflows

WITHIN = 30_000  # ms
SHELL = "~ #"
KEPT = "sessionStorage.getItem(`kohakuriver.terminal ${location.pathname.split('/').slice(-2).join('/')}`)"


@pytest.fixture(scope="module")
def box(cluster: Cluster) -> str:
    """A VPS with a shell, `vi` and `top`."""
    cluster.apply(a_manifest("box"))
    cluster.wait_running("box")
    return "box"


@pytest.fixture
def terminal(visitor: Visitor, box: str) -> Page:
    """A shell in it, at its prompt, in a window of its own."""
    visitor.goto(f"/terminal/default/{box}")
    shows(visitor.page, SHELL)
    return visitor.page


def shows(page: Page, text: str) -> None:
    """Waits until the terminal shows this."""
    expect(page.locator(".xterm-rows")).to_contain_text(text, timeout=WITHIN)


def shown(page: Page) -> str:
    """All that it shows, as one line: what was broken at its right edge is whole again."""
    return page.evaluate(
        "[...document.querySelectorAll('.xterm-rows > div')].map(row => row.textContent).join('')"
    )


def run(page: Page, line: str) -> None:
    page.keyboard.type(f"{line}\n")


def numbers(first: int, last: int) -> str:
    return ",".join(map(str, range(first, last + 1)))


def paste(page: Page, text: str) -> None:
    """As the browser's own paste arrives."""
    page.evaluate(
        """text => {
            const clipboardData = new DataTransfer();
            clipboardData.setData('text/plain', text);
            const paste = new ClipboardEvent('paste', { clipboardData, bubbles: true, cancelable: true });
            document.querySelector('.xterm-helper-textarea').dispatchEvent(paste);
        }""",
        text,
    )


def phase(page: Page, wanted: str) -> None:
    page.locator(f".terminal-stage[data-phase={wanted}]").wait_for(timeout=60_000)


def session_of(page: Page) -> str:
    return str(json.loads(page.evaluate(KEPT))["current"])


def programs(cluster: Cluster) -> dict[str, int]:
    state = json.loads((cluster.data_dir / "run.json").read_text())
    return {name: entry["pid"] for name, entry in state["programs"].items()}


def test_a_shell_is_worked_in(terminal: Page) -> None:
    page = terminal
    assert broken_rules(page) == []
    run(page, "printf '\\033[1;31mred-%s\\033[0m\\n' $((6*7))")
    shows(page, "red-42")
    red = page.locator(".xterm-rows span.xterm-bold", has_text="red-42")
    assert red.evaluate("one => getComputedStyle(one).color") != page.locator(".xterm-rows").evaluate(
        "one => getComputedStyle(one).color"
    )
    run(page, "printf '\\033]0;<b>bold</b> & title\\007'")
    page.get_by_role("button", name="<b>bold</b> & title", exact=True).wait_for()
    page.keyboard.type("wrong")
    page.keyboard.press("Control+a")
    page.keyboard.press("Control+k")  # the shell's, though it is the palette's elsewhere
    run(page, "echo right-$((2+2))")
    shows(page, "right-4")
    expect(page.get_by_role("dialog")).to_have_count(0)
    run(page, "vi /etc/hostname")
    shows(page, "/etc/hostname 1/1")
    page.keyboard.type("Atyped")
    page.keyboard.press("Escape")
    shows(page, "- /etc/hostname [Modified]")
    run(page, ":q!")
    run(page, "clear; stty size")
    shows(page, " ".join(map(str, size_of(page))))
    page.set_viewport_size(NARROW)
    expect(page.locator(".terminal-keys")).to_be_visible()
    assert not overflows(page)
    run(page, "while sleep 0.1; do clear; stty size; done")
    eventually(lambda: " ".join(map(str, size_of(page))) in shown(page))
    page.get_by_role("button", name="Ctrl with the next key").click()
    page.keyboard.type("c")
    run(page, "clear; echo left-$((1+1))")
    shows(page, "left-2")


def test_what_comes_from_a_clipboard_or_from_the_vps_is_not_trusted(terminal: Page) -> None:
    page = terminal
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.evaluate("navigator.clipboard.writeText('mine')")
    run(page, "printf '\\033]52;c;c3RvbGVu\\007\\033]52;c;?\\007'; echo asked-$((1+2))")
    shows(page, "asked-3")
    paste(page, "echo a\x1b[201~b-$((3+3))\x03")
    page.keyboard.press("Enter")
    shows(page, "a[201~b-6")

    lines = "".join(f"echo line-$(({n}+100))\n" for n in range(8))
    paste(page, lines)
    asked = page.get_by_role("dialog", name="Paste 8 lines?")
    expect(asked).to_contain_text("echo line-$((7+100))")
    assert broken_rules(page) == []
    asked.get_by_role("button", name="Cancel").click()
    expect(asked).to_have_count(0)
    run(page, "echo nothing-$((4+4))")
    shows(page, "nothing-8")
    assert "line-" not in shown(page)
    paste(page, lines)
    asked.get_by_role("button", name="Paste").click()
    expect(asked).to_have_count(0)
    shows(page, "line-107")

    run(
        page,
        "clear; printf '\\033]8;;https://example.invalid/elsewhere\\033\\\\https://here\\033]8;;\\033\\\\\\n'",
    )
    first = page.locator(".xterm-rows > div").first
    expect(first).to_have_text("https://here", timeout=WITHIN)
    box = first.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 20, box["y"] + box["height"] / 2)
    page.locator(".terminal-link", has_text="https://example.invalid/elsewhere").wait_for()
    page.mouse.click(box["x"] + 20, box["y"] + box["height"] / 2)
    expect(page.get_by_role("dialog", name="Open this link?")).to_contain_text(
        "https://example.invalid/elsewhere"
    )
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)

    run(page, "clear; echo to-be-copied")
    expect(first).to_have_text("to-be-copied", timeout=WITHIN)
    page.mouse.dblclick(box["x"] + 20, box["y"] + box["height"] / 2)
    assert page.evaluate("navigator.clipboard.readText()") == "mine", "the VPS wrote to the clipboard"
    page.keyboard.press("Control+c")
    page.get_by_text("copied", exact=True).wait_for()
    assert page.evaluate("navigator.clipboard.readText()") == "to-be-copied"


def test_a_page_that_is_loaded_again_is_in_the_same_shell_and_one_that_was_left_is_found(
    visitor: Visitor, cluster: Cluster
) -> None:
    cluster.apply(a_manifest("again"))
    cluster.wait_running("again")
    page = visitor.goto("/terminal/default/again")
    shows(page, SHELL)
    run(page, "for i in $(seq 1000 1060); do printf $i,; sleep 0.05; done; echo all")
    shows(page, "1010,")
    page.reload()
    shows(page, "1060,all")
    assert f"{numbers(1000, 1060)},all" in shown(page)

    twin = visitor.context.new_page()  # as a browser duplicates a tab, with all that the tab has kept
    kept = page.evaluate(KEPT)
    twin.add_init_script(f"sessionStorage.setItem('kohakuriver.terminal default/again', {json.dumps(kept)})")
    twin.goto(page.url)
    shows(twin, SHELL)
    assert session_of(twin) != session_of(page)
    phase(page, "open")
    twin.goto("about:blank")  # with it goes its shell, into which nothing was typed

    first = session_of(page)
    page.get_by_role("button", name="Open another shell").click()
    eventually(lambda: session_of(page) != first)
    phase(page, "open")
    page.get_by_role("button", name="Shell 1", exact=True).click()
    page.get_by_role("button", name="Close Shell 1").click()
    assert broken_rules(page) == []
    page.get_by_role("button", name="Leave it running").click()
    page.get_by_role("button", name="Go back", exact=True).click()
    shows(page, "1060,all")
    assert session_of(page) == first
    page.get_by_role("button", name="Close Shell 2").click()
    page.get_by_role("button", name="End it").click()
    page.get_by_role("button", name="Close Shell 1").click()  # nothing was typed there: nothing is asked
    page.get_by_text("No shell is open here.").wait_for()


def test_no_byte_is_lost_or_doubled_while_the_api_server_is_killed_and_comes_back(
    visitor: Visitor, terminal: Page, cluster: Cluster
) -> None:
    page = terminal
    run(page, "for i in $(seq 1000 1120); do printf $i,; sleep 0.05; done; echo all")
    shows(page, "1010,")
    os.kill(programs(cluster)["apiserver"], signal.SIGKILL)
    phase(page, "lost")
    expect(page.locator(".terminal-standing")).to_contain_text("Coming back: ")
    run(page, "echo typed-$((20+3))")
    phase(page, "open")
    shows(page, "typed-23")
    found = shown(page)
    # The terminal itself shows what is typed, amid the numbers where the loop still runs.
    assert f"{numbers(1000, 1120)},all" in found.replace("echo typed-$((20+3))", "")
    assert found.count("typed-23") == 1


def test_output_without_an_end_leaves_the_page_alive_and_ends_by_one_key(terminal: Page) -> None:
    page = terminal
    run(page, "yes $(seq -s , 100)")
    shows(page, "99,100")
    worst = page.evaluate(
        """async () => {
            let [worst, last] = [0, performance.now()];
            for (let frames = 0; frames < 30; frames++) {
                await new Promise((resolve) => setTimeout(resolve, 10));
                worst = Math.max(worst, performance.now() - last);
                last = performance.now();
            }
            return worst;
        }"""
    )
    assert worst < 2000, f"the page stood still for {worst:.0f} ms"
    page.keyboard.press("Control+c")
    run(page, "clear; echo calm-$((6+6))")
    shows(page, "calm-12")


def test_a_shell_goes_from_the_browser_to_the_command_and_back(
    terminal: Page, cluster: Cluster, box: str
) -> None:
    page = terminal
    run(page, "echo in-the-browser")
    words = [str(BIN / "kohakuriver"), "connect", box, "--session", session_of(page)]
    with OnScreen(words, environment=cluster.environment()) as elsewhere:
        elsewhere.until("in-the-browser")
        page.get_by_text("the shell was taken over from elsewhere").wait_for()
        elsewhere.type("echo by-the-command-$((5+5))\n")
        elsewhere.until("by-the-command-10")
        page.get_by_role("button", name="Take it back").click()
        shows(page, "by-the-command-10")
        elsewhere.until("taken over from elsewhere")
        run(page, "echo back-$((7+7))")
        shows(page, "back-14")
        assert elsewhere.exit_code() == 255


def test_why_no_shell_is_there_is_said_in_the_servers_words(
    terminal: Page, cluster: Cluster, box: str
) -> None:
    page = terminal
    cluster.ok("vps", "stop", box, "--wait")
    said = page.locator(".terminal-standing")
    expect(said).to_contain_text("box was stopped", timeout=WITHIN)
    page.get_by_role("button", name="Open another shell").last.click()
    phase(page, "refused")
    expect(said).to_contain_text("box is stopped")
    expect(said).to_contain_text("kohakuriver vps start box")
    assert broken_rules(page) == []
    cluster.ok("vps", "start", box, "--wait")
    page.get_by_role("button", name="Try again").click()
    phase(page, "open")
    run(page, "echo here")
    cluster.ok("vps", "restart", box)
    page.get_by_text("box was restarted; this is a new shell").wait_for(timeout=WITHIN)
    phase(page, "open")
    run(page, "exit 3")
    page.get_by_text("the shell ended with code 3").wait_for()


def size_of(page: Page) -> tuple[int, int]:
    """Rows and columns of what is drawn."""
    cells = """() => {
        const screen = document.querySelector('.xterm-screen').clientWidth;
        const cell = document.querySelector('.xterm-char-measure-element').getBoundingClientRect().width / 32;
        return Math.round(screen / cell);
    }"""
    return page.locator(".xterm-rows > div").count(), int(page.evaluate(cells))

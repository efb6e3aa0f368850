"""What the web page decides without a browser: its own tests, by Node's test runner."""

import re
import subprocess

from tests.e2e.conftest import PROJECT

STEP = PROJECT / "manifests/development/web"


def test_the_pages_own_tests_pass() -> None:
    done = subprocess.run([STEP, "--required", "test"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"pass [1-9]\d*$", done.stdout, re.MULTILINE), done.stdout

"""A web page of a few files, as its build leaves them."""

import gzip
from pathlib import Path

INDEX = '<!doctype html><meta name="csp-nonce" content="__NONCE__"><script type="module" src="assets/a-1.js">'
SCRIPT = "export const words = 'the same and the same and the same and the same';\n"


def a_page(folder: Path) -> Path:
    """Its folder."""
    assets = folder / "web" / "assets"
    assets.mkdir(parents=True)
    (folder / "web" / "index.html").write_text(INDEX)
    (folder / "web" / "icon.svg").write_text("<svg/>")
    (assets / "a-1.js").write_text(SCRIPT)
    (assets / "a-1.js.gz").write_bytes(gzip.compress(SCRIPT.encode()))
    (assets / "b-2.css").write_text("a{}")
    (assets / "c-3.woff2").write_bytes(b"wOF2")
    return folder / "web"

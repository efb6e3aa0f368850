"""A registry of images on a machine's own loopback: slow, refusing or willing, as a file beside it says.

    python -P -m tests.e2e.registry PORT FOLDER      # FOLDER/mode holds one of: slow, refuse, serve, private

It offers one image under every name, whose layer cannot be compressed. A slow pull does not end
before the mode is another one. A private one it gives to LOGIN.
Nothing here is shared with the project: the engine is what reads it.
"""

import base64
import contextlib
import gzip
import hashlib
import http.server
import io
import json
import os
import sys
import tarfile
import time
from collections.abc import Mapping
from pathlib import Path

SIZE = 4 << 20
PIECE = 1 << 16
MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
NOTHING: Mapping[str, str] = {}
HANDSHAKE = b"\x16"  # what TLS begins with
LOGIN = "node:secret"
DENIED = {"errors": [{"code": "DENIED", "message": "requested access to the resource is denied"}]}


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def _image() -> tuple[bytes, dict[str, bytes]]:
    """Its manifest, and by digest what that names."""
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w") as archive:
        entry = tarfile.TarInfo("filling")
        entry.size = SIZE
        archive.addfile(entry, io.BytesIO(os.urandom(SIZE)))
    layer = gzip.compress(plain.getvalue(), compresslevel=1, mtime=0)
    rootfs = {"type": "layers", "diff_ids": [_digest(plain.getvalue())]}
    config = json.dumps({"architecture": "amd64", "os": "linux", "config": {}, "rootfs": rootfs}).encode()
    kinds = (
        "application/vnd.docker.container.image.v1+json",
        "application/vnd.docker.image.rootfs.diff.tar.gzip",
    )
    named = [
        {"mediaType": kind, "size": len(blob), "digest": _digest(blob)}
        for kind, blob in zip(kinds, (config, layer), strict=True)
    ]
    manifest = {"schemaVersion": 2, "mediaType": MANIFEST, "config": named[0], "layers": named[1:]}
    return json.dumps(manifest).encode(), {_digest(blob): blob for blob in (config, layer)}


def serve(port: int, folder: Path) -> None:
    """Until it is killed."""
    manifest, blobs = _image()
    mode_file = folder / "mode"

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_one_request(self) -> None:
            """An engine with containerd's store asks by https first, and by http if it is refused so."""
            if self.rfile.peek(1)[:1] == HANDSHAKE:  # type: ignore[attr-defined]  # a BufferedReader
                self.wfile.write(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")
                self.close_connection = True
                return
            super().handle_one_request()

        def do_GET(self) -> None:
            mode = mode_file.read_text().strip()
            expected = f"Basic {base64.b64encode(LOGIN.encode()).decode()}"
            if mode == "private" and self.headers.get("Authorization") != expected:
                challenge = {"WWW-Authenticate": 'Basic realm="it"'}
                self._send(401, json.dumps(DENIED).encode(), "application/json", more=challenge)
            elif self.path == "/v2/":
                self._send(200, b"{}", "application/json")
            elif mode == "refuse":
                self._send(403, json.dumps(DENIED).encode(), "application/json")
            elif "/manifests/" in self.path:
                self._send(200, manifest, MANIFEST)
            else:
                blob = blobs[self.path.rpartition("/")[2]]
                self._send(200, blob, "application/octet-stream", is_slow=mode == "slow")

        do_HEAD = do_GET

        def _send(
            self,
            code: int,
            content: bytes,
            kind: str,
            *,
            is_slow: bool = False,
            more: Mapping[str, str] = NOTHING,
        ) -> None:
            self.send_response(code)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(content)))
            self.send_header("Docker-Content-Digest", _digest(content))
            for name, value in more.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command == "HEAD":
                return
            with contextlib.suppress(OSError):
                for start in range(0, len(content), PIECE):
                    self.wfile.write(content[start : start + PIECE])
                    while is_slow and mode_file.read_text().strip() == "slow":
                        time.sleep(0.1)
                        if start < len(content) // 2:
                            break

        def log_message(self, format: str, *arguments: object) -> None:
            print(self.command, self.path, *arguments, flush=True)

    server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
    print("listening", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    serve(int(sys.argv[1]), Path(sys.argv[2]))

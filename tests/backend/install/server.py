"""A package index and file server on this machine that fails as told: drops, lies, dawdles, forgets."""

import hashlib
import re
import threading
import time
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

FOREVER = {"Cache-Control": "max-age=365000000, immutable", "ETag": '"1"', "Accept-Ranges": "bytes"}
"""What an index says of files, which never change there."""


class FileServer(ThreadingHTTPServer):
    """Serves `/files/NAME` and an index `/simple/PACKAGE/` of the wheels among them.

    Attributes:
        budget: Bytes that it still serves before it drops every connection; None for no end.
        missing: Names that it answers 404 for.
        broken: Names whose last byte it changes.
        pause_s: What it waits before each block of a file.
        ignores_range: Whether it always sends whole files.
        served: Bytes of files that it has sent.
    """

    daemon_threads = True

    def __init__(self, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.folder = folder
        self.budget: int | None = None
        self.missing: set[str] = set()
        self.broken: set[str] = set()
        self.pause_s = 0.0
        self.ignores_range = False
        self.served = 0
        self._thread = threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def heal(self) -> None:
        """Work well from now on, and count anew."""
        self.budget, self.missing, self.broken, self.pause_s, self.served = None, set(), set(), 0.0, 0

    def close(self) -> None:
        self.shutdown()
        self.server_close()
        self._thread.join()

    def handle_error(self, request, client_address) -> None:
        """A connection that a client closes is no news."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: FileServer  # type: ignore[assignment]

    def do_GET(self) -> None:
        kind, _, name = self.path.strip("/").partition("/")
        if kind == "simple":
            self._send_index(name)
        elif kind == "files" and name.endswith(".metadata"):
            self._send(200, _metadata(self.server.folder / name.removesuffix(".metadata")), FOREVER)
        elif kind == "files" and (self.server.folder / name).is_file() and name not in self.server.missing:
            self._send_file(name)
        else:
            self._send(404, b"", {})

    def do_HEAD(self) -> None:
        self._send(405, b"", {})

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""

    def _send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for key, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(key, value)
        self.end_headers()
        self.wfile.write(body)

    def _send_index(self, package: str) -> None:
        links = []
        for path in sorted(self.server.folder.glob(f"{package.replace('-', '_')}-*.whl")):
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
            metadata = hashlib.sha256(_metadata(path)).hexdigest()
            place = f"/files/{path.name}#sha256={digest}"
            links.append(f'<a href="{place}" data-core-metadata="sha256={metadata}">{path.name}</a>')
        body = ("<!DOCTYPE html><html><body>" + "\n".join(links) + "</body></html>").encode()
        headers = {"Content-Type": "text/html", "Cache-Control": "max-age=600"}
        self._send(200 if links else 404, body, headers if links else {})

    def _send_file(self, name: str) -> None:
        data = (self.server.folder / name).read_bytes()
        if name in self.server.broken:
            data = data[:-1] + bytes([data[-1] ^ 1])
        start, total = 0, len(data)
        found = re.match(r"bytes=(\d+)-(\d*)$", self.headers.get("Range", ""))
        if found and not self.server.ignores_range:
            start = int(found[1])
            end = int(found[2]) + 1 if found[2] else total
            if start >= total:
                self._send(416, b"", {"Content-Range": f"bytes */{total}"})
                return
            data = data[start:end]
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{start + len(data) - 1}/{total}")
        else:
            self.send_response(200)
        for key, value in {"Content-Length": str(len(data)), **FOREVER}.items():
            self.send_header(key, value)
        self.end_headers()
        self._send_blocks(data)

    def _send_blocks(self, data: bytes) -> None:
        for at in range(0, len(data), 4096):
            block = data[at : at + 4096]
            if self.server.budget is not None and self.server.served + len(block) > self.server.budget:
                self.close_connection = True
                self.connection.close()
                return
            time.sleep(self.server.pause_s)
            self.wfile.write(block)
            self.server.served += len(block)


def make_wheel(
    folder: Path, name: str, *, payload: bytes, version: str = "1.0", member: str = "data.bin"
) -> str:
    """Write a wheel of one module and one file; returns its line in a lock."""
    module, info = name.replace("-", "_"), f"{name.replace('-', '_')}-{version}.dist-info"
    files = {
        f"{module}/__init__.py": b"",
        f"{module}/{member}": payload,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n".encode(),
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    path = folder / f"{module}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for member_name, data in files.items():
            archive.writestr(member_name, data)
        rows = [f"{name},sha256={_digest(data)},{len(data)}" for name, data in files.items()]
        archive.writestr(f"{info}/RECORD", "\n".join([*rows, f"{info}/RECORD,,", ""]))
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return f"{name}=={version} --hash=sha256:{digest}\n"


def _metadata(wheel: Path) -> bytes:
    """What an index hands out beside a wheel, so that its contents need not be fetched for it."""
    with zipfile.ZipFile(wheel) as archive:
        return archive.read(next(name for name in archive.namelist() if name.endswith("/METADATA")))


def _digest(data: bytes) -> str:
    import base64

    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()

"""A reverse proxy as operators put before a server: it ends TLS, may take a path off, and says who called it."""

import contextlib
import http.client
import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

from typing_extensions import override

ITS_OWN = {"connection", "content-length", "host", "keep-alive", "transfer-encoding", "x-forwarded-host"}
"""Headers that are not handed on as they came."""


class Proxy(ThreadingHTTPServer):
    """A proxy on loopback; `upstream` is the URL it hands requests on to, once that is known."""

    daemon_threads = True

    def __init__(self, tls: ssl.SSLContext | None = None, strips: str = "") -> None:
        super().__init__(("127.0.0.1", 0), Passing)
        self.scheme = "https" if tls else "http"
        self.upstream = ""
        self.strips = strips
        if tls is not None:
            self.socket = tls.wrap_socket(self.socket, server_side=True)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"{self.scheme}://127.0.0.1:{self.server_port}"


class Passing(BaseHTTPRequestHandler):
    """One connection to a proxy."""

    protocol_version = "HTTP/1.1"
    server: Proxy

    def pass_on(self) -> None:
        """Hand a request on, and its reply back."""
        body = self.rfile.read(int(self.headers.get("content-length", "0")))
        sent = {name: value for name, value in self.headers.items() if name.lower() not in ITS_OWN}
        chain = [*self.headers.get_all("x-forwarded-for", []), self.client_address[0]]
        sent |= {"X-Forwarded-For": ", ".join(chain), "X-Forwarded-Proto": self.server.scheme}
        connection = http.client.HTTPConnection(urlsplit(self.server.upstream).netloc, timeout=70)
        with contextlib.closing(connection):
            connection.request(self.command, self.path.removeprefix(self.server.strips), body or None, sent)
            reply = connection.getresponse()
            self.send_response(reply.status)
            for name, value in reply.getheaders():
                if name.lower() not in ITS_OWN | {"date"}:
                    self.send_header(name, value)
            found = reply.read()
            self.send_header("Content-Length", str(len(found)))
            self.end_headers()
            self.wfile.write(found)

    do_GET = do_POST = do_PUT = do_DELETE = pass_on  # noqa: N815 - the names that http.server looks for

    @override
    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextlib.contextmanager
def running_proxy(tls: ssl.SSLContext | None = None, strips: str = "") -> Iterator[Proxy]:
    """Run a proxy in threads of its own; it takes the path *strips* off requests."""
    proxy = Proxy(tls, strips)
    thread = threading.Thread(target=proxy.serve_forever, args=(0.05,), name="proxy", daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        proxy.shutdown()
        proxy.server_close()
        thread.join(5)

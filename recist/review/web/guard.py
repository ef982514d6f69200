"""What stands before every route: which host and origin may ask, how much may be sent, and what
the browser is told to refuse.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

#: A larger body is refused: no outline that is sent is so large, and images never come this way.
LARGEST_BODY_BYTES = 16 * 1024 * 1024
_SAFE = ("GET", "HEAD", "OPTIONS")
#: No script, style or picture from elsewhere, none written into a page, no frame around it.
CONTENT_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data: blob:",
        "font-src 'self'",
        "connect-src 'self'",
        "worker-src 'self'",
        "manifest-src 'self'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)
_HEADERS = {
    "Content-Security-Policy": CONTENT_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), payment=()",
}
#: Told to a browser that reached the server by TLS.
STRICT_TRANSPORT = "max-age=31536000; includeSubDomains"


class Guard:
    """Stands before the application: host, origin, size, headers.

    Args:
        hosts: ``host`` or ``host:port`` under which the server may be asked. Another name that
            leads here (DNS rebinding) is refused.
    """

    def __init__(self, app: ASGIApp, hosts: Iterable[str], *, https: bool = False) -> None:
        self.app = app
        self.hosts = frozenset(host.lower() for host in hosts)
        self.https = https

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        refused = self._refused(scope["method"], headers)
        if refused is not None:
            await refused(scope, receive, self._with_headers(send, scope["path"]))
            return
        answering = self._with_headers(send, scope["path"])
        counted = _Counted(receive)

        async def unless_too_large(message: Message) -> None:
            if not counted.is_too_large:
                await answering(message)

        with suppress(TooLargeError):
            await self.app(scope, counted, unless_too_large)
        if counted.is_too_large:
            refused = _refusal(413, f"more than {LARGEST_BODY_BYTES} bytes")
            await refused(scope, receive, answering)

    def _refused(self, method: str, headers: Headers) -> JSONResponse | None:
        host = headers.get("host", "").lower()
        if host not in self.hosts:
            return _refusal(421, "this server is not asked under that name")
        if method not in _SAFE and not self._is_own(headers, host):
            return _refusal(403, "asked from another site")
        length = headers.get("content-length", "0")
        if not length.isascii() or not length.isdigit():
            return _refusal(400, "a length that is no number")
        if int(length) > LARGEST_BODY_BYTES:
            return _refusal(413, f"more than {LARGEST_BODY_BYTES} bytes")
        return None

    def _is_own(self, headers: Headers, host: str) -> bool:
        """Whether a page of ours asks; a browser says so, other programs need the CSRF token."""
        site = headers.get("sec-fetch-site")
        if site is not None and site not in ("same-origin", "none"):
            return False
        origin = headers.get("origin")
        return origin is None or urlsplit(origin).netloc.lower() == host

    def _with_headers(self, send: Send, path: str) -> Send:
        async def sent(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers[name] = value
                if self.https:
                    headers["Strict-Transport-Security"] = STRICT_TRANSPORT
                if path.startswith("/api"):
                    headers.setdefault("Cache-Control", "no-store")
            await send(message)

        return sent


class TooLargeError(Exception):
    """A body that goes on beyond what is taken."""


class _Counted:
    """Stops a body without a length that goes on and on."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._bytes = 0

    @property
    def is_too_large(self) -> bool:
        return self._bytes > LARGEST_BODY_BYTES

    async def __call__(self) -> Message:
        message = await self._receive()
        self._bytes += len(message.get("body", b""))
        if self.is_too_large:
            raise TooLargeError
        return message


def _refusal(status: int, what: str) -> JSONResponse:
    return JSONResponse({"error": what, "remedy": ""}, status)

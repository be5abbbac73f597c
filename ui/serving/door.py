"""Who may speak to the chat: a request is let in by its Host, its origin, its password, its path.

    request ▶ Host ▶ Origin, Sec-Fetch-Site ▶ user and password ▶ path ▶ the page

The first two keep web sites out that are open in the same browser, the third other people. The last
closes what Gradio serves besides this page: uploads, its cache of files, its proxy, its API.
"""

from __future__ import annotations

import base64
import binascii
import re
import secrets
import socket
import unicodedata
from ipaddress import IPv4Address, IPv6Address, ip_address

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from index.errors import NotesError
from index.messages import said

HOST = re.compile(r"(\[[\da-f:.]+\]|[^\s:/@\[\]]+)(:\d+)?", re.IGNORECASE)
# What the page asks for, seen in Chromium, and what Gradio's client asks after a lost connection.
PATHS = re.compile(
    r"/|/(ui|notes?|similar|assets|static)/.+|/notes|/rebuild|/map(/place)?|/export"
    r"|/theme\.css|/favicon\.ico"
    r"|/gradio_api/(queue/join|queue/data|run/predict|heartbeat/\w+|app_id|cancel|reset)",
    re.DOTALL,
)


class LoginUnusable(NotesError):
    """Raised when the settings for the user and the password do not make a login."""


def login(user: str, password: str) -> bytes:
    """What a browser sends for this user and password; empty when neither is set.

    Raises:
        LoginUnusable: only one of them is set, or the user's name holds a colon, which HTTP Basic
            ends a name with.
    """
    if bool(user) != bool(password):
        raise LoginUnusable(said("login_half"))
    if ":" in user:
        raise LoginUnusable(said("login_colon"))
    given = f"{user}:{password}" if user else ""
    return _composed(given.encode("utf-8", "surrogateescape"))


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach a host."""
    address = _address(host)
    return host == "localhost" or (address is not None and address.is_loopback)


class Door:
    """Lets a request in to the app behind, or answers why not in two languages."""

    def __init__(self, inner: ASGIApp, host: str, login: bytes = b"") -> None:
        """Say where the chat listens, and what `login` gave if a password is asked for."""
        self._inner = inner
        self._host = host.lower()
        self._login = login
        address = _address(host)
        self._anywhere = address is not None and address.is_unspecified
        self._machine = socket.gethostname().lower()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        refusal = self._refusal(scope) if scope["type"] == "http" else None
        await (refusal or self._inner)(scope, receive, send)

    def _refusal(self, scope: Scope) -> PlainTextResponse | None:
        headers = Headers(scope=scope)
        hosts = headers.getlist("host")
        if len(hosts) != 1 or not self._is_ours(hosts[0].lower()):
            return PlainTextResponse(str(said("wrong_host")), 400)
        if _from_another_site(headers, hosts[0]):
            return PlainTextResponse(str(said("other_site")), 403)
        if self._login and not secrets.compare_digest(_sent_login(headers), self._login):
            ask = {"WWW-Authenticate": 'Basic realm="kikigaki", charset="UTF-8"'}
            return PlainTextResponse(str(said("wrong_login")), 401, ask)
        if not PATHS.fullmatch(scope["path"]):
            return PlainTextResponse(str(said("nothing_here")), 404)
        return None

    def _is_ours(self, host: str) -> bool:
        """Whether a Host header names this server.

        A web site can point a name of its own at this machine and then counts as the same site (DNS
        rebinding), so names are taken only from a list. It cannot do so with an address: a chat
        that listens on all of the machine's takes any of them.
        """
        named = HOST.fullmatch(host)
        if not named:
            return False
        name = named[1].strip("[]")
        if is_loopback(name) or name == self._host:
            return True
        machine = (self._machine, f"{self._machine}.local")
        return self._anywhere and (_address(name) is not None or name in machine)


def _from_another_site(headers: Headers, host: str) -> bool:
    """Whether a browser says that a page of another origin asks, be it another port of this host.

    curl and scripts send neither header and are let in: what they could do, their user can.
    "null" is another site: sandboxed frames and files send it, and no page of ours does.
    """
    own = (f"http://{host}", f"https://{host}")
    return any(origin not in own for origin in headers.getlist("origin")) or any(
        site not in ("same-origin", "none") for site in headers.getlist("sec-fetch-site")
    )


def _sent_login(headers: Headers) -> bytes:
    """The user and password of HTTP Basic; empty when there are none, or not in Base64."""
    scheme, _, encoded = headers.get("authorization", "").partition(" ")
    try:
        return _composed(base64.b64decode(encoded) if scheme.lower() == "basic" else b"")
    except (binascii.Error, ValueError):
        return b""


def _composed(text: bytes) -> bytes:
    """UTF-8 in NFC: が is typed as one letter in a browser and may be two in a setting."""
    composed = unicodedata.normalize("NFC", text.decode("utf-8", "surrogateescape"))
    return composed.encode("utf-8", "surrogateescape")


def _address(host: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None

"""Let no one in who does not belong: every case over a real socket."""

from __future__ import annotations

import logging
import re
import socket
from collections.abc import Callable
from urllib.parse import quote

import httpx
import pytest
from server_support import PATIENCE, ask, bearer, begin, http, next_data, socket_url, ws
from websockets.exceptions import ConnectionClosedError, InvalidStatus
from websockets.sync.client import connect

from pan115kit.progress.tracker import ProgressTracker
from pan115kit.server import Server

CALLS = [
    ("GET", "api/upload/progress"),
    ("GET", "api/upload/progress/%2Ftmp%2Fa"),
    ("GET", "api/upload/sessions"),
    ("DELETE", "api/upload/sessions/x"),
    ("POST", "api/upload/sessions/cleanup"),
    ("POST", "api/upload/sessions/x/resume"),
    ("POST", "api/upload"),
    ("POST", "api/upload/x/pause"),
    ("POST", "api/upload/all/cancel"),
    ("GET", "api/upload/history"),
    ("GET", "api/upload/about"),
    ("GET", "openapi.json"),
    ("GET", "docs"),
    ("GET", "nothing/here"),
]


@pytest.mark.parametrize(("method", "path"), CALLS)
def test_every_call_needs_the_token(server: Server, method: str, path: str) -> None:
    """Without it nothing is told, not even what exists."""
    answer = ask(method, server.url + path)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert set(answer.json()) == {"detail"}


def test_every_described_route_needs_the_token(server: Server, api: httpx.Client) -> None:
    """A route that is added later is behind the door like all others."""
    asked = 0
    for path, operations in api.get("openapi.json").json()["paths"].items():
        for method in operations:
            answer = ask(method.upper(), server.url + re.sub(r"\{\w+\}", "x", path.lstrip("/")))
            assert answer.status_code == 401, (method, path)
            asked += 1
    assert asked >= 15


@pytest.mark.parametrize("token", ["wrong", "é", "Bearer", "%00", "' or 1=1"])
def test_a_wrong_token_is_no_token(server: Server, token: str) -> None:
    headers = {"authorization": f"Bearer {token}".encode()}
    assert ask("GET", f"{server.url}api/upload/progress", headers=headers).status_code == 401
    assert ask("GET", f"{server.url}api/upload/progress", params={"token": token}).status_code == 401
    cookie = {"cookie": f"pan115kit-{server.port}={quote(token)}"}
    assert ask("GET", f"{server.url}api/upload/progress", headers=cookie).status_code == 401


def test_the_token_is_taken_in_three_ways(server: Server) -> None:
    """Bearer for programs, ``?token=`` for links, the cookie for the page."""
    url = f"{server.url}api/upload/progress"
    assert ask("GET", url, headers=bearer(server)).status_code == 200
    assert ask("GET", url, params={"token": server.token}).status_code == 200
    with httpx.Client(follow_redirects=True, timeout=PATIENCE, verify=False, trust_env=False) as browser:
        assert browser.get(server.link).status_code == 200
        assert browser.get(url).status_code == 200


def test_the_link_logs_the_browser_in_and_leaves_the_address_bar(server: Server) -> None:
    """A token in the address bar would travel with bookmarks, history and shared screens."""
    answer = ask("GET", server.link)
    assert answer.status_code == 303
    assert answer.headers["location"] == "./"
    assert "HttpOnly" in answer.headers["set-cookie"]
    assert "SameSite=Strict" in answer.headers["set-cookie"]


def test_a_wrong_link_sets_no_cookie(server: Server) -> None:
    assert "set-cookie" not in ask("GET", server.url, params={"token": "wrong"}).headers


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example", "192.168.1.7"])
@pytest.mark.parametrize("path", ["", "static/page.js", "api/upload/progress"])
def test_a_foreign_host_is_refused(server: Server, host: str, path: str) -> None:
    """DNS rebinding: even with the right token, and even for the page's own files."""
    answer = ask("GET", server.url + path, headers={"host": host, **bearer(server)})
    assert answer.status_code == 403
    assert server.token not in answer.text


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://localhost:9", "https://127.0.0.1"])
@pytest.mark.parametrize(("method", "path"), [CALLS[0], CALLS[4], CALLS[8]])
def test_a_foreign_page_is_refused(server: Server, origin: str, method: str, path: str) -> None:
    """Cross-site requests: the user's browser would add the cookie by itself."""
    headers = {"origin": origin, **bearer(server)}
    answer = ask(method, server.url + path, headers=headers)
    assert answer.status_code == 403
    assert not [name for name in answer.headers if name.startswith("access-control")]


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_a_foreign_page_without_origin_is_refused(server: Server, site: str) -> None:
    """``<img>`` and ``<script>`` of another program on this machine send the cookie and no Origin."""
    headers = {"sec-fetch-site": site, **bearer(server)}
    assert ask("GET", f"{server.url}api/upload/progress", headers=headers).status_code == 403


def test_our_own_page_is_not_refused(server: Server) -> None:
    headers = {"origin": server.url.rstrip("/"), "sec-fetch-site": "same-origin", **bearer(server)}
    assert ask("POST", f"{server.url}api/upload/sessions/cleanup", headers=headers).status_code == 200


def test_a_link_from_another_site_opens_the_page(server: Server) -> None:
    """The link is clicked in a notebook, which is another site for the browser."""
    headers = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}
    assert ask("GET", server.link, headers=headers).status_code == 303
    assert ask("GET", server.url, headers=headers).status_code == 200


def test_no_page_may_read_answers_by_default(server: Server) -> None:
    """No CORS: a preflight is refused."""
    headers = {"origin": "http://localhost:5173", "access-control-request-method": "POST"}
    answer = ask("OPTIONS", f"{server.url}api/upload/progress", headers=headers)
    assert answer.status_code == 403
    assert "access-control-allow-origin" not in answer.headers


def test_a_named_page_may_use_the_api_with_the_token(start: Callable[..., Server]) -> None:
    """A React app on its own development server, named by the user, can work; others still cannot."""
    server = start(allowed_origins=["http://localhost:5173"])
    url = f"{server.url}api/upload/progress"
    ours = {"origin": "http://localhost:5173"}
    preflight = ask("OPTIONS", url, headers={**ours, "access-control-request-method": "GET"})
    assert preflight.status_code == 204
    assert preflight.headers["access-control-allow-origin"] == "http://localhost:5173"
    assert "access-control-allow-credentials" not in preflight.headers
    assert ask("GET", url, headers=ours).status_code == 401
    answer = ask("GET", url, headers={**ours, **bearer(server)})
    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (200, "http://localhost:5173")
    assert ask("GET", url, headers={"origin": "http://localhost:5174", **bearer(server)}).status_code == 403


# -- WebSocket -----------------------------------------------------------------------------------------------------


def refused(server: Server, *, token: bool = True, **options: object) -> int:
    with pytest.raises(InvalidStatus) as told:
        connect(socket_url(server, token=token), proxy=None, open_timeout=PATIENCE, **options)  # type: ignore[arg-type]
    return told.value.response.status_code


def test_a_socket_needs_the_token(server: Server) -> None:
    assert refused(server, token=False) == 403


def test_a_socket_takes_bearer_and_cookie(server: Server, tracker: ProgressTracker) -> None:
    """Programs send the header, the page's socket carries the cookie."""
    begin(tracker, 1)
    for headers in (bearer(server), {"cookie": f"pan115kit-{server.port}={server.token}"}):
        with connect(
            socket_url(server, token=False), additional_headers=headers, proxy=None, open_timeout=PATIENCE
        ) as socket:
            assert len(next_data(socket)["uploads"]) == 1


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1:1"])
def test_a_foreign_page_opens_no_socket(server: Server, origin: str) -> None:
    """Cross-site WebSocket hijacking: browsers let any page open one, and send the cookie."""
    assert refused(server, origin=origin) == 403


def test_a_foreign_host_opens_no_socket(server: Server) -> None:
    """DNS rebinding reaches sockets too."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE) as raw:
        raw.sendall(
            f"GET /ws/upload/progress?token={server.token} HTTP/1.1\r\nHost: evil.example\r\nUpgrade: websocket\r\n"
            "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
            "\r\n".encode()
        )
        assert raw.recv(1000).startswith(b"HTTP/1.1 403")


def test_our_own_page_opens_a_socket(server: Server) -> None:
    with ws(server, origin=server.url.rstrip("/")) as socket:
        assert next_data(socket) == {"uploads": []}


# -- bounds --------------------------------------------------------------------------------------------------------


def test_a_large_body_is_refused(api: httpx.Client) -> None:
    """Nobody fills the memory with one request, announced or not."""
    large = b"x" * 200_000
    assert api.post("api/upload", content=large).status_code == 413
    assert api.post("api/upload", content=iter([large[:50_000]] * 4)).status_code == 413


def test_a_large_socket_message_ends_that_socket_only(server: Server) -> None:
    """One client's garbage is its own problem."""
    with ws(server) as good, ws(server) as bad:
        next_data(good)
        next_data(bad)
        bad.send("x" * 200_000)
        with pytest.raises(ConnectionClosedError) as told:
            bad.recv(PATIENCE)
        assert told.value.rcvd is not None
        assert told.value.rcvd.code == 1009
        good.send('{"type":"ping","timestamp":1}')
        assert good.recv(PATIENCE) == '{"type":"pong","timestamp":1}'


def test_a_request_that_is_no_http_is_answered_with_400(server: Server) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE) as raw:
        raw.sendall(b"\x00\x01\x02 nonsense\r\n\r\n")
        assert raw.recv(1000).startswith(b"HTTP/1.1 400")


# -- what is told --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["", "static/page.js", "api/upload/progress", "nothing"])
def test_every_answer_carries_the_security_headers(api: httpx.Client, path: str) -> None:
    """No framing, no sniffing, no foreign scripts, no referrer with the address."""
    headers = api.get(path).headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cross-origin-resource-policy"] == "same-origin"


def test_answers_are_not_kept_by_caches(api: httpx.Client) -> None:
    assert api.get("api/upload/progress").headers["cache-control"] == "no-store"


def test_the_token_is_in_no_answer_and_no_log(
    server: Server, api: httpx.Client, caplog: pytest.LogCaptureFixture, tracker: ProgressTracker
) -> None:
    """What is told or written down must not open the door."""
    begin(tracker, 1)
    caplog.set_level(logging.DEBUG)
    with ws(server) as socket:
        told = [str(socket.recv(PATIENCE))]
    for method, path in CALLS:
        told.append(api.request(method, path, params={"token": server.token}).text)
    told += [repr(server), ask("GET", server.url).text, caplog.text.replace(server.link, "")]
    ours = [record.getMessage() for record in caplog.records if record.name.startswith(("pan115kit", "uvicorn"))]
    assert not [text for text in [*told[:-1], *ours] if server.token in text]


def test_static_files_cannot_lead_out_of_the_page(api: httpx.Client) -> None:
    """Only the page's own files, whatever the path says."""
    for path in ("static/../app.py", "static/%2e%2e/app.py", "static/..%2fapp.py", "static//etc/passwd", "static/"):
        answer = api.get(path)
        assert answer.status_code == 404, path
        assert "import" not in answer.text


def test_no_interactive_docs_from_elsewhere(api: httpx.Client) -> None:
    """They would load scripts from another host into this origin."""
    assert api.get("docs").status_code == 404
    assert api.get("redoc").status_code == 404


def test_two_servers_have_two_tokens(start: Callable[..., Server]) -> None:
    first, second = start(), start()
    assert first.token != second.token
    with http(first) as client:
        assert client.get(f"{second.url}api/upload/progress").status_code == 401

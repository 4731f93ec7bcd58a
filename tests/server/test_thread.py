"""Servers begin, end and say where they are: in a thread, from a client, from the terminal."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import warnings
from collections.abc import Callable
from pathlib import Path

import httpx
import psutil
import pytest
from server_support import PATIENCE, QuietQueue, ask, bearer, next_data, until, ws

from pan115kit import Pan115Client
from pan115kit.errors import ConfigError
from pan115kit.progress.tracker import ProgressTracker
from pan115kit.server import Server, create_app, serve
from pan115kit.server.login_codes import CODE_LIFE, MAX_CODES, LoginCodes
from pan115kit.store import Store


def test_it_listens_on_loopback_only(server: Server) -> None:
    """By default nobody else on the network can even connect."""
    assert server.url == f"http://127.0.0.1:{server.port}/"
    open_ports = {c.laddr for c in psutil.Process().net_connections() if c.status == psutil.CONN_LISTEN}
    assert [address.ip for address in open_ports if address.port == server.port] == ["127.0.0.1"]


def test_others_need_a_flag_and_are_warned_about(start: Callable[..., Server]) -> None:
    """Opening the door to the network is never an accident."""
    for host in ("0.0.0.0", "::", "192.168.1.7"):
        with pytest.raises(ConfigError, match="allow_remote"):
            start(host=host)
    with pytest.warns(UserWarning, match="can be reached by others"):
        server = start(host="0.0.0.0", allow_remote=True)
    answer = ask("GET", f"http://127.0.0.1:{server.port}/api/upload/progress", headers=bearer(server))
    assert answer.status_code == 200


def test_a_taken_port_is_told_clearly(start: Callable[..., Server], server: Server) -> None:
    with pytest.raises(ConfigError, match="another program has the port"):
        start(port=server.port)


@pytest.mark.parametrize("options", [{"port": 70_000}, {"port": -1}, {"host": "no.such.host.invalid"}])
def test_an_impossible_address_is_told_clearly(
    start: Callable[..., Server], options: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not a server at another port than the one asked for."""
    monkeypatch.setattr("pan115kit.server.thread._check_remote", lambda *_: None)
    with pytest.raises(ConfigError):
        start(**options)


def test_a_root_that_is_no_folder_is_told(start: Callable[..., Server], tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is not a folder"):
        start(roots=[tmp_path / "missing"])


def test_the_token_comes_from_the_environment(start: Callable[..., Server], monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a bookmark survives a restart; a link in a saved notebook then does not carry it."""
    monkeypatch.setenv("PAN115_SERVER_TOKEN", "chosen by the user")
    server = start()
    assert server.token == "chosen by the user"
    assert ask("GET", server.link).status_code == 303
    assert "chosen" not in server._repr_html_()


def test_a_notebook_shows_a_link(server: Server) -> None:
    shown = server._repr_html_()
    assert f'href="{server.url}?code=' in shown
    assert "noopener" in shown
    assert server.token not in repr(server)
    assert ask("GET", code_link(server)).headers["location"] == "./"
    server.stop()
    assert "href" not in server._repr_html_()
    assert "stopped" in repr(server)


def code_link(server: Server) -> str:
    """The link that a notebook shows."""
    found = re.search('href="([^"]+)"', server._repr_html_())
    assert found is not None
    return found[1]


def test_a_saved_notebook_does_not_open_the_door(server: Server) -> None:
    """Its output is committed, mailed and shown; whoever reads it must not command the uploads."""
    shown = server._repr_html_()
    assert server.token not in shown
    code = shown.partition("code=")[2].partition('"')[0]
    url = f"{server.url}api/upload/progress"
    for headers in ({"authorization": f"Bearer {code}"}, {"cookie": f"pan115kit-{server.port}={code}"}):
        assert ask("GET", url, headers=headers).status_code == 401
    assert ask("GET", url, params={"token": code}).status_code == 401
    assert ask("GET", url, params={"code": code}).status_code == 401


def test_a_shown_link_logs_a_browser_in_once(server: Server) -> None:
    """The reader who clicks it is in, and whoever finds it later is not."""
    link = code_link(server)
    with httpx.Client(follow_redirects=True, timeout=PATIENCE, verify=False, trust_env=False) as browser:
        assert str(browser.get(link).url) == server.url
        assert browser.get(f"{server.url}api/upload/progress").status_code == 200
        assert browser.get(link).status_code == 200  # clicked again: it is in already
        assert browser.get(f"{server.url}api/upload/progress").status_code == 200
    late = ask("GET", link)
    assert (late.status_code, "set-cookie" in late.headers) == (303, False)
    assert ask("HEAD", code_link(server)).status_code == 200  # a preview does not use it up


def test_codes_end(server: Server) -> None:
    """An output that nobody has clicked yet is no key for ever."""
    now = [0.0]
    codes = LoginCodes(lambda: now[0])
    first = codes.new()
    assert codes.redeem(first)
    assert not codes.redeem(first)
    late = codes.new()
    now[0] += CODE_LIFE
    assert not codes.redeem(late)
    many = [codes.new() for _ in range(MAX_CODES + 1)]
    assert [codes.redeem(code) for code in many] == [False] + [True] * MAX_CODES
    assert not codes.redeem("")


def test_stopping_twice_and_the_same_port_again(start: Callable[..., Server]) -> None:
    """Restarting on the same port works at once, though old connections linger."""
    for tries_left in reversed(range(5)):
        first = start()
        ask("GET", first.url)
        first.stop()
        first.stop()
        assert not first.running
        with pytest.raises(httpx.ConnectError):
            ask("GET", first.url)
        try:
            again = start(port=first.port)
        except ConfigError:  # any program of this machine may be given the free port: then once more with another
            assert tries_left
            continue
        assert ask("GET", again.url).status_code == 200
        return


def test_a_server_in_use_leaves_no_thread(tracker: ProgressTracker, store: Store) -> None:
    before = threading.active_count()
    with serve(QuietQueue(), tracker, store) as server, ws(server) as socket_:  # type: ignore[arg-type]
        next_data(socket_)
        ask("GET", f"{server.url}api/upload/about", headers=bearer(server))
    assert not [t for t in threading.enumerate() if t.name.startswith("pan115-server")]
    # those of the WebSocket client and of the pool of threads are told to end, not waited for
    until(lambda: threading.active_count() <= before, "the last threads to end")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_child_neither_serves_nor_stops_its_parent(server: Server) -> None:
    """multiprocessing in a notebook must not take the page down."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # "this process is multi-threaded": that is the point
        child = os.fork()
    if child == 0:
        server.stop()
        os._exit(0 if not server.running else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert server.running
    assert ask("GET", server.url).status_code == 200


def test_the_app_works_in_any_asgi_server(tracker: ProgressTracker, store: Store) -> None:
    """``create_app`` is the whole server: mounted elsewhere it has the same door."""
    app = create_app(QuietQueue(), tracker, store, token="t")  # type: ignore[arg-type]

    async def look() -> tuple[int, int]:
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            refused = await client.get("/api/upload/progress")
            taken = await client.get("/api/upload/progress", headers={"authorization": "Bearer t"})
            return refused.status_code, taken.status_code

    import asyncio

    assert asyncio.run(look()) == (401, 200)


# -- from a client -------------------------------------------------------------------------------------------------


def test_a_cell_that_is_run_again_keeps_its_server(client: Pan115Client, files: Path) -> None:
    """The page that is open stays right; other arguments replace the server."""
    first = client.serve(roots=[files])
    assert client.serve(roots=[files]) is first
    second = client.serve(roots=[files], port=0, allowed_origins=["http://localhost:5173"])
    assert second is not first
    assert not first.running
    client.close()
    assert not second.running


def test_a_client_allows_the_current_folder_and_home(
    client: Pan115Client, files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(files)
    server = client.serve()
    roots = ask("GET", f"{server.url}api/upload/about", headers=bearer(server)).json()["roots"]
    assert roots == [str(files), str(Path.home())]


def test_by_default_nothing_hidden_may_be_uploaded(
    client: Pan115Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``~/.ssh/id_rsa``, cookies and keyrings lie in the home folder, and the page need not have them."""
    home = tmp_path / "home"
    for name in (".ssh/id_rsa", ".netrc", "work/.env", "work/a.bin"):
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_bytes(b"x")
    (home / "link").symlink_to(home / ".ssh" / "id_rsa")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("USERPROFILE", str(home))
    monkeypatch.chdir(home)
    server = client.serve()

    def asked(path: str) -> int:
        body = {"file_path": path}
        return ask("POST", f"{server.url}api/upload", headers=bearer(server), json=body).status_code

    for name in (".ssh/id_rsa", "~/.netrc", "work/.env", "link", ".ssh/none", f"{home}/.ssh/../.netrc"):
        assert asked(name) == 403, name
    assert asked("work/a.bin") == 202
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(home / ".ssh")  # a folder that is named itself may be uploaded from
        server = client.serve(roots=[home / ".ssh"])
        assert asked("id_rsa") == 202


# -- from the terminal ---------------------------------------------------------------------------------------------


def terminal(client: Pan115Client, *arguments: str, **environment: str) -> subprocess.Popen[str]:
    box = client.local_sandbox
    known = {
        "PAN115_ENDPOINT": box.endpoint,
        "PAN115_COOKIE": box.cookie,
        "PAN115_ECDH_PUBLIC_KEY": box.ecdh_public_key,
        "PAN115_STATE_DIR": str(client.state_dir),
    }
    command = [sys.executable, "-m", "pan115kit", "serve", "--port", "0", *arguments]
    return subprocess.Popen(
        command, env=os.environ | known | environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


@pytest.mark.parametrize("which", [signal.SIGTERM, signal.SIGINT])
def test_serve_prints_one_json_line_and_ends_on_a_signal(client: Pan115Client, which: signal.Signals) -> None:
    """Scripts read the line; supervisors stop it with SIGTERM, people with Ctrl-C."""
    child = terminal(client, "--json")
    try:
        assert child.stdout is not None
        told = json.loads(child.stdout.readline())
        assert set(told) == {"url", "token"}
        headers = {"authorization": f"Bearer {told['token']}"}
        assert ask("GET", f"{told['url']}api/upload/sessions", headers=headers).json() == {"sessions": []}
        child.send_signal(which)
        rest, errors = child.communicate(timeout=PATIENCE)
        assert (child.returncode, rest) == (0, "")
        assert "Traceback" not in errors
        assert told["token"] not in errors
    finally:
        child.kill()
        child.communicate()


def test_serve_shows_people_a_link_with_the_token_of_the_environment(client: Pan115Client) -> None:
    child = terminal(client, PAN115_SERVER_TOKEN="a token of mine")
    try:
        assert child.stdout is not None
        line = child.stdout.readline()
        link = line.split()[-1]
        assert link.endswith("?token=a%20token%20of%20mine")
        assert ask("GET", link).status_code == 303
    finally:
        child.terminate()
        child.communicate(timeout=PATIENCE)


def test_serve_refuses_to_be_reached_by_others_unasked(client: Pan115Client) -> None:
    child = terminal(client, "--host", "0.0.0.0")
    _, errors = child.communicate(timeout=PATIENCE)
    assert child.returncode == 1
    assert "--allow-remote" in errors


def test_ipv6_loopback_works(start: Callable[..., Server]) -> None:
    try:
        probe = socket.socket(socket.AF_INET6)
        with probe:
            probe.bind(("::1", 0))
    except OSError:
        pytest.skip("no IPv6 here")
    server = start(host="::1")
    assert server.url.startswith("http://[::1]:")
    assert ask("GET", f"{server.url}api/upload/progress", headers=bearer(server)).status_code == 200

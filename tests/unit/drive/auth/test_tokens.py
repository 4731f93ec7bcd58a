"""The Open API's tokens: renewed once for all, saved before use, and final when they are dead."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest
from drive_support import ACCESS_EXPIRED as EXPIRED
from drive_support import (
    CONFIG,
    ENDPOINTS,
    NOW,
    TICKET,
    Scripted115,
    bearer,
    ok,
    open_drive,
    renewed,
    run,
    tokens,
)
from drive_support import OPEN_CLAIM as CLAIM
from drive_support import OPEN_NEEDED as NEEDED

from pan115kit.drive.auth.credentials import Route
from pan115kit.drive.data import Account, NeedsUpload
from pan115kit.drive.open_route import OpenDrive
from pan115kit.errors import AccessTokenError, DriveProtocolError, LoginError, RateLimitedError

INIT, USER, REFRESH = "/open/upload/init", "/open/user/info", "/open/refreshToken"
ME = {"state": True, "code": 0, "data": {"user_id": 100000001, "rt_space_info": {"all_remain": {"size": 5_000.0}}}}


@pytest.mark.parametrize("code", [40140123, 40140124, 40140125, 40140126, 99])
def test_an_expired_token_is_renewed_and_the_call_repeated(code: int) -> None:
    """An upload of three hours outlives its token; the new pair is saved before it is used."""
    server = Scripted115()
    saved: list[tuple[str, str, int]] = []
    server.on(
        USER, lambda r: ME if r.headers["authorization"] == "Bearer access-2" else {"state": False, "code": code}
    )
    server.on(REFRESH, renewed())
    drive = open_drive(server, on_tokens=lambda a, r: saved.append((a, r, len(server.requests))))
    assert run(drive, lambda d: d.account()) == Account("100000001", None, 5000)
    assert saved == [("access-2", "refresh-2", 2)]
    assert server.paths() == [USER, REFRESH, USER]
    assert server.forms(REFRESH) == [{"refresh_token": "refresh-1"}]


def test_an_async_on_tokens_is_awaited_before_the_pair_is_used() -> None:
    """A crash right after the first call with it would lose the login."""
    server = Scripted115()
    order: list[str] = []

    async def save(access: str, refresh: str) -> None:
        await asyncio.sleep(0)
        order.append("saved")

    server.on(USER, lambda r: order.append("asked") or bearer("access-2", ME)(r))
    server.on(REFRESH, renewed())
    run(open_drive(server, on_tokens=save), lambda drive: drive.account())
    assert order == ["asked", "saved", "asked"]


def test_nobody_uses_the_new_pair_while_it_is_being_saved() -> None:
    """Neither the one who renewed it nor another upload that starts in that moment."""
    server = Scripted115()
    saving, release = asyncio.Event(), asyncio.Event()
    used: list[str] = []

    async def save(access: str, refresh: str) -> None:
        saving.set()
        await release.wait()
        used.append("saved")

    def init(request: httpx.Request) -> Any:
        used.append(request.headers["authorization"])
        return bearer("access-2", ok(NEEDED))(request)

    server.on(INIT, init)
    server.on(REFRESH, renewed())

    async def story(drive: OpenDrive) -> None:
        first = asyncio.create_task(drive.init_once(CLAIM, None))
        await saving.wait()
        second = asyncio.create_task(drive.init_once(CLAIM, None))
        for _ in range(50):
            await asyncio.sleep(0)
        release.set()
        await asyncio.gather(first, second)

    run(open_drive(server, on_tokens=save), story)
    assert used.index("saved") < used.index("Bearer access-2")
    assert used.count("Bearer access-2") == 2


def test_fifty_waiters_are_one_renewal() -> None:
    """A second renewal with the same refresh token logs the user out."""
    server = Scripted115()
    server.on(INIT, bearer("access-2", ok(NEEDED)))
    server.on(REFRESH, [renewed(), {"state": 0, "code": 40140116, "message": "used"}])
    saved: list[str] = []

    async def story(drive: OpenDrive) -> list[Any]:
        return await asyncio.gather(*(drive.init_once(CLAIM, None) for _ in range(50)))

    drive = open_drive(server, on_tokens=lambda access, _: saved.append(access))
    assert run(drive, story) == [NeedsUpload(TICKET)] * 50
    assert server.paths().count(REFRESH) == 1
    assert saved == ["access-2"]


def test_a_late_refusal_of_the_old_token_does_not_renew_again() -> None:
    """A call that was slow to be refused finds that somebody renewed meanwhile."""
    server = Scripted115()
    server.on(REFRESH, [renewed(), {"state": 0, "code": 40140116}])
    release = asyncio.Event()

    async def slow_refusal(request: httpx.Request) -> httpx.Response:
        await release.wait()
        return httpx.Response(200, json=EXPIRED)

    server.on(INIT, [slow_refusal, ok(NEEDED)])
    server.on(USER, bearer("access-2", ME))

    async def story(drive: OpenDrive) -> Any:
        late = asyncio.create_task(drive.init_once(CLAIM, None))
        await drive.account()
        release.set()
        return await late

    assert run(open_drive(server), story) == NeedsUpload(TICKET)
    assert server.paths().count(REFRESH) == 1


def test_cancelling_the_one_who_renews_costs_nobody_the_login() -> None:
    """Cancelling an upload in that moment must not throw the new pair away."""
    server = Scripted115()
    renewing, release = asyncio.Event(), asyncio.Event()

    async def slow(request: httpx.Request) -> httpx.Response:
        renewing.set()
        await release.wait()
        return httpx.Response(200, json=renewed())

    server.on(REFRESH, [slow, {"state": 0, "code": 40140116}])
    server.on(USER, bearer("access-2", ME))
    saved: list[str] = []

    async def story(drive: OpenDrive) -> Account:
        first = asyncio.create_task(drive.account())
        await renewing.wait()
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        release.set()
        return await drive.account()

    assert run(open_drive(server, on_tokens=lambda a, _: saved.append(a)), story).user_id == "100000001"
    assert saved == ["access-2"]


def test_closing_waits_for_a_renewal_under_way() -> None:
    """The kernel's end in that moment must not lose the pair either."""
    server = Scripted115()
    renewing = asyncio.Event()

    async def slow(request: httpx.Request) -> httpx.Response:
        renewing.set()
        await asyncio.sleep(0.01)
        return httpx.Response(200, json=renewed())

    server.on(REFRESH, slow)
    server.on(USER, bearer("access-2", ME))
    saved: list[str] = []

    async def story(drive: OpenDrive) -> None:
        task = asyncio.create_task(drive.account())
        await renewing.wait()
        task.cancel()

    run(open_drive(server, on_tokens=lambda a, _: saved.append(a)), story)
    assert saved == ["access-2"]


@pytest.mark.parametrize("code", [40140114, 40140115, 40140116, 40140119, 40140120, 99])
def test_a_dead_refresh_token_is_final_for_all(code: int) -> None:
    """A thousand queued files do not knock a thousand times."""
    server = Scripted115()
    server.on(USER, EXPIRED)
    server.on(INIT, EXPIRED)
    server.on(REFRESH, {"state": 0, "code": code, "message": "refresh_token 无效"})

    async def story(drive: OpenDrive) -> None:
        for _ in range(3):
            with pytest.raises(LoginError, match=r"again") as caught:
                await drive.init_once(CLAIM, None)
            assert type(caught.value) is LoginError

    run(open_drive(server), story)
    assert server.paths() == [INIT, REFRESH]


def test_a_renewal_that_came_too_often_waits_and_keeps_the_token() -> None:
    """40140117 is no logout."""
    server = Scripted115()
    server.on(USER, bearer("access-2", ME))
    server.on(REFRESH, [{"state": 0, "code": 40140117, "message": "刷新太频繁"}, renewed()])
    start = server.time.now
    assert run(open_drive(server), lambda drive: drive.account()).user_id == "100000001"
    assert server.time.now - start >= 30
    assert [form["refresh_token"] for form in server.forms(REFRESH)] == ["refresh-1", "refresh-1"]
    server.on(REFRESH, {"state": 0, "code": 40140117})
    server.on(USER, EXPIRED)
    with pytest.raises(RateLimitedError):
        run(open_drive(server), lambda drive: drive.account())


@pytest.mark.parametrize("fault", [httpx.ConnectError("x"), httpx.Response(502), {"state": 0, "code": 40140121}])
def test_a_renewal_that_failed_by_the_line_is_tried_again(fault: Any) -> None:
    """A minute without network at the second hour does not end the upload."""
    server = Scripted115()
    server.on(USER, bearer("access-2", ME))
    server.on(REFRESH, [fault, renewed()])
    assert run(open_drive(server), lambda drive: drive.account()).user_id == "100000001"


def test_a_renewed_token_that_is_refused_too_is_an_error() -> None:
    """No endless circle of renewals."""
    server = Scripted115()
    server.on(USER, EXPIRED)
    server.on(REFRESH, renewed())
    with pytest.raises(AccessTokenError):
        run(open_drive(server), lambda drive: drive.account())
    assert server.paths() == [USER, REFRESH, USER]


def test_an_access_token_alone_works_until_it_ends() -> None:
    """Then the user is told what is missing."""
    server = Scripted115()
    server.on(USER, [ME, EXPIRED])
    server.on(INIT, EXPIRED)
    drive = open_drive(server, refresh=None)

    async def story(drive: OpenDrive) -> None:
        await drive.account()
        with pytest.raises(LoginError, match="refresh_token"):
            await drive.init_once(CLAIM, None)

    run(drive, story)
    assert REFRESH not in server.paths()


def test_a_refresh_token_alone_is_enough() -> None:
    """It is what people keep."""
    server = Scripted115()
    server.on(USER, bearer("access-2", ME))
    server.on(REFRESH, renewed())
    drive = OpenDrive(tokens("", "refresh-1"), endpoints=ENDPOINTS, config=CONFIG, api=server.api(Route.OPEN))
    assert run(drive, lambda d: d.account()).user_id == "100000001"
    assert server.paths() == [REFRESH, USER]


def test_a_token_about_to_end_is_renewed_before_the_call() -> None:
    """Once its end is known, no call is wasted on a refusal."""
    server = Scripted115()
    server.on(USER, bearer("access-2", ME))
    server.on(INIT, bearer("access-3", ok(NEEDED)))
    server.on(REFRESH, [renewed(), renewed("access-3", "refresh-3")])

    async def story(drive: OpenDrive) -> None:
        await drive.account()
        server.time.now = NOW + 7200 - 59
        await drive.init_once(CLAIM, None)

    run(open_drive(server), story)
    assert server.paths() == [USER, REFRESH, USER, REFRESH, INIT]
    assert server.forms(REFRESH)[1] == {"refresh_token": "refresh-2"}


def test_an_on_tokens_that_fails_is_reported_and_the_new_pair_is_used() -> None:
    """The old pair is dead: forgetting the new one would be a logout. What the callback raises is not shown."""
    server = Scripted115()
    server.on(USER, bearer("access-2", ME))
    server.on(REFRESH, renewed())

    def save(access: str, refresh: str) -> None:
        raise OSError(f"cannot write {access}")

    async def story(drive: OpenDrive) -> Account:
        with pytest.raises(LoginError, match="on_tokens") as caught:
            await drive.account()
        assert "access-2" not in str(caught.value)
        assert caught.value.__cause__ is None
        return await drive.account()

    assert run(open_drive(server, on_tokens=save), story).user_id == "100000001"
    assert server.paths().count(REFRESH) == 1


def test_a_renewal_without_tokens_is_a_protocol_error() -> None:
    """Not a KeyError."""
    server = Scripted115()
    server.on(USER, EXPIRED)
    server.on(REFRESH, {"state": 1, "code": 0, "data": {}})
    with pytest.raises(DriveProtocolError):
        run(open_drive(server), lambda drive: drive.account())

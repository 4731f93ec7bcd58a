"""Uploading from wherever people write code: scripts, loops, threads, forks, and places where Ctrl-C is pressed."""

from __future__ import annotations

import asyncio
import concurrent.futures
import signal
import subprocess
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
from script_support import finish, run, start
from upload_support import PART, PATIENCE, Stage, until

from pan115kit import Pan115Client, UploadJob, UploadStatus


def test_plain_script(stage: Stage) -> None:
    """The first thing everybody writes; nothing is closed, and it ends."""
    path = stage.file()
    out = run(stage, "print(Pan115Client().upload(PATH, '/x', progress='none')['success'])", path)
    assert out == "True\n"
    stage.assert_arrived(path, "/x/film.mkv")


def test_asyncio_run_again_and_again(stage: Stage) -> None:
    """One client outlives many loops."""
    client = stage.client()
    for n in range(3):
        path = stage.file(f"{n}.bin", seed=n)
        assert asyncio.run(client.upload_file(path, "/x")).success
        stage.assert_arrived(path, f"/x/{n}.bin")


def test_blocking_call_within_a_running_loop(stage: Stage) -> None:
    """A cell is a running loop: the call without await works there, too."""
    client, path = stage.client(), stage.file()

    async def main() -> bool:
        return client.upload(path, "/x", progress="none").success  # on purpose: it blocks this loop

    assert asyncio.run(main())


def test_many_uploads_within_one_loop(stage: Stage) -> None:
    """``gather`` over uploads, as in a server."""
    client = stage.client()
    paths = [stage.file(f"{n}.bin", 3 * PART, n) for n in range(8)]

    async def main() -> list[bool]:
        return [r.success for r in await asyncio.gather(*(client.upload_file(path, "/x") for path in paths))]

    assert asyncio.run(main()) == [True] * 8


def test_several_threads_share_a_client(stage: Stage) -> None:
    """A thread pool of uploads: each gets its own result."""
    client = stage.client()
    paths = [stage.file(f"{n}.bin", 3 * PART, n) for n in range(8)]
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        results = list(pool.map(lambda path: client.upload(path, "/x", progress="none"), paths))
    assert [result.file_name for result in results] == [path.name for path in paths]
    assert len(stage.box.files()) == 8


async def _cancelled(client: Pan115Client, path: Path, stage: Stage) -> None:
    task = asyncio.create_task(client.upload_file(path, "/x"))
    await asyncio.to_thread(stage.wait_held, "upload_part", 3)
    task.cancel()
    with pytest.raises(asyncio.CancelledError) as caught:
        await task
    (line,) = caught.value._render_traceback_()  # what a notebook shows
    assert line == "Stopped; what 115 has of film.mkv is kept: upload it again to go on from there."


async def _timed_out(client: Pan115Client, path: Path, stage: Stage) -> None:
    limit = asyncio.timeout(None)

    async def end_it() -> None:
        await asyncio.to_thread(stage.wait_held, "upload_part", 3)
        limit.reschedule(asyncio.get_running_loop().time())

    async def upload() -> None:
        async with limit:
            await client.upload_file(path, "/x")

    ender = asyncio.create_task(end_it())
    with pytest.raises(TimeoutError):
        await upload()
    await ender


async def _task_group(client: Pan115Client, path: Path, stage: Stage) -> None:
    async def fail() -> None:
        await asyncio.to_thread(stage.wait_held, "upload_part", 3)
        raise ValueError("something else went wrong")

    async def all_of_it() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(client.upload_file(path, "/x"))
            group.create_task(client.upload_file(path, "/x"))  # two that wait are both gone
            group.create_task(fail())

    with pytest.raises(ExceptionGroup):
        await all_of_it()


@pytest.mark.parametrize("how", [_cancelled, _timed_out, _task_group])
def test_cancelling_the_await_stops_the_upload(stage: Stage, how: Callable[..., Coroutine[Any, Any, None]]) -> None:
    """As people expect of asyncio: no bytes go out after the timeout, and the next call goes on from there."""
    client, path = stage.client(), stage.file()
    stage.hold("upload_part", after=2)
    asyncio.run(how(client, path, stage))
    (job,) = client.jobs()
    assert job.status is UploadStatus.CANCELLED
    stage.wait_ended()
    stage.go_on()
    result = asyncio.run(client.upload_file(path, "/x"))
    assert (result.success, result.resumed) == (True, True)
    assert result.bytes_sent <= path.stat().st_size - 2 * PART


def test_what_somebody_else_wants_is_not_stopped(stage: Stage) -> None:
    """A joined upload goes on when one of two gives up, or when its handle is in another cell."""
    client, path = stage.client(), stage.file()
    stage.hold("upload_part", after=2)
    job = client.submit(path, "/x")

    async def main() -> None:
        task = asyncio.create_task(client.upload_file(path, "/x"))
        await asyncio.to_thread(stage.wait_held, "upload_part", 3)
        task.cancel()
        with pytest.raises(asyncio.CancelledError) as caught:
            await task
        assert caught.value._render_traceback_()[0].startswith("Stopped waiting; the upload goes on")

    asyncio.run(main())
    assert job.status is UploadStatus.UPLOADING
    stage.go_on()
    assert job.wait(PATIENCE).success


def test_awaiting_a_handle_only_waits(stage: Stage) -> None:
    """``await job`` under a timeout: the job is the user's, and goes on."""
    client, path = stage.client(), stage.file()
    stage.hold("upload_part", after=2)
    job = client.submit(path, "/x")

    async def main() -> None:
        await asyncio.to_thread(stage.wait_held, "upload_part", 3)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(_awaited(job), 0.05)

    asyncio.run(main())
    assert job.status is UploadStatus.UPLOADING
    stage.go_on()
    assert job.wait(PATIENCE).success


async def _awaited(job: UploadJob) -> object:
    return await job


def test_a_small_file_that_was_stopped_says_that_it_begins_again(stage: Stage) -> None:
    """Nothing of a single PUT is kept: a line that promises otherwise is a lie."""
    client, path = stage.client(), stage.file("small.bin", PART)
    stage.hold("put_object")

    async def main() -> None:
        task = asyncio.create_task(client.upload_file(path, "/x"))
        await asyncio.to_thread(stage.wait_held, "put_object")
        task.cancel()
        with pytest.raises(asyncio.CancelledError) as caught:
            await task
        line = "Stopped; nothing of small.bin is kept: upload it again to begin from the start."
        assert caught.value._render_traceback_() == [line]

    asyncio.run(main())
    stage.go_on()


NESTED = """
import {module} as nest
nest.apply()
client = Pan115Client()
async def main():
    loop = asyncio.get_event_loop()
    first = loop.run_until_complete(client.upload_file(PATH, "/nested"))       # what nesting is for
    second = await client.upload_file(PATH, "/awaited")
    third = client.upload(PATH, "/blocked", progress="none")
    print(first.success, second.success, third.success)
asyncio.run(main())
print(asyncio.run(client.upload_file(PATH, "/again")).success)
client.close()
"""


@pytest.mark.parametrize("module", ["nest_asyncio", "nest_asyncio2"])
def test_with_nested_loops(stage: Stage, module: str) -> None:
    """People who use notebooks have one of these applied; ours is a loop of its own and does not mind."""
    assert run(stage, NESTED.format(module=module), stage.file()) == "True True True\nTrue\n"


FORKED = """
client = Pan115Client()
print(client.upload(PATH, "/parent", progress="none").success, flush=True)
child = os.fork()
if child == 0:
    result = client.upload(PATH, "/child", progress="none")     # the same client, now of another process
    mine = Pan115Client()
    again = mine.upload(PATH, "/child's own", progress="none")
    print(result.success, again.success, flush=True)
    client.close()
    mine.close()
    os._exit(0)
_, status = os.waitpid(child, 0)
print(status, client.upload(PATH, "/parent again", progress="none").success)
"""


def test_after_a_fork_both_upload(stage: Stage) -> None:
    """multiprocessing on Linux forks: threads do not survive it, uploads work all the same."""
    assert run(stage, FORKED, stage.file()) == "True\nTrue True\n0 True\n"
    folders = sorted(file.path.split("/")[1] for file in stage.box.files())
    assert folders == ["child", "child's own", "parent", "parent again"]


POOL = """
import multiprocessing
def work(n):
    return Pan115Client().upload(PATH, f"/{n}", progress="none").success
if __name__ == "__main__":
    print(Pan115Client().upload(PATH, "/first", progress="none").success, flush=True)
    with multiprocessing.get_context("fork").Pool(3) as pool:
        print(pool.map(work, range(3)))
"""


def test_in_a_pool_of_forked_processes(stage: Stage) -> None:
    """The usual way to use two cores."""
    assert run(stage, POOL, stage.file()) == "True\n[True, True, True]\n"
    assert len(stage.box.files()) == 4


# -- Ctrl-C and the end of the interpreter -----------------------------------------------------------------------


def _hold_in_process(stage: Stage, script: str) -> subprocess.Popen[str]:
    stage.hold("upload_part", after=4)
    process = start(stage, script, stage.file())
    stage.wait_held("upload_part", 5)
    return process


def _goes_on(stage: Stage) -> None:
    """The session was kept; the next run sends only the rest."""
    stage.wait_ended()
    stage.go_on()
    path = stage.folder / "local" / "film.mkv"
    client = stage.client()
    assert client.sessions()["uploaded_parts"].tolist() == [4]
    result = client.upload(path, "/x", progress="none")
    assert (result.resumed, result.bytes_sent) == (True, path.stat().st_size - 4 * PART)
    stage.assert_arrived(path, "/x/film.mkv")


def test_ctrl_c_in_a_blocking_upload(stage: Stage) -> None:
    """One line that says what is kept; the session is there for the next run."""
    script = """
    try:
        Pan115Client().upload(PATH, "/x", progress="none")
    except UploadInterrupted as stopped:
        print(stopped)
    """
    process = _hold_in_process(stage, script)
    process.send_signal(signal.SIGINT)
    code, out, err = finish(process)
    assert (code, err) == (0, "")
    assert out == "Stopped; what 115 has of film.mkv is kept: upload it again to go on from there.\n"
    _goes_on(stage)


def test_ctrl_c_that_nobody_catches(stage: Stage) -> None:
    """It ends the script as Ctrl-C ends any script, with our line as the last; nothing is lost."""
    process = _hold_in_process(stage, "Pan115Client().upload(PATH, '/x', progress='none')")
    process.send_signal(signal.SIGINT)
    code, _, err = finish(process)
    assert code != 0
    assert err.strip().splitlines()[-1].endswith("upload it again to go on from there.")
    _goes_on(stage)


def test_ctrl_c_in_asyncio_run(stage: Stage) -> None:
    """``asyncio.run`` cancels its main task: the upload ends with the interpreter, its session is kept."""
    process = _hold_in_process(stage, "asyncio.run(Pan115Client().upload_file(PATH, '/x'))")
    process.send_signal(signal.SIGINT)
    code, _, err = finish(process)
    assert code == -signal.SIGINT
    assert "never retrieved" not in err
    assert err.strip().endswith("KeyboardInterrupt")
    _goes_on(stage)


def test_script_that_ends_with_uploads_running(stage: Stage) -> None:
    """No hang, no traceback, no half-written state."""
    process = _hold_in_process(stage, "job = Pan115Client().submit(PATH, '/x'); sys.stdin.readline()")
    assert finish(process) == (0, "", "")
    _goes_on(stage)


def test_script_that_fails_with_uploads_running(stage: Stage) -> None:
    """An error of the user's own shows as it is; ours adds nothing to it."""
    script = "job = Pan115Client().submit(PATH, '/x'); sys.stdin.readline(); raise ValueError('mine')"
    code, _, err = finish(_hold_in_process(stage, script))
    assert code == 1
    assert err.count("Traceback") == 1
    assert err.strip().endswith("ValueError: mine")
    _goes_on(stage)


def test_waiting_from_our_own_thread_is_refused_not_hung(stage: Stage) -> None:
    """A callback that blocks on the upload it is called for would wait for ever: it is told so."""
    client, path = stage.client(), stage.file()
    said: list[str] = []

    def callback(_: object) -> None:
        if not said:
            try:
                client.upload(stage.folder / "other.bin", "/x", progress="none")
            except RuntimeError as error:
                said.append(str(error))

    assert client.upload(path, "/x", progress=callback).success
    assert said
    assert "await" in said[0]
    until(lambda: all(job.done for job in client.jobs()))

"""The kit in a real kernel: ■, updates after the cell, clicks, restarts; on the present ipykernel and on 6.31."""

from __future__ import annotations

import time

import pytest
from kernel_support import PATIENCE, WIDGET, Kernel

from pan115kit.sandbox import Sandbox

pytestmark = pytest.mark.kernel


def test_interrupting_upload_stops_it_and_keeps_its_session(kernel: Kernel) -> None:
    """■ during ``client.upload()``: one line, no traceback, and the next run goes on from there."""
    kernel.run("hold(after=2)\ntell_when(lambda: box.stalled and blocked(client.jobs()[0]), 'held')")
    cell = kernel.start("client.upload(make('a.bin', 2_000_000), '/影视', progress='none')")
    kernel.wait_until_told("held")
    kernel.interrupt()
    done = kernel.finish(cell)  # which the upload alone would never be
    assert done.errors == ["UploadInterrupted"]
    assert len(done.traceback) == 1
    assert "kept" in done.traceback[0]
    assert kernel.run("print(client.jobs()[0].status, len(client.sessions()))").text.split() == ["cancelled", "1"]


@pytest.mark.parametrize(
    "wait",
    [
        # told when the cell lets go of the loop
        "asyncio.get_running_loop().call_soon(tell, 'waiting')\nawait job",
        "tell_when(lambda: blocked(job), 'waiting')\njob.wait()",
    ],
    ids=["await job", "job.wait()"],
)
def test_interrupting_a_wait_lets_the_upload_go_on(kernel: Kernel, wait: str) -> None:
    """■ while waiting only stops the waiting: somebody who wants his kernel back must not lose his upload."""
    kernel.run("hold(after=2)\njob = client.submit(make('a.bin', 2_000_000), '/影视')")
    cell = kernel.start(wait)
    kernel.wait_until_told("waiting")
    kernel.interrupt()
    done = kernel.finish(cell)  # which the upload alone would never be
    assert len(done.traceback) == 1, done.traceback
    assert "goes on in the background" in done.traceback[0]
    kernel.run("box.clear_faults()")
    assert kernel.run("print((await job).success)").text.strip() == "True"


def test_the_panel_goes_on_after_its_cell_and_ends_as_a_report(kernel: Kernel) -> None:
    """The cell that shows the panel ends at once; the uploads do not."""
    kernel.run("client.bandwidth_limit = 200_000")
    cell = kernel.run("job = client.submit(make('a.bin', 3_000_000), '/影视')\njob")
    (display,) = cell.displays
    assert WIDGET in display["data"]
    assert display["data"]["text/plain"] == "<Panel a.bin>"
    assert "a.bin" in display["data"]["text/html"]
    percents: set[float] = set()
    kernel.collect(lambda: percents.update(r["percentage"] for r in kernel.page.rows()) or len(percents) >= 4)
    assert kernel.updates == []
    kernel.run("client.bandwidth_limit = None")
    kernel.collect(lambda: kernel.updates)
    (update,) = kernel.updates
    assert update["transient"] == display["transient"]
    assert WIDGET not in update["data"]
    assert "Uploaded" in update["data"]["text/html"]


def test_buttons_answer_while_nothing_runs(kernel: Kernel) -> None:
    """Pause must work when no cell runs, on every ipykernel, within a second."""

    def press(word: str, then: str) -> float:
        pressed = time.monotonic()
        kernel.press(word)
        kernel.collect(lambda: kernel.statuses() == [then])
        return time.monotonic() - pressed

    kernel.run("hold(after=2)\njob = client.submit(make('a.bin', 2_000_000), '/影视')\njob")
    kernel.collect(lambda: kernel.statuses() == ["uploading"])
    took = []
    while min(took, default=1.0) >= 1.0:  # a busy machine may hold one up, but not each
        assert len(took) < 5, took
        took.append(press("pause", "paused"))
        assert kernel.run("print(job.status)").text.strip() == "paused"
        press("resume", "uploading")
    kernel.press("cancel")
    kernel.collect(lambda: kernel.statuses() == ["cancelled"])


def test_buttons_answer_while_a_cell_waits(kernel: Kernel) -> None:
    """Pause must work while a cell awaits something, on every ipykernel, and take effect once."""
    kernel.run("hold(after=2)\njob = client.submit(make('a.bin', 2_000_000), '/影视')\njob")
    for word, status in (("pause", "paused"), ("resume", "uploading"), ("pause", "paused")):
        kernel.collect(lambda word=word: kernel._rows_with(word))
        # heard twice, the second time would undo the first
        cell = kernel.start(
            f"async with asyncio.timeout({PATIENCE / 2}):\n"
            f"    while job.status != '{status}': await asyncio.sleep(0.02)\n"
        )
        kernel.press(word)
        assert kernel.finish(cell).errors == []
        assert kernel.run("print(job.status)").text.strip() == status
    kernel.run("job.cancel()")


def test_after_a_restart_the_unfinished_upload_is_on_the_panel(fresh_kernel: Kernel) -> None:
    """The kernel died, was restarted, and ``client.panel()`` shows what can be resumed, and resumes it."""
    kernel = fresh_kernel
    with Sandbox() as sandbox:
        connect = (
            "import os, pathlib\n"
            "from pan115kit import Pan115Client, UploadConfig\n"
            f"os.environ['PAN115_ECDH_PUBLIC_KEY'] = '{sandbox.ecdh_public_key}'\n"
            "config = UploadConfig(api_rate=0, part_size=200_000, multipart_threshold=200_000)\n"
            f"cookie, endpoint = '{sandbox.cookie}', '{sandbox.endpoint}'\n"
            "mine = Pan115Client(cookie, endpoint=endpoint, state_dir='mine', config=config)\n"
        )
        sandbox.fault("upload_part", "stall", times=None, after=3)
        kernel.run(connect + "job = mine.submit(make('大文件.mkv', 2_000_000), '/影视')")
        kernel.run("import time\nwhile job.progress.uploaded_parts < 3: time.sleep(0.05)")
        kernel.restart()
        kernel.forget()
        kernel.run(connect + "mine.panel()")
        kernel.collect(lambda: [row["group"] for row in kernel.page.rows()] == ["unfinished"])
        assert "大文件.mkv" in kernel.page.text()
        kernel.press("resume")
        kernel.collect(lambda: any(r["status"] == "uploading" and r["resumed_bytes"] for r in kernel.page.rows()))
        sandbox.clear_faults()
        kernel.run("import asyncio\nwhile not mine.jobs(): await asyncio.sleep(0.02)")
        done = kernel.run("result = await mine.jobs()[0]\nprint(result.success, result.resumed)")
        assert done.text.split() == ["True", "True"]
        kernel.run("mine.close()")


def test_a_result_as_the_last_line_is_a_table(kernel: Kernel) -> None:
    """What ``client.upload()`` gives is read by people: where the file is, how long it took."""
    cell = kernel.run("client.upload(make('a.bin', 100_000), '/影视', progress='none')")
    (display,) = cell.displays
    assert "/影视/a.bin" in display["data"]["text/html"]
    assert "<style" not in display["data"]["text/html"]


def test_magics_upload_and_complete_paths(kernel: Kernel) -> None:
    """``%upload`` in a notebook, with the file's name completed by Tab."""
    kernel.run("%load_ext pan115kit\nmake('my film.mkv', 100_000); make('b.bin', 1000); make('c.bin', 1000)")
    reply = kernel.client.complete("%upload my", 10, reply=True, timeout=PATIENCE)
    assert any("film.mkv" in match for match in reply["content"]["matches"])
    cell = kernel.run("%upload my\\ film.mkv --to /影视")
    assert any("/影视/my film.mkv" in d["data"].get("text/html", "") for d in cell.displays)
    cell = kernel.run(
        "report = get_ipython().run_cell_magic('upload', '--to /备份', 'b.bin\\n# no\\nc.bin')\nprint(report)"
    )
    assert "2 files: 2 uploaded" in cell.text
    assert WIDGET in kernel.run("%uploads").displays[0]["data"]


@pytest.mark.parametrize("package", ["nest_asyncio", "nest_asyncio2"])
def test_the_kit_works_where_a_user_has_nested_loops(fresh_kernel: Kernel, package: str) -> None:
    """Pasted scripts begin with ``nest_asyncio.apply()``; uploads must not care."""
    kernel = fresh_kernel
    kernel.run(f"import {package}; {package}.apply()")
    kernel.run("assert client.upload(make('a.bin', 500_000), '/x', progress='panel').success")
    kernel.run("assert (await client.upload_file(make('b.bin', 500_000), '/x')).success")
    kernel.run("import asyncio\nassert asyncio.run(client.upload_file(make('c.bin', 500_000), '/x')).success")


def test_enable_nested_loops_lets_scripts_run_in_cells(fresh_kernel: Kernel) -> None:
    """Several cells with ``asyncio.run``: with the wrong package the third hangs for ever on ipykernel 7."""
    kernel = fresh_kernel
    kernel.run("from pan115kit.notebook import enable_nested_loops\nprint(enable_nested_loops())")
    kernel.run(
        "import asyncio\nasync def main(name):\n    return await client.upload_file(make(name, 300_000), '/x')"
    )
    for number in range(5):
        assert kernel.run(f"print(asyncio.run(main('{number}.bin')).success)").text.strip() == "True"


def test_a_kernel_shut_down_leaves_the_truth_in_the_notebook(fresh_kernel: Kernel) -> None:
    """A notebook that says "uploading 40 %" while its kernel is gone for days would lie."""
    kernel = fresh_kernel
    kernel.run("hold(after=2)\njob = client.submit(make('a.bin', 2_000_000), '/影视')\njob")
    kernel.collect(lambda: kernel.statuses() == ["uploading"])
    kernel.shut_down()
    kernel.collect(lambda: kernel.updates)
    assert "session is kept" in kernel.updates[-1]["data"]["text/html"]

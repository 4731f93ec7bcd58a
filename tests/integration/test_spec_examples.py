"""The Python examples of the specification, as they stand there: only the import lines say ``from pan115kit``.

What the reader of a guide puts in himself, his cookie and his file, is put in here; nothing else is changed.
"""

from __future__ import annotations

import ast
import asyncio
import inspect
import re
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from upload_support import PART, PATIENCE, Stage, until

from pan115kit import get_progress_manager
from pan115kit.store import resume_manager

BASIC_UPLOAD = """
from services.pan115_client import Pan115Client

client = Pan115Client(
    user_key="UID=xxx; CID=xxx; SEID=xxx"
)

# 上传文件
result = await client.upload_file(
    file_path="/path/to/video.mp4",
    target_path="/影视/电影/2025"
)

# 返回:
# {
#   'success': True,
#   'message': '文件上传成功',
#   'file_id': 'xxx',
#   'quick_upload': False
# }
"""

ASK_PROGRESS = """
from services.upload_progress_manager import get_progress_manager

progress_mgr = get_progress_manager()

# 获取指定文件的进度
progress = await progress_mgr.get_progress("/path/to/video.mp4")

if progress:
    print(f"文件名: {progress.file_name}")
    print(f"状态: {progress.status}")
    print(f"进度: {progress.percentage:.2f}%")
    print(f"速度: {progress.speed_mbps:.2f} MB/s")
    print(f"已用时: {progress.get_elapsed_time():.1f}秒")
    print(f"剩余时间: {progress.get_eta():.1f}秒")

# 获取所有上传任务
all_progresses = await progress_mgr.list_progresses()
for file_path, progress in all_progresses.items():
    print(f"{file_path}: {progress.percentage:.2f}%")
"""

MANAGE_SESSIONS = """
from services.upload_resume_manager import get_resume_manager

resume_mgr = get_resume_manager()

# 列出所有会话
sessions = await resume_mgr.list_sessions()
for session in sessions:
    print(f"会话ID: {session.session_id}")
    print(f"文件: {session.file_path}")
    print(f"进度: {session.get_progress():.2f}%")
    print(f"已上传分片: {len(session.uploaded_parts)}/{session.total_parts}")

# 删除指定会话
await resume_mgr.delete_session("session_id_here")

# 清理过期会话（超过7天未更新）
await resume_mgr.clean_expired_sessions(days=7)
"""

CALLBACK = """
from services.upload_progress_manager import get_progress_manager, UploadProgress

progress_mgr = get_progress_manager()

# 定义回调函数
async def on_progress_update(progress: UploadProgress):
    print(f"📊 {progress.file_name}: {progress.percentage:.2f}%")
    if progress.status == 'success':
        print(f"✅ 上传完成: {progress.file_id}")

# 注册回调
file_path = "/path/to/video.mp4"
progress_mgr.register_callback(file_path, on_progress_update)

# 上传文件（回调会自动触发）
await client.upload_file(file_path, "/影视/电影")

# 注销回调
progress_mgr.unregister_callback(file_path, on_progress_update)
"""

CONFIGURE = """
from services.upload_resume_manager import UploadResumeManager

# 自定义存储目录
resume_mgr = UploadResumeManager(
    storage_dir="./custom/upload_sessions"
)

# 自定义过期时间
await resume_mgr.clean_expired_sessions(days=3)
"""

Runner = Callable[[str, dict[str, Any]], None]


def _as_cell(code: str, names: dict[str, Any]) -> None:
    """With ``await`` at top level, as IPython and ``python -m asyncio`` run it."""
    compiled = compile(code, "<example>", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)

    async def run() -> None:
        outcome = eval(compiled, names)
        if inspect.isawaitable(outcome):
            await outcome

    asyncio.run(run())


def _as_function(code: str, names: dict[str, Any]) -> None:
    """Within ``async def main()`` of a script."""
    body = textwrap.indent(code, "    ") + "\n    return locals()\n"
    exec(f"async def main(client=None):\n{body}", names)
    names.update(asyncio.run(names["main"](names.get("client"))))


@pytest.fixture(params=[_as_cell, _as_function], ids=["cell", "script"])
def run(request: pytest.FixtureRequest) -> Runner:
    """Both ways in which people run such code."""
    runner: Runner = request.param
    return runner


class Guide:
    """The examples with the reader's cookie and file in them."""

    def __init__(self, stage: Stage, video: Path) -> None:
        self.stage = stage
        self.video = video

    def text(self, example: str) -> str:
        code = re.sub(r"^from services\.\w+ import", "from pan115kit import", example, flags=re.MULTILINE)
        assert code.count("from pan115kit import") == 1
        return code.replace("UID=xxx; CID=xxx; SEID=xxx", self.stage.box.cookie).replace(
            "/path/to/video.mp4", str(self.video)
        )


@pytest.fixture
def guide(stage: Stage, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Guide]:
    """The environment leads to the sandbox; everything else is the default."""
    monkeypatch.setenv("PAN115_ENDPOINT", stage.box.endpoint)
    monkeypatch.setenv("PAN115_ECDH_PUBLIC_KEY", stage.box.ecdh_public_key)
    monkeypatch.setenv("PAN115_PART_SIZE", str(PART))
    monkeypatch.setenv("PAN115_MULTIPART_THRESHOLD", str(3 * PART))
    monkeypatch.setattr(resume_manager, "_managers", {})
    monkeypatch.chdir(tmp_path)
    yield Guide(stage, stage.file("video.mp4"))
    for manager in resume_manager._managers.values():
        manager.close()


def test_basic_upload(guide: Guide, run: Runner) -> None:
    """Example 1, and what it promises to return."""
    names: dict[str, Any] = {}
    run(guide.text(BASIC_UPLOAD), names)
    result = names["result"]
    assert result["success"] is True
    assert result["message"] == "文件上传成功"
    assert result["quick_upload"] is False
    assert result["file_id"] == guide.stage.box.files()[0].file_id
    assert dict(result)["success"] is True
    guide.stage.assert_arrived(guide.video, "/影视/电影/2025/video.mp4")
    names["client"].close()


@pytest.mark.parametrize("moment", ["never uploaded", "while it hangs", "afterwards"])
def test_ask_for_progress(guide: Guide, run: Runner, moment: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Example 2 prints, whatever there is to print: an unknown remaining time must not raise."""
    if moment == "never uploaded":
        run(guide.text(ASK_PROGRESS), {})
        assert capsys.readouterr().out == ""
        return
    client = guide.stage.client()
    guide.stage.hold("upload_part", after=4)
    job = client.submit(guide.video, "/x")
    guide.stage.wait_held("upload_part", 5)
    until(lambda: job.progress.uploaded_parts == 4)
    if moment == "afterwards":
        guide.stage.go_on()
        job.wait(PATIENCE)
    run(guide.text(ASK_PROGRESS), {})
    shown = capsys.readouterr().out
    assert "文件名: video.mp4" in shown
    assert "状态: " + ("success" if moment == "afterwards" else "uploading") in shown
    assert ("进度: 100.00%" in shown) is (moment == "afterwards")
    assert f"{guide.video}: " in shown
    assert "剩余时间: " in shown
    guide.stage.go_on()
    job.wait(PATIENCE)


def test_manage_sessions(guide: Guide, run: Runner, capsys: pytest.CaptureFixture[str]) -> None:
    """Example 3 lists what was interrupted; deleting what is not there is no error."""
    client = guide.stage.client()
    guide.stage.hold("upload_part", after=4)
    job = client.submit(guide.video, "/x")
    guide.stage.wait_held("upload_part", 5)
    client.close()
    assert job.done
    guide.stage.wait_ended()
    guide.stage.go_on()
    run(guide.text(MANAGE_SESSIONS), {})
    shown = capsys.readouterr().out
    assert f"文件: {guide.video}" in shown
    assert "进度: 40.00%" in shown
    assert "已上传分片: 4/11" in shown


def test_callback(guide: Guide, run: Runner, capsys: pytest.CaptureFixture[str]) -> None:
    """Example 4: the callback is called, and it sees the success before the upload returns."""
    names: dict[str, Any] = {"client": guide.stage.client()}
    run(guide.text(CALLBACK), names)
    shown = capsys.readouterr().out
    assert "📊 video.mp4: " in shown
    assert f"✅ 上传完成: {guide.stage.box.files()[0].file_id}" in shown
    guide.stage.assert_arrived(guide.video, "/影视/电影/video.mp4")
    assert get_progress_manager()._callbacks.empty  # it was taken back, too


def test_configure(guide: Guide, run: Runner, tmp_path: Path) -> None:
    """The configuration example: a folder of one's own for the sessions."""
    names: dict[str, Any] = {}
    run(guide.text(CONFIGURE), names)
    assert (tmp_path / "custom" / "upload_sessions").is_dir()
    names["resume_mgr"].close()


def test_all_of_it_as_one_script(guide: Guide, tmp_path: Path) -> None:
    """In a process of its own, from top to bottom, without closing anything: it works and it ends."""
    examples = (BASIC_UPLOAD, ASK_PROGRESS, MANAGE_SESSIONS, CALLBACK, CONFIGURE)
    body = textwrap.indent("\n".join(guide.text(example) for example in examples), "    ")
    script = tmp_path / "script.py"
    script.write_text(f"import asyncio\nasync def main():\n{body}\n    print(result)\nasyncio.run(main())\n", "utf-8")
    done = subprocess.run(
        [sys.executable, "-W", "always", str(script)], capture_output=True, text=True, timeout=PATIENCE
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "状态: success" in done.stdout
    assert "⚡" not in done.stderr
    assert len(guide.stage.box.files()) == 2

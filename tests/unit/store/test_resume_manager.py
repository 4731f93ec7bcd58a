"""The specification's resume manager."""

from __future__ import annotations

import ast
import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from pan115kit.errors import SessionBusyError
from pan115kit.models import Part, UploadSession, UploadTicket
from pan115kit.store import Store, open_store, resume_manager
from pan115kit.store.resume_manager import UploadResumeManager, get_resume_manager

TICKET = UploadTicket("bucket", "key", "{}", "{}", "pick")


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    monkeypatch.setenv("PAN115_STATE_DIR", str(tmp_path))
    monkeypatch.setattr(resume_manager, "_managers", {})
    with open_store() as opened:
        opened.sessions.save(
            UploadSession("session_id_here", "/path/to/video.mp4", "video.mp4", 100, part_size=50, total_parts=2)
        )
        opened.sessions.update("session_id_here", upload_id="UP", ticket=TICKET)
        opened.sessions.add_part("session_id_here", Part(1, 50, "E"))
        yield opened
        for manager in resume_manager._managers.values():
            manager.close()


# The specification's third example, but for the module's name.
EXAMPLE = """
from pan115kit import get_resume_manager

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


def test_the_specifications_example_runs_as_in_a_cell(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    code = compile(EXAMPLE, "<cell>", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    asyncio.run(eval(code, {}))
    assert capsys.readouterr().out.splitlines() == [
        "会话ID: session_id_here", "文件: /path/to/video.mp4", "进度: 50.00%", "已上传分片: 1/2",
    ]  # fmt: skip
    assert store.sessions.list() == []
    assert [abort.upload_id for abort in store.sessions.pending_aborts()] == ["UP"]


def test_it_works_from_any_loop_in_any_thread(store: Store) -> None:
    """A server, a notebook and a script each have a loop of their own."""
    manager = get_resume_manager()
    found: list[str] = []

    def in_a_thread() -> None:
        found.extend(s.session_id for s in asyncio.run(manager.list_sessions()))

    threads = [threading.Thread(target=in_a_thread) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == ["session_id_here"] * 4


def test_sessions_can_be_looked_up_and_deleted_once(store: Store) -> None:
    async def main() -> tuple[object, ...]:
        manager = get_resume_manager()
        found = await manager.get_session("session_id_here")
        return found.total_parts, await manager.delete_session("session_id_here"), await manager.delete_session("x")

    assert asyncio.run(main()) == (2, True, False)


def test_a_running_upload_cannot_be_deleted_under_itself(store: Store) -> None:
    store.leases.acquire("session_id_here", "job")
    with pytest.raises(SessionBusyError):
        asyncio.run(get_resume_manager().delete_session("session_id_here"))
    assert store.sessions.get("session_id_here") is not None


def test_cleaning_counts_what_it_removed(store: Store) -> None:
    store.sessions.save(UploadSession("old", "/a", "a", 1, updated_at=1.0))
    assert asyncio.run(get_resume_manager().clean_expired_sessions(days=3)) == 1
    assert [s.session_id for s in store.sessions.list()] == ["session_id_here"]


def test_its_own_directory_is_used_and_let_go(tmp_path: Path) -> None:
    manager = UploadResumeManager(storage_dir=str(tmp_path / "custom" / "upload_sessions"))
    assert asyncio.run(manager.list_sessions()) == []
    assert (tmp_path / "custom" / "upload_sessions" / "uploads.sqlite3").exists()
    manager.close()
    assert [t.name for t in threading.enumerate() if t.name == "pan115-store"] == []
    assert asyncio.run(manager.list_sessions()) == []
    manager.close()


def test_a_lent_store_stays_open(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        manager = UploadResumeManager.of(store)
        assert asyncio.run(manager.list_sessions()) == []
        manager.close()
        assert store.sessions.list() == []

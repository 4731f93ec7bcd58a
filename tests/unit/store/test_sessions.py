"""Sessions, parts, pending aborts: what an interrupted upload goes on from."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import fields, replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pan115kit.errors import ConfigError, SessionBusyError, StoreError
from pan115kit.models import FileIdentity, Part, UploadSession, UploadStatus, UploadTicket
from pan115kit.store import PendingAbort, Store, session_id_for


class Clock:
    """A clock that stands still until it is told."""

    def __init__(self, now: float = 1_760_000_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(tmp_path: Path, clock: Clock) -> Iterator[Store]:
    with Store(tmp_path / "state", clock=clock) as opened:
        yield opened


def a_session(session_id: str = "s" * 32, **fields_: object) -> UploadSession:
    session = UploadSession(session_id, "/a/b.bin", "b.bin", 1000, part_size=100, total_parts=10, upload_id="UP")
    return replace(session, **fields_)


#: Any text Python can hold, lone surrogates (undecodable file names) and NUL included.
texts = st.text(st.characters(codec=None, categories=None), max_size=20) | st.binary(max_size=12).map(os.fsdecode)
sizes = st.integers(0, 2**63 - 1)
times = st.floats(1, 4e9)
words64 = st.integers(0, 2**64 - 1)
identities = st.builds(FileIdentity, words64, words64, sizes, st.integers(-(2**62), 2**63), st.integers(0, 2**63))
sessions = st.builds(
    UploadSession,
    session_id=st.just("one"),
    file_path=texts,
    file_name=texts,
    file_size=sizes,
    file_sha1=st.text("0123456789ABCDEF", max_size=40),
    target_dir_id=texts,
    target_path=texts,
    status=st.sampled_from(UploadStatus),
    part_size=sizes,
    total_parts=st.integers(0, 10_000),
    uploaded_bytes=st.just(0),
    upload_id=texts,
    ticket=st.none() | st.builds(UploadTicket, texts, texts, texts, texts, texts),
    identity=st.none() | identities,
    job_id=texts,
    created_at=times,
    updated_at=times,
    error_message=st.none() | texts,
)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with Store(tmp_path_factory.mktemp("round-trip")) as opened:
        yield opened


@settings(max_examples=200)
@given(session=sessions)
def test_a_session_comes_back_as_it_was_whatever_its_file_is_called(shared: Store, session: UploadSession) -> None:
    """Else a file with an odd name could not be resumed, or not even uploaded."""
    shared.sessions.save(session)
    assert shared.sessions.get("one") == session
    assert shared.sessions.list() == [session]
    columns = {name: values[0] for name, values in shared.sessions.columns().items()}
    counted = {"uploaded_parts": len(session.uploaded_parts), "uploaded_bytes": session.bytes_done}
    assert columns == {name: getattr(session, name) for name in columns} | counted


@pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse such names")
def test_a_file_whose_name_is_not_utf8_keeps_its_path(tmp_path: Path, store: Store) -> None:
    """Else the resumed upload would look for a file that does not exist."""
    path = os.path.join(os.fsencode(tmp_path), b"caf\xe9.bin")
    Path(os.fsdecode(path)).write_bytes(b"x")
    store.sessions.save(a_session(file_path=os.fsdecode(path)))
    found = store.sessions.get("s" * 32)
    assert found is not None
    assert Path(found.file_path).read_bytes() == b"x"


part_lists = st.lists(
    st.builds(Part, st.integers(1, 30), st.integers(0, 5 * 2**30), st.just("ETAG"), st.none() | words64), max_size=8
)
steps = st.one_of(
    st.tuples(st.just("add"), part_lists),
    st.tuples(st.just("set"), part_lists),
    st.tuples(st.just("restart"), st.sampled_from(["UP", "UP2"])),
)


@settings(max_examples=150)
@given(plan=st.lists(steps, max_size=8))
def test_what_a_session_says_of_its_parts_is_what_its_parts_say(
    shared: Store, plan: list[tuple[str, object]]
) -> None:
    """Else the panel's percent or the resume point would be wrong after repairs, replacements and restarts."""
    shared.sessions.discard("parts")
    shared.sessions.save(a_session("parts"))
    model: dict[int, Part] = {}
    upload_id = "UP"
    for action, argument in plan:
        if action == "add":
            for part in argument:
                shared.sessions.add_part("parts", part)
                model[part.number] = part
        elif action == "set":
            shared.sessions.set_parts("parts", argument)
            model = {part.number: part for part in argument}
        else:
            if argument != upload_id:
                model = {}
            upload_id = argument
            shared.sessions.update("parts", upload_id=upload_id)
        expected = [model[number] for number in sorted(model)]
        assert shared.sessions.parts("parts") == expected
        loaded = shared.sessions.get("parts")
        assert loaded.uploaded_parts == tuple(sorted(model))
        assert loaded.uploaded_bytes == sum(part.size for part in expected)
        assert loaded in shared.sessions.list()
    shared.sessions.discard("parts")


def test_saving_again_keeps_the_parts_of_the_same_upload(store: Store) -> None:
    """Else writing down a new status would cost the progress."""
    store.sessions.save(a_session())
    store.sessions.add_part("s" * 32, Part(1, 100, "E"))
    store.sessions.save(a_session(status=UploadStatus.PAUSED))
    assert store.sessions.get("s" * 32).uploaded_parts == (1,)
    store.sessions.save(a_session(upload_id="ANOTHER"))
    assert store.sessions.get("s" * 32).uploaded_parts == ()


def test_times_are_set_by_the_clock_and_every_touch_renews_them(store: Store, clock: Clock) -> None:
    """Else a session in use would expire, or the newest not stand first."""
    store.sessions.save(a_session("old"))
    clock.now += 10
    store.sessions.save(a_session("new"))
    assert [s.session_id for s in store.sessions.list()] == ["new", "old"]
    clock.now += 10
    store.sessions.add_part("old", Part(1, 100, "E"))
    assert [s.session_id for s in store.sessions.list()] == ["old", "new"]
    clock.now += 10
    store.sessions.update("new", status=UploadStatus.UPLOADING)
    assert [s.session_id for s in store.sessions.list()] == ["new", "old"]
    old = store.sessions.get("old")
    assert (old.created_at, old.updated_at) == (1_760_000_000.0, 1_760_000_020.0)


def test_every_stored_field_can_be_updated(store: Store) -> None:
    """Else some change of an upload would not survive a crash."""
    store.sessions.save(a_session())
    ticket = UploadTicket("b", "k", "{}", "{}", "p")
    changes = {
        "status": UploadStatus.FAILED, "ticket": ticket, "identity": FileIdentity(1, 2, 3, 4, 5), "file_size": 7,
        "error_message": "no", "upload_id": "U2", "updated_at": 5.0,
    }  # fmt: skip
    store.sessions.update("s" * 32, **changes)
    loaded = store.sessions.get("s" * 32)
    assert {name: getattr(loaded, name) for name in changes} == changes
    store.sessions.update("s" * 32, ticket=None, identity=None, error_message=None)
    loaded = store.sessions.get("s" * 32)
    assert (loaded.ticket, loaded.identity, loaded.error_message) == (None, None, None)


@pytest.mark.parametrize("name", ["uploaded_parts", "uploaded_bytes", "session_id", "file_path = '' --"])
def test_fields_that_are_counted_or_unknown_cannot_be_updated(store: Store, name: str) -> None:
    store.sessions.save(a_session())
    with pytest.raises(TypeError, match=r"cannot be updated|multiple values"):
        store.sessions.update("s" * 32, **{name: 1})


def test_an_acknowledged_part_is_never_lost_silently_when_its_session_was_deleted(store: Store) -> None:
    with pytest.raises(StoreError, match="not in the store"):
        store.sessions.add_part("gone", Part(1, 1, "E"))
    with pytest.raises(StoreError, match="not in the store"):
        store.sessions.set_parts("gone", [])
    with pytest.raises(StoreError, match="not in the store"):
        store.sessions.update("gone", status=UploadStatus.PAUSED)


def test_delete_takes_the_parts_with_it(store: Store) -> None:
    store.sessions.save(a_session())
    store.sessions.add_part("s" * 32, Part(1, 1, "E"))
    assert store.sessions.discard("s" * 32) is True
    assert store.sessions.discard("s" * 32) is False
    assert store.sessions.get("s" * 32) is None
    assert store.database.read(lambda c: c.execute("SELECT count(*) FROM parts").fetchone()) == (0,)


TICKET = UploadTicket("bucket", "key", "{}", "{}", "pick")


def test_discard_leaves_no_orphan_at_oss(store: Store, clock: Clock) -> None:
    """Else the parts of a deleted session would lie at OSS for ever, unknown to anybody."""
    store.sessions.save(a_session(ticket=TICKET))
    assert store.sessions.discard("s" * 32) is True
    assert store.sessions.pending_aborts() == [PendingAbort("UP", "bucket", "key", clock.now)]
    store.sessions.forget_abort("UP")
    assert store.sessions.pending_aborts() == []
    store.sessions.save(a_session("unsent", upload_id=""))
    assert store.sessions.discard("unsent") is True
    assert store.sessions.pending_aborts() == []


def test_discard_refuses_a_session_that_is_being_uploaded(store: Store) -> None:
    """Else the running upload's multipart would be aborted under it."""
    store.sessions.save(a_session(ticket=TICKET))
    assert store.leases.acquire("s" * 32, "job")
    with pytest.raises(SessionBusyError, match=str(os.getpid())):
        store.sessions.discard("s" * 32)
    store.leases.release("s" * 32, "job")
    assert store.sessions.discard("s" * 32)


def test_a_session_that_is_being_uploaded_is_not_marked_from_outside(store: Store) -> None:
    """Else a second try at a running upload would show the running one as failed until its end."""
    store.sessions.save(a_session(status=UploadStatus.UPLOADING))
    assert store.leases.acquire("s" * 32, "job")
    assert store.sessions.mark("s" * 32, UploadStatus.FAILED, "somebody else is at it") is False
    found = store.sessions.get("s" * 32)
    assert found is not None
    assert (found.status, found.error_message) == (UploadStatus.UPLOADING, None)
    store.leases.release("s" * 32, "job")
    assert store.sessions.mark("s" * 32, UploadStatus.FAILED, "the line broke") is True
    found = store.sessions.get("s" * 32)
    assert found is not None
    assert (found.status, found.error_message) == (UploadStatus.FAILED, "the line broke")
    assert store.sessions.mark("gone", UploadStatus.PAUSED) is False


def test_expiry_counts_days_and_spares_what_is_being_uploaded(store: Store, clock: Clock) -> None:
    """Else a paused upload would lose its session, or old ones would pile up."""
    for name, age in (("fresh", 6.99), ("old", 7.01), ("busy", 30), ("older", 8)):
        store.sessions.save(a_session(name, ticket=TICKET, upload_id=name, updated_at=clock.now - age * 86_400))
    store.leases.acquire("busy", "job")
    assert store.sessions.discard_expired(7) == 2
    assert {s.session_id for s in store.sessions.list()} == {"fresh", "busy"}
    assert {a.upload_id for a in store.sessions.pending_aborts()} == {"old", "older"}
    for days in (-1, float("nan")):
        with pytest.raises(ConfigError, match="days"):
            store.sessions.discard_expired(days)


def test_pending_aborts_are_remembered_once_with_their_first_date(store: Store, clock: Clock) -> None:
    store.sessions.remember_abort(PendingAbort("U", "b", "k", 5.0))
    store.sessions.remember_abort(PendingAbort("U", "b", "k"))
    assert store.sessions.pending_aborts() == [PendingAbort("U", "b", "k", 5.0)]


def test_session_ids_are_the_same_in_every_process_and_spelling() -> None:
    """Else a restarted notebook would not find its session and start from 0 %."""
    script = "from pan115kit.store import session_id_for; print(session_id_for('/a/影 片.mkv', '/影视'))"
    environment = os.environ | {"PYTHONHASHSEED": "7", "PYTHONIOENCODING": "utf-8"}
    other = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, env=environment
    )
    here = session_id_for(Path("/a/x/../影 片.mkv"), "//影视/")
    assert here == other.stdout.strip()
    assert len(here) == 32
    assert int(here, 16) >= 0


@given(st.tuples(texts, texts), st.tuples(texts, texts))
def test_different_files_or_folders_never_share_a_session(one: tuple[str, str], other: tuple[str, str]) -> None:
    def canonical(path: str, target: str) -> tuple[str, list[str]]:
        return os.path.normcase(os.path.abspath(path)), [name for name in target.split("/") if name]

    assert (session_id_for(*one) == session_id_for(*other)) == (canonical(*one) == canonical(*other))


def test_no_table_has_room_for_a_secret(store: Store) -> None:
    """Law 9: a state directory that is copied or shared must not give the account away."""
    store.sessions.save(a_session(ticket=TICKET))
    query = "SELECT m.name, c.name FROM sqlite_master m, pragma_table_info(m.name) c WHERE m.type = 'table'"
    columns = {name.lower() for row in store.database.read(lambda c: c.execute(query).fetchall()) for name in row}
    assert {"sessions", "upload_id", "hashes", "leases"} <= columns
    forbidden = ("cookie", "token", "secret", "access_key", "credential", "password", "user_key")
    assert [name for name in columns if any(word in name for word in forbidden)] == []
    own = {f.name for f in fields(UploadSession)} - {"uploaded_parts", "uploaded_bytes", "ticket"}
    allowed = own | {f.name for f in fields(UploadTicket)} | {"id", "part_count", "part_bytes", "last_part"}
    stored = store.database.read(lambda c: c.execute("SELECT name FROM pragma_table_info('sessions')").fetchall())
    assert {name for (name,) in stored} == allowed

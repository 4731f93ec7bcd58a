"""A folder's plan: nothing is forgotten silently, nothing goes to the wrong place."""

import os
from pathlib import Path

import pytest

from pan115kit.drive.data import Entry
from pan115kit.drive.names import check_folder_path
from pan115kit.errors import FileMissingError, NotAFileError, TargetError
from pan115kit.folders.ignore_rules import IgnoreRules
from pan115kit.folders.listing import DriveTree, ListedFolder
from pan115kit.folders.local_tree import LocalEntry, LocalTree, scan, sources_of
from pan115kit.folders.plan import Action, FolderPlan, make_plan, plan_without_looking, to_hash
from pan115kit.models import After, OnConflict


def look(*paths: Path, include: list[str] = (), exclude: list[str] = ()) -> LocalTree:  # type: ignore[assignment]
    """The tree of some folders."""
    return scan(sources_of(paths, folders_only=True), IgnoreRules.of(include=include, exclude=exclude))


def plan_folder(folder: Path, target: str) -> FolderPlan:
    """What uploading a folder would do where nobody looks at the drive."""
    return plan_without_looking(look(folder), check_folder_path(target))


def test_every_entry_is_planned_or_left_out_with_a_reason(tmp_path: Path) -> None:
    """A photo that is in neither list is lost without anyone knowing."""
    (tmp_path / "年" / "月").mkdir(parents=True)
    (tmp_path / "a.jpg").write_bytes(b"12345")
    (tmp_path / "年" / "b.jpg").write_bytes(b"1")
    (tmp_path / "年" / "月" / "空.txt").write_bytes(b"")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "broken").symlink_to(tmp_path / "nowhere")
    (tmp_path / "loop").symlink_to(tmp_path)
    (tmp_path / "link.jpg").symlink_to(tmp_path / "a.jpg")
    plan = plan_folder(tmp_path, "照片/")
    placed = {(Path(f.file_path).name, f.target_path, f.file_size) for f in plan.files}
    assert placed == {
        ("a.jpg", "/照片", 5),
        ("link.jpg", "/照片", 5),
        ("b.jpg", "/照片/年", 1),
        ("空.txt", "/照片/年/月", 0),
    }
    reasons = {Path(s.file_path).name: s.reason for s in plan.skipped}
    assert set(reasons) == {"pipe", "broken", "loop"}
    assert all(reasons.values())
    assert plan.total == 7
    assert plan.total_bytes == 11


def test_a_name_that_is_not_unicode_is_left_out_and_told(tmp_path: Path) -> None:
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.bin")).write_bytes(b"1")
    plan = plan_folder(tmp_path, "/")
    assert not plan.files
    assert "Unicode" in plan.skipped[0].reason


def test_a_folder_name_115_refuses_is_left_out_not_mangled(tmp_path: Path) -> None:
    """115 refuses ``"<>`` in folder names (protocol §6.3); uploading elsewhere would hide the files."""
    (tmp_path / "a<b").mkdir()
    (tmp_path / "a<b" / "c.txt").write_bytes(b"1")
    plan = plan_folder(tmp_path, "/x")
    assert not plan.files
    assert len(plan.skipped) == 1


def test_the_order_is_the_same_every_time(tmp_path: Path) -> None:
    for name in "cab":
        (tmp_path / name).write_bytes(b"")
    assert [Path(f.file_path).name for f in plan_folder(tmp_path, "/").files] == ["a", "b", "c"]


def test_what_is_no_folder_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(FileMissingError):
        plan_folder(tmp_path / "none", "/")
    with pytest.raises(NotAFileError):
        plan_folder(tmp_path / "file", "/")
    with pytest.raises(TargetError):
        plan_folder(tmp_path, '/a"b')


# -- patterns ----------------------------------------------------------------------------------------------------


def _tree(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(name)


def test_patterns_junk_and_ignore_files(tmp_path: Path) -> None:
    """Half-written files, caches and a repository's history are not what somebody backs up; the plan says so."""
    _tree(
        tmp_path, "a.txt", "b.tmp", "keep.tmp", ".git/config", "x/.DS_Store", "x/c.txt", "x/build/d", "y/d.log", "y/e"
    )
    (tmp_path / ".pan115ignore").write_text("# notes\n/x/build/\n")
    (tmp_path / "y/.pan115ignore").write_text("*.log\n")
    tree = look(tmp_path, exclude=["*.tmp", "!keep.tmp"])
    taken = {Path(file.file_path).relative_to(tmp_path).as_posix() for file in tree.files}
    assert taken == {"a.txt", "keep.tmp", "x/c.txt", "y/e", ".pan115ignore", "y/.pan115ignore"}
    left = {Path(left.file_path).relative_to(tmp_path).as_posix(): left for left in tree.left_out}
    assert set(left) == {"b.tmp", ".git", "x/.DS_Store", "x/build", "y/d.log"}
    assert all(item.excluded and not item.missed and item.reason for item in left.values())
    assert "exclude" in left["b.tmp"].reason
    assert ".pan115ignore" in left["y/d.log"].reason


def test_junk_can_be_taken_in(tmp_path: Path) -> None:
    """Who backs up a repository wants its history."""
    _tree(tmp_path, ".git/config", "a/.git/config")
    assert len(look(tmp_path, exclude=["!.git"]).files) == 2


def test_include_takes_only_what_it_names(tmp_path: Path) -> None:
    """Only the pictures: neither other files nor folders without pictures go up."""
    _tree(tmp_path, "a.jpg", "a.txt", "x/b.JPG", "x/c.jpg", "y/d.txt")
    tree = look(tmp_path, include=["*.jpg"])
    plan = plan_without_looking(tree, "/t")
    assert [(Path(f.file_path).name, f.target_path) for f in plan.files] == [("a.jpg", "/t"), ("c.jpg", "/t/x")]
    assert plan.folders == ()


def test_a_glob_keeps_the_folders_below_its_first_wildcard(tmp_path: Path) -> None:
    """``photos/**/*.jpg`` flattened would make one picture of two."""
    _tree(tmp_path, "p/a.jpg", "p/2024/a.jpg", "p/2024/a.txt")
    tree = scan(sources_of([str(tmp_path / "p/**/*.jpg")]), IgnoreRules.of())
    assert sorted((file.folder, file.name) for file in tree.files) == [("", "a.jpg"), ("2024", "a.jpg")]
    with pytest.raises(FileMissingError, match="nothing fits"):
        sources_of([str(tmp_path / "p/*.png")])


# -- local tree x listing ----------------------------------------------------------------------------------------

SUM, OTHER = "A" * 40, "B" * 40


def there(*entries: Entry, target: str = "/t") -> DriveTree:
    """A listing of the target that has these files."""
    listed = ListedFolder("7")
    for entry in entries:
        listed.add(entry)
    return DriveTree(target, {"": listed})


OLD = Entry("1", "a", 3, OTHER)
SAME = Entry("2", "a", 3, SUM)
HERE = LocalEntry("/l/a", "", "a", 3)


@pytest.mark.parametrize(
    ("on_conflict", "entries", "action"),
    [
        (OnConflict.KEEP, [], Action.UPLOAD),
        (OnConflict.ERROR, [], Action.UPLOAD),
        (OnConflict.KEEP, [OLD], Action.UPLOAD),
        (OnConflict.SKIP, [OLD], None),
        (OnConflict.REPLACE, [OLD], Action.REPLACE),
        (OnConflict.ERROR, [OLD], Action.ERROR),
        *((choice, [SAME], Action.SKIP) for choice in OnConflict),
        (OnConflict.KEEP, [SAME, OLD], Action.SKIP),
        (OnConflict.ERROR, [SAME, OLD], Action.SKIP),
        (OnConflict.REPLACE, [SAME, OLD], Action.REPLACE),  # an earlier run was killed before the old one went
    ],
)
def test_what_is_done_follows_from_what_is_there(
    on_conflict: OnConflict, entries: list[Entry], action: Action | None
) -> None:
    """A file that is there is not sent again, and one that is not the same is never lost."""
    plan = make_plan(
        LocalTree([HERE]), there(*entries), {"/l/a": SUM}, on_conflict=on_conflict, after=After.KEEP, api_rate=2
    )
    done = [file.action for file in (*plan.files, *plan.unchanged)]
    assert done == ([] if action is None else [action])
    assert (len(plan.skipped), plan.total) == (int(action is None), 1)
    assert all(file.reason for file in (*plan.files, *plan.unchanged, *plan.skipped))


def test_a_file_that_is_there_goes_here_if_that_is_asked() -> None:
    """``after="delete"`` empties the folder also of what an earlier run has brought up."""
    plan = make_plan(LocalTree([HERE]), there(SAME), {"/l/a": SUM}, on_conflict=OnConflict.KEEP, after=After.DELETE)
    assert [file.action for file in plan.files] == [Action.DELETE]
    assert plan.total_bytes == 0


def test_an_unfinished_or_unread_file_is_not_the_same() -> None:
    """115 lists a file whose upload was cut off; taken for the whole, the film would be lost."""
    cut = Entry("3", "a", 3, SUM, complete=False)
    keep = {"on_conflict": OnConflict.KEEP, "after": After.KEEP}
    assert make_plan(LocalTree([HERE]), there(cut), {"/l/a": SUM}, **keep).unchanged == ()
    assert make_plan(LocalTree([HERE]), there(SAME), {}, **keep).unchanged == ()


def test_only_what_could_be_the_same_is_hashed() -> None:
    files = [HERE, LocalEntry("/l/b", "", "b", 3), LocalEntry("/l/c", "", "a", 4)]
    assert to_hash(LocalTree(files), there(SAME)) == [HERE]


def test_two_files_to_one_place_are_one_upload_and_one_reason() -> None:
    """Two folders in one call: the second ``a`` must not take the first one's place, or become ``a`` twice."""
    files = [HERE, LocalEntry("/m/a", "", "a", 9)]
    plan = make_plan(LocalTree(files), there(), {}, on_conflict=OnConflict.KEEP, after=After.KEEP)
    assert [file.file_path for file in plan.files] == ["/l/a"]
    assert [(left.file_path, left.missed) for left in plan.skipped] == [("/m/a", True)]
    assert "/l/a" in plan.skipped[0].reason


def test_new_folders_and_the_forecast() -> None:
    """What a run costs is known before it starts: a call a folder, a call a small file, two a large one."""
    tree = LocalTree([LocalEntry("/l/x/y/a", "x/y", "a", 3), LocalEntry("/l/b", "", "b", 1 << 21)])
    tree.folders = {"x": "/l/x", "x/y": "/l/x/y", "empty": "/l/empty"}
    plan = make_plan(
        tree, DriveTree("/t"), {}, on_conflict=OnConflict.KEEP, after=After.KEEP, api_rate=2.0, api_burst=8
    )
    assert [(f.target_path, f.is_empty) for f in plan.folders] == [
        ("/t", False),
        ("/t/empty", True),
        ("/t/x", False),
        ("/t/x/y", False),
    ]
    assert plan.calls == 2 + 4 + 1 + 2
    assert plan.seconds == (9 - 8) / 2.0
    frame = plan.frame()
    assert list(frame.columns) == ["path", "action", "reason", "size", "target_path"]
    assert frame["action"].tolist() == ["make_folder"] * 4 + ["upload"] * 2


def test_the_root_is_no_folder_to_make() -> None:
    plan = make_plan(
        LocalTree([LocalEntry("/l/x/a", "x", "a", 3)]),
        there(target="/"),
        {},
        on_conflict=OnConflict.KEEP,
        after=After.KEEP,
    )
    assert [file.target_path for file in plan.files] == ["/x"]
    assert [folder.target_path for folder in plan.folders] == ["/x"]


@pytest.mark.slow
def test_a_hundred_thousand_files_are_planned_in_seconds() -> None:
    """A plan that takes minutes or gigabytes cannot be looked at first."""
    import time
    import tracemalloc

    count = 100_000
    files, listed = [], {}
    for n in range(count):
        folder = f"f{n % 100}"
        files.append(LocalEntry(f"/l/{folder}/{n}.bin", folder, f"{n}.bin", 3))
        listed.setdefault(folder, ListedFolder(folder)).add(Entry(str(n), f"{n}.bin", 3, SUM))
    tree, drive = LocalTree(files), DriveTree("/t", {"": ListedFolder("7"), **listed})
    sums = {file.file_path: SUM for file in files}
    tracemalloc.start()
    begun = time.perf_counter()
    plan = make_plan(tree, drive, sums, on_conflict=OnConflict.KEEP, after=After.KEEP)
    seconds = time.perf_counter() - begun
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(plan.unchanged) == count
    assert peak / count < 1000  # bytes a file, beside the tree and the list
    assert seconds < 60  # with every allocation counted, on a busy machine

"""Names and pick codes: a wrong rule here refuses good files or lets 115 refuse them after minutes of hashing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pan115kit.drive.names import check_folder_path, folder_names, shorten_file_name
from pan115kit.drive.pickcode import file_id_of
from pan115kit.errors import FileNameError, TargetError

names = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="/\0"), min_size=1, max_size=400)


@given(name=names.filter(lambda name: name not in (".", "..")))
def test_a_shortened_name_fits_and_is_cut_once(name: str) -> None:
    """115 cuts longer names itself, in its own way; then our check of the result would not find the file."""
    short = shorten_file_name(name)
    assert 0 < len(short.encode()) <= 255
    assert shorten_file_name(short) == short
    if len(name.encode()) <= 255:
        assert short == name


@given(stem=st.text("影a🎬", min_size=260, max_size=300), extension=st.sampled_from([".mkv", ".tar", ".视频"]))
def test_the_extension_and_the_start_survive(stem: str, extension: str) -> None:
    """Without its extension a film does not play in 115's apps."""
    short = shorten_file_name(stem + extension)
    assert short.endswith(".." + extension)
    assert stem.startswith(short.removesuffix(".." + extension))
    assert len(short.encode()) > 255 - 4


def test_a_dot_in_prose_is_no_extension() -> None:
    """'1. long title …' must not lose its beginning."""
    name = "1." + "很长的标题" * 60
    assert shorten_file_name(name).startswith("1.很长的标题")


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "a\0b", "a\udce9b"])
def test_names_that_cannot_be_sent_are_refused_at_once(name: str) -> None:
    """Instead of a UnicodeEncodeError from deep inside, or an upload under another name."""
    with pytest.raises(FileNameError):
        shorten_file_name(name)


@pytest.mark.parametrize(
    ("given_path", "expected"),
    [
        ("/", "/"),
        ("", "/"),
        ("//", "/"),
        ("a", "/a"),
        ("/影视/电影/2025/", "/影视/电影/2025"),
        ("a//b", "/a/b"),
        ("/a b/c.d", "/a b/c.d"),
        ("/" + "影" * 255, "/" + "影" * 255),
    ],
)
def test_folder_paths_come_into_one_form(given_path: str, expected: str) -> None:
    """Two spellings of one folder would be two sessions and two look-ups."""
    assert check_folder_path(given_path) == expected


@pytest.mark.parametrize(
    "path",
    ['/a"b', "/a<b", "/a>b", "/..", "/a/../b", "/./a", "/a/ /b", "/" + "a" * 256, "/a" * 26],
)
def test_folders_115_refuses_are_refused_before_anything_is_hashed(path: str) -> None:
    """add_path would silently replace the characters and make another folder."""
    with pytest.raises(TargetError):
        check_folder_path(path)


@pytest.mark.parametrize("path", ["/a\udc80", "/a\nb", "/a\x7fb"])
def test_folder_names_of_no_text_are_refused(path: str) -> None:
    """A control character in a folder name cannot be seen or typed again."""
    with pytest.raises(FileNameError):
        check_folder_path(path)


@given(parts=st.lists(st.text("ab影", min_size=1, max_size=5), max_size=25))
def test_checking_twice_changes_nothing(parts: list[str]) -> None:
    """Every floor may check again."""
    path = check_folder_path("/".join(parts))
    assert check_folder_path(path) == path
    assert folder_names(path) == parts


@pytest.mark.parametrize(
    ("pick_code", "file_id"),
    [("e51yswi02p66rzs8w", "3494080219994654680"), ("bio48d7jfimox8wc3", "3484422535041254636")],
)
def test_ids_of_real_pick_codes(pick_code: str, file_id: str) -> None:
    """An instant upload's result names its file_id only through this."""
    assert file_id_of(pick_code) == file_id


@pytest.mark.parametrize("text", ["", "a", "ahfyr", "a1?fyrh", "zzzzzzzzzz", "fa12345678", "a12345678", "a" * 40])
def test_other_texts_have_no_id(text: str) -> None:
    """A wrong file_id would be worse than none."""
    assert file_id_of(text) == ""

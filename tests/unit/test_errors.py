"""Errors are read by tired people at night: one line, what happened, what to do, whose words."""

import inspect
import pickle
import re
from collections.abc import Callable

import pytest

from pan115kit import errors
from pan115kit._base.local_paths import local_path
from pan115kit.drive.names import check_folder_id, check_folder_path
from pan115kit.folders.local_tree import sources_of
from pan115kit.transfer.local_file import LocalFile


def tree() -> list[type[BaseException]]:
    return [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, BaseException)]


def test_the_drawn_tree_is_the_real_tree() -> None:
    """The docstring is the map people use to write their ``except`` clauses."""
    drawn = re.findall(r"[├└]── (\w+)|^    (Pan115Error)$", errors.__doc__ or "", re.MULTILINE)
    assert {a or b for a, b in drawn} == {kind.__name__ for kind in tree()}


@pytest.mark.parametrize("kind", [k for k in tree() if issubclass(k, errors.Pan115Error)])
def test_every_error_keeps_words_and_code_and_survives_a_process_border(kind: type[errors.Pan115Error]) -> None:
    error = kind("it broke", hint="mend it", code=911, server_message="请验证账号")
    assert "it broke: mend it" in str(error)
    assert "请验证账号" in str(error)
    assert "911" in str(error)
    assert "\n" not in str(error)
    again = pickle.loads(pickle.dumps(error))
    assert (str(again), again.code, again.retryable) == (str(error), 911, error.retryable)
    assert kind.kind()
    assert error._render_traceback_() == [f"{kind.__name__}: {error}"]


@pytest.mark.parametrize("kind", [k for k in tree() if issubclass(k, errors.Pan115Error)])
def test_in_chinese_the_frame_of_the_line_is_chinese_and_115s_words_are_quoted(
    kind: type[errors.Pan115Error], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who reads no English knows what happened and what to do; 115's own words stay as they are."""
    monkeypatch.setenv("PAN115_LANG", "zh")
    error = kind("出错了", hint="请修复", code=911, server_message="请验证账号")
    server = "OSS" if issubclass(kind, errors.OssError) else "115"
    assert str(error) == f"出错了：请修复（{server} 的原话：请验证账号，代码 911）"
    assert error._render_traceback_() == [f"{kind.__name__}: {error}"]
    assert re.search("[一-鿿]", kind.kind())
    plain = kind("出错了")
    assert str(plain) == ("出错了：" + plain.hint if plain.hint else "出错了")


@pytest.mark.parametrize(
    ("go_wrong", "advice"),
    [
        (lambda: sources_of(__file__, folders_only=True), "单个文件请用 upload 或 submit"),
        (lambda: local_path(""), "请给出一个文件或文件夹"),
        (lambda: check_folder_path("/a<b"), '不能含 " < >'),
        (lambda: check_folder_id("x"), "cid"),
        (lambda: LocalFile.open("/"), "文件夹请用 submit_folder"),
        (lambda: LocalFile.open("/no/such/file"), "请检查路径"),
    ],
)
def test_advice_for_one_case_wins_over_that_for_the_kind(
    go_wrong: Callable[[], object], advice: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``submit_folder`` on a file must not be told to use ``submit_folder``."""
    monkeypatch.setenv("PAN115_LANG", "zh")
    with pytest.raises(errors.Pan115Error) as caught:
        go_wrong()
    assert advice in str(caught.value).partition("：")[2]


def test_a_device_is_not_told_about_folders(monkeypatch: pytest.MonkeyPatch) -> None:
    """No advice is better than a wrong one."""
    monkeypatch.setenv("PAN115_LANG", "zh")
    with pytest.raises(errors.NotAFileError) as caught:
        LocalFile.open("/dev/null")
    assert "submit_folder" not in str(caught.value)


#: What users meet without having made a mistake in their code.
BAD_DAYS = [
    errors.NetworkError,
    errors.LoginError,
    errors.AccountBlockedError,
    errors.RateLimitedError,
    errors.NoSpaceError,
    errors.TargetError,
    errors.OssError,
    errors.StoreError,
    errors.SessionBusyError,
    errors.FileMissingError,
    errors.FileChangedError,
]


@pytest.mark.parametrize("kind", BAD_DAYS)
def test_what_happens_on_a_bad_day_has_a_way_out_in_chinese(
    kind: type[errors.Pan115Error], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where whoever raises it has no better advice."""
    monkeypatch.setenv("PAN115_LANG", "zh")
    assert re.search("[一-鿿]", kind("x").hint)


def test_a_retry_is_only_promised_where_it_helps() -> None:
    assert errors.NetworkError("x").retryable
    assert errors.RateLimitedError("x").retryable
    for final in (errors.LoginError, errors.NoSpaceError, errors.FileChangedError, errors.AccountBlockedError):
        assert not final("x").retryable


def test_builtin_families_are_kept() -> None:
    """``except FileNotFoundError`` and ``except ValueError`` of existing scripts go on working."""
    assert issubclass(errors.FileMissingError, FileNotFoundError)
    assert issubclass(errors.FileUnreadableError, PermissionError)
    assert issubclass(errors.ConfigError, ValueError)
    assert issubclass(errors.UploadInterrupted, KeyboardInterrupt)


def test_control_characters_of_names_and_of_servers_are_seen_as_escapes() -> None:
    """115's words and strangers' file names reach a terminal in errors: they must not clear it or forge a line."""
    error = errors.DriveError("no \x1b[2J.mkv", hint="see\u202e", server_message="ok\r\nerror: paid")
    assert str(error) == r"no \x1b[2J.mkv: see\u202e (115 says: ok\r\nerror: paid)"
    assert error._render_traceback_() == [f"DriveError: {error}"]
    assert str(errors.UploadInterrupted("\x1b[2J")) == r"\x1b[2J"
    assert error.message == "no \x1b[2J.mkv", "programs get the name as it is"

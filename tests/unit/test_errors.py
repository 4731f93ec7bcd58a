"""Errors are read by tired people at night: one line, what happened, what to do, whose words."""

import inspect
import pickle
import re

import pytest

from pan115kit import errors


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
    assert isinstance(kind.zh, str)
    assert error._render_traceback_() == [f"{kind.__name__}: {error}"]


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

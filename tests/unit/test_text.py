"""Words and numbers people read: in their language, never "nan" or "1e+03"."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pan115kit.i18n import format_bytes, format_duration, language, say
from pan115kit.models import UploadStatus

SPECIFIED = {
    "pending": "待上传",
    "hashing": "计算哈希",
    "checking": "检查秒传",
    "quick_success": "秒传成功",
    "uploading": "上传中",
    "success": "上传成功",
    "failed": "上传失败",
    "cancelled": "已取消",
    "paused": "已暂停",
}


def test_the_badges_are_the_specifications(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PAN115_LANG", "zh")
    assert {str(status): status.label for status in UploadStatus} == SPECIFIED
    monkeypatch.setenv("PAN115_LANG", "en")
    assert all(status.label.isascii() for status in UploadStatus)


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"PAN115_LANG": "zh"}, "zh"),
        ({"PAN115_LANG": "en", "LANG": "zh_CN.UTF-8"}, "en"),
        ({"LANG": "zh_CN.UTF-8"}, "zh"),
        ({"LC_ALL": "en_US.UTF-8", "LANG": "zh_CN.UTF-8"}, "en"),
        ({"LANG": "C.UTF-8"}, "en"),
    ],
)
def test_the_language_follows_the_setting_then_the_locale(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], expected: str
) -> None:
    for name in ("PAN115_LANG", "LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert language() == expected
    assert say("是", "yes") == ("是" if expected == "zh" else "yes")


@given(st.floats(0, 1e18))
def test_sizes_are_short_and_plain(size: float) -> None:
    text = format_bytes(size)
    number, unit = text.split(" ")
    assert unit in ("B", "kB", "MB", "GB", "TB")
    assert "e" not in number
    assert unit == "TB" or len(number) <= 4


@given(st.floats(0, 1e7))
def test_times_never_show_sixty_seconds(seconds: float) -> None:
    for lang in ("en", "zh"):
        assert not re.search(r"(?<!\d)60\s?(m|s|分|秒)", format_duration(seconds, lang=lang))


def test_what_is_unknown_is_a_dash() -> None:
    assert format_duration(None) == format_duration(float("inf")) == format_duration(float("nan")) == "—"
    assert format_duration(192, lang="zh") == "3分12秒"

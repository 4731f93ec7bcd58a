"""Words and numbers people read: in their language, wholly, and never "nan" or "1e+03"."""

import ast
import re
import string
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import pan115kit
from pan115kit.i18n import brief, catalogue, format_bytes, format_duration, language, languages, say, visible
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
    assert say("duration.seconds", seconds=5) == ("5秒" if expected == "zh" else "5s")


PACKAGE = Path(pan115kit.__file__).parent
VIEW = ("view.action.", "view.all.", "view.count.", "view.filter.", "view.sort.", "page.line.")
#: Keys that code puts together: by status, error, action ... (the code that does it names the prefix).
COMPOSED = (
    "status.",
    "error.",
    "language.",
    "refusal.",
    "login.state.",
    "waiting.",
    "sandbox.route.",
    "verify.",
    *VIEW,
)


def holes(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


@pytest.mark.parametrize("lang", [lang for lang in languages() if lang != "en"])
def test_every_language_is_whole(lang: str) -> None:
    """A key that one language lacks is a line half in another."""
    english, theirs = catalogue("en"), catalogue(lang)
    assert sorted(theirs) == sorted(english)
    assert [key for key in english if not theirs[key].strip()] == []
    assert {key: holes(theirs[key]) for key in english} == {key: holes(english[key]) for key in english}


#: Words that Chinese texts keep as they are: names of things, and what is typed.
KEPT = re.compile(
    r"\{\w+\}|https?://\S+|`[^`]*`|[\w.%/-]*[._=(][\w.=()\"',\[\] …-]*|--[\w-]+( [\w-]+)?|[A-Z][A-Za-z0-9-]*|%+\w+"
)


def test_chinese_is_not_half_english() -> None:
    """Names (115, OSS, CRC-64, cid ...) stay, sentences do not."""
    half = {
        key: text
        for key, text in catalogue("zh").items()
        if len(re.findall(r"[a-z]{2,}", KEPT.sub("", text))) > 2 and not key.startswith("language.")
    }
    assert half == {}


def said() -> Iterator[tuple[str, int, str | None, set[str] | None]]:
    """Every call of ``say``: file, line, its key where it is a plain text, the values it names."""
    for file in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "say":
                key = node.args[0].value if isinstance(node.args[0], ast.Constant) else None
                names = {k.arg for k in node.keywords if k.arg != "lang"}
                yield f"{file.relative_to(PACKAGE)}:{node.lineno}", node.lineno, key, None if None in names else names


def test_every_key_that_code_names_is_there_with_its_values() -> None:
    english = catalogue("en")
    for place, _, key, names in said():
        if key is not None:
            assert key in english, f"{place} says {key!r}, which no catalogue has"
            if names is not None:
                assert holes(english[key]) <= names, (
                    f"{place} gives {key!r} no value for {holes(english[key]) - names}"
                )


def test_no_text_is_left_that_nobody_says() -> None:
    everything = "\n".join(
        file.read_text() for file in PACKAGE.rglob("*") if file.suffix in (".py", ".js", ".html", ".ts")
    )
    unused = [key for key in catalogue("en") if not key.startswith(COMPOSED) and f'"{key}"' not in everything]
    assert unused == []


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


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("\x1b]0;owned\x07a.mkv", "\\x1b]0;owned\\x07a.mkv"),  # sets the title of the window
        ("a\x9b2Jb.mkv", "a\\x9b2Jb.mkv"),  # the one-byte form of ESC [
        ("a\nok  b.mkv", "a\\nok  b.mkv"),  # a line that nobody wrote
        ("photo\u202egnp.exe", "photo\\u202egnp.exe"),  # reads "photoexe.png"
        ("a\u2066b\u2069", "a\\u2066b\\u2069"),
        ("a\u200bb\ufeff", "a\\u200bb\\ufeff"),  # looks like "ab"
        ("broken-\udcff", "broken-\\udcff"),
        ("a\U000e0041", "a\\U000e0041"),
    ],
)
def test_what_acts_instead_of_being_seen_is_shown_as_an_escape(name: str, shown: str) -> None:
    """A name from a stranger's archive must not clear the screen, forge a line or hide its extension."""
    assert visible(name) == shown


@pytest.mark.parametrize(
    "name", ["电影 😀.mkv", "Ελληνικά", "עברית.txt", "é e\u0301", "👨\u200d👩\u200d👧.jpg", r"C:\new\x", "a\u3000b"]
)
def test_what_is_seen_stays_as_it_is(name: str) -> None:
    """Every script of the world is a file name, emoji of several people too."""
    assert visible(name) == name


@given(st.text())
def test_nothing_shown_acts(text: str) -> None:
    shown = visible(text)
    assert visible(shown) == shown
    assert not re.search("[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", shown)
    shown.encode()


def test_values_in_messages_are_short() -> None:
    """A table pasted into an error hides what the error says."""
    assert [brief(v) for v in ("2M", None, 3, b"x", {"a": 1}, ["a"] * 9999)] == [
        "'2M'",
        "None",
        "3",
        "b'x'",
        "dict",
        "list",
    ]
    assert len(brief("x" * 10_000)) == 80

"""The page's own files: the right language, and the texts it shows."""

from __future__ import annotations

import httpx
import pytest

from pan115kit.i18n import catalogue, languages
from pan115kit.server.routes.pages import page_language


@pytest.mark.parametrize(
    ("accept", "lang"),
    [("fr;q=0.9, zh-CN, en;q=0.8", "zh"), ("en-GB,zh;q=0.9", "en"), ("zh;q=0.2,en;q=0.7", "en"), ("zh;q=x", "zh")],
)
def test_the_page_speaks_the_browsers_language(accept: str, lang: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A browser that prefers French gets the best we have."""
    monkeypatch.delenv("PAN115_LANG", raising=False)
    assert page_language(accept) == lang


def test_a_set_language_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PAN115_LANG", "zh")
    assert page_language("en") == "zh"


@pytest.mark.parametrize("lang", languages())
def test_the_page_gets_the_one_catalogue(api: httpx.Client, lang: str) -> None:
    """Page and Python say the same words."""
    answer = api.get(f"static/locales/{lang}.json")
    assert answer.headers["content-type"].startswith("application/json")
    assert answer.json() == dict(catalogue(lang))


@pytest.mark.parametrize("lang", ["xx", "../en", "%2e%2e/en", "en.json"])
def test_no_other_file_is_a_language(api: httpx.Client, lang: str) -> None:
    assert api.get(f"static/locales/{lang}.json").status_code == 404

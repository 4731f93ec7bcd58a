"""The page's own files, read once from the package; nothing else of the disk can be asked for."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from importlib import resources

from fastapi import APIRouter, HTTPException, Request, Response

from ...i18n import catalogue, language, languages

# not from the system's tables: on Windows a registry entry can make a module "text/plain", which browsers refuse
_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".ts": "text/plain; charset=utf-8",
    ".svg": "image/svg+xml",
}


@dataclass(frozen=True, slots=True)
class Asset:
    """One file of the page."""

    content: bytes
    media_type: str
    etag: str

    def answer(self, request: Request) -> Response:
        """The file, or 304 where the browser has it."""
        headers = {"etag": self.etag, "cache-control": "no-cache"}
        if request.headers.get("if-none-match") == self.etag:
            return Response(status_code=304, headers=headers)
        return Response(self.content, media_type=self.media_type, headers=headers)


def load_assets() -> dict[str, Asset]:
    """File name -> file, of the package's ``web`` folder."""
    found = {}
    for file in resources.files("pan115kit").joinpath("web").iterdir():
        kind = os.path.splitext(file.name)[1]
        if file.is_file() and kind in _TYPES:
            found[file.name] = _asset(file.read_bytes(), _TYPES[kind])
    return found


def _asset(content: bytes, media_type: str) -> Asset:
    return Asset(content, media_type, f'"{hashlib.sha256(content).hexdigest()[:24]}"')


def page_language(accept: str) -> str:
    """``zh`` or ``en`` for a browser: ``PAN115_LANG`` if set, else what the browser prefers.

    Args:
        accept: ``Accept-Language``.
    """
    if os.environ.get("PAN115_LANG", "").strip():
        return language()
    ranked = []
    for place, choice in enumerate(accept.split(",")):
        tag, _, rest = choice.strip().partition(";")
        weight = rest.strip().removeprefix("q=")
        quality = float(weight) if weight.replace(".", "", 1).isdigit() else 1.0
        ranked.append((-quality, place, tag.lower().partition("-")[0]))
    return next((tag for _, _, tag in sorted(ranked) if tag in languages()), language())


def pages_router() -> APIRouter:
    """``/`` and ``/static/``."""
    router = APIRouter(include_in_schema=False)
    assets = load_assets()
    template = assets.pop("index.html").content.decode()
    pages = {
        lang: _asset(
            template.replace(
                'lang="en" data-languages="en"', f'lang="{lang}" data-languages="{" ".join(languages())}"', 1
            ).encode(),
            _TYPES[".html"],
        )
        for lang in languages()
    }
    texts = {lang: _asset(json.dumps(dict(catalogue(lang))).encode(), "application/json") for lang in languages()}

    @router.api_route("/", methods=["GET", "HEAD"])
    async def index(request: Request) -> Response:
        answer = pages[page_language(request.headers.get("accept-language", ""))].answer(request)
        answer.headers["vary"] = "Accept-Language"
        return answer

    @router.api_route("/static/{name}", methods=["GET", "HEAD"])
    async def static(request: Request, name: str) -> Response:
        if name not in assets:
            raise HTTPException(404)
        return assets[name].answer(request)

    @router.api_route("/static/locales/{lang}.json", methods=["GET", "HEAD"])
    async def locale(request: Request, lang: str) -> Response:
        if lang not in texts:
            raise HTTPException(404)
        return texts[lang].answer(request)

    @router.get("/favicon.ico")
    async def icon(request: Request) -> Response:
        return assets["icon.svg"].answer(request)

    return router

"""QR codes for terminals (text) and notebooks (SVG)."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import qrcode

# The quiet zone a scanner needs is 4 modules; 2 are enough in practice and fit a terminal of 80 columns.
_TERMINAL_BORDER = 2


def qr_text(data: str, *, dark_background: bool = True) -> str:
    """A QR code of half blocks, two modules per character cell.

    Args:
        data: What a scanner reads.
        dark_background: Whether the terminal writes light on dark.
    """
    code = _code(data, border=_TERMINAL_BORDER)
    text = io.StringIO()
    code.print_ascii(out=text, invert=dark_background)
    return text.getvalue().rstrip("\n")


def qr_svg(data: str) -> str:
    """A QR code as one SVG element, for a notebook or a page."""
    from qrcode.image.svg import SvgPathImage

    image = _code(data, border=4).make_image(image_factory=SvgPathImage)
    return str(image.to_string(encoding="unicode"))


def _code(data: str, *, border: int) -> qrcode.QRCode:
    import qrcode  # only a login shows one

    code = qrcode.QRCode(border=border)
    code.add_data(data)
    code.make(fit=True)
    return code

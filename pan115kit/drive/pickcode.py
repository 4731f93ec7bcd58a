"""The id inside a pick_code, without asking 115 (protocol.md §11.4).

initupload names an instantly uploaded file by its pick_code only; its id is written in there, in base 36 under one of
five substitutions.
"""

from __future__ import annotations

_BASE36 = "0123456789abcdefghijklmnopqrstuvwxyz"

#: By a file's first letter: where a plain character stands in the text is its cipher character's value.
_SUBSTITUTIONS = {
    "a": "fuln1ytpj3smg8d5a094qh7cxkbi62zvewro",
    "b": "sk721n9a0emlfpcrzbqdw3gjh6ty5xui48vo",
    "c": "ywcz3hite6f1j0guoakvdb2ns7p8qr9ml5x4",
    "d": "rq2vl5o7wsken9u8tp4jg3zbyc6xmhifd01a",
    "e": "ljm9eqbcfhw7ktv3x1dgp5ua8y6s4znr2io0",
}
_TO_PLAIN = {prefix: str.maketrans(_BASE36, plain) for prefix, plain in _SUBSTITUTIONS.items()}
_SUFFIX_SIZE = 4
_LONGEST = 32


def file_id_of(pick_code: str) -> str:
    """The decimal file id a file's pick_code carries, or ``""`` where the text is no file's pick_code."""
    table = _TO_PLAIN.get(pick_code[:1])
    middle, suffix = pick_code[1:-_SUFFIX_SIZE], pick_code[-_SUFFIX_SIZE:]
    if table is None or not middle or len(pick_code) > _LONGEST or not set(pick_code) <= set(_BASE36):
        return ""
    # The suffix's first plain character is always 0: it tells a pick_code from any other text.
    if suffix[0].translate(table) != "0":
        return ""
    return str(int(middle.translate(table), 36))

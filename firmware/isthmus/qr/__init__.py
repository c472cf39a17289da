"""QR codes (ISO/IEC 18004:2015, model 2), so that an invite can be scanned: from a terminal, from a web page.

    matrix = encode(text)                  rows of 0 (light) and 1 (dark), without the quiet zone
    way = choose(matrix, columns, lines, term, encoding)        how this terminal can show it; None: it is too small
    lines = render(matrix, way[0], way[1])      text for a terminal, quiet zone included
    text = to_svg(matrix)                  a picture for a web page

Pure: no clock, no terminal, no file. A code of an invite is as secret as the invite.
"""

from __future__ import annotations

from isthmus.qr.encoder import encode
from isthmus.qr.picture import ANSI, ASCII, HALF, PLAIN, TIGHT, choose, measure, render, to_svg
from isthmus.qr.sizes import QrError

__all__ = ["ANSI", "ASCII", "HALF", "PLAIN", "TIGHT", "QrError", "choose", "encode", "measure", "render", "to_svg"]

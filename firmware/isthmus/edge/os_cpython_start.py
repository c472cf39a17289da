"""What CPython needs not do while isthmusd is loaded."""

from __future__ import annotations

import gc


def begin_loading() -> None:
    """No garbage is looked for: loading makes none, and thousands of objects that stay would be looked at again and
    again.
    """
    gc.disable()


def end_loading() -> None:
    """From now on there may be garbage, but not among what is there already."""
    gc.freeze()
    gc.enable()

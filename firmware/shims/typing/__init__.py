"""The names of `typing` that may be met at run time on MicroPython.

Code of the portable subset imports types under `if TYPE_CHECKING:` only; this module is for libraries and tests
that do import a few names. Each is a placeholder that can be subscripted and called; none of them checks anything.
"""

TYPE_CHECKING = False


class _Hint:
    """Stands for any type: `List[int]`, `Callable[[int], str]` and so on give the same placeholder back."""

    def __getitem__(self, item):
        return self

    def __call__(self, *args, **kwargs):
        return self


Any = Callable = ClassVar = Dict = Final = Iterable = Iterator = List = Optional = Sequence = Tuple = Union = _Hint()


def cast(target, value):
    """The value itself: a cast is for the type checker."""
    return value


def final(item):
    """The decorated class or function itself."""
    return item


def no_type_check(item):
    """The decorated class or function itself."""
    return item

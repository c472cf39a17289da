"""What a section of the configuration may hold: its rows, and what each row needs to know of itself.

A default is written as in the file and read by the row's own type; None means that the value is found at run time, as
`automatic` says. `see` names the rows one should know too.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from isthmus.config.values import Type

OPTION = "option"
LIST = "list"
MAX_ITEMS = 64  # of one list; bounds the work, and a tunnel with more networks than this wants a shorter prefix


class OptionSpec:
    """One row. `name` in the file; `kind`: OPTION or LIST; `value_type`: reads one value; `help`: one line.

    most: values that a list may have; repeat: why none may stand there twice, or "" where that is only told.
    """

    def __init__(
        self,
        name: str,
        kind: str,
        value_type: Type,
        default: str | tuple[str, ...] | None,
        help_line: str,
        required: bool = False,
        automatic: str = "",
        see: tuple[str, ...] = (),
        most: int = MAX_ITEMS,
        repeat: str = "",
    ) -> None:
        self.name = name
        self.kind = kind
        self.type = value_type
        self.default = default
        self.help = help_line
        self.required = required
        self.automatic = automatic
        self.see = see
        self.most = most
        self.repeat = repeat

    @property
    def default_text(self) -> str:
        """The default as a person reads it."""
        if self.default is None:
            return self.automatic
        return ", ".join(self.default) if isinstance(self.default, tuple) else self.default

    def default_value(self) -> object:
        """The default as a value: None (for a list: []) if it is found at run time."""
        if self.kind == LIST:
            texts = self.default or ()
            return [self.type.parse(text) for text in texts]
        return None if self.default is None else self.type.parse(str(self.default))


class SectionSpec:
    """One section type. `named`: needs a name; `single`: at most one of this type.

    absent: (option, why there is none, what to do) of options that people look for and that do not exist on purpose.
    """

    def __init__(
        self,
        section_type: str,
        help_line: str,
        named: bool,
        single: bool,
        options: list[OptionSpec],
        absent: tuple[tuple[str, str, str], ...] = (),
    ) -> None:
        self.type = section_type
        self.help = help_line
        self.named = named
        self.single = single
        self.options = options
        self.absent = absent

    def get(self, name: str) -> OptionSpec | None:
        """The row of that name, or None."""
        for row in self.options:
            if row.name == name:
                return row
        return None

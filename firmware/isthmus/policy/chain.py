"""A chain of the guard's table, as a value, and the text that nft reads."""

from __future__ import annotations

INLINE = ""  # the name of what has no chain of its own


class Chain:
    """name: of the chain, or INLINE; rules: nft text, one each; kind: "filter", "nat" or "route".

    hook: where the kernel enters it, "" where another chain leads; priority: among everybody's chains at that hook, the
    lowest first. INLINE are rules for the guard's own chain at that hook: they may drop or jump, not accept or return.
    """

    def __init__(self, name: str, rules: list[str], hook: str = "", kind: str = "filter", priority: int = -300) -> None:
        self.name = name
        self.rules = rules
        self.hook = hook
        self.kind = kind
        self.priority = priority

    def lines(self) -> list[str]:
        """The chain as it stands inside `table inet isthmus { }`. What it does not decide it lets through.

        nft 1.0.6 wants the closing brace on a line of its own.
        """
        lines = ["\t\t" + rule for rule in self.rules]
        if self.name == INLINE:
            return lines
        if self.hook:
            head = "\t\ttype %s hook %s priority %d; policy accept;" % (self.kind, self.hook, self.priority)
            lines.insert(0, head)
        return ["\tchain %s {" % self.name] + lines + ["\t}"]

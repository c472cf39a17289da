"""A chain of the guard's table, as a value, and the text that nft reads."""

from __future__ import annotations


class Chain:
    """name: of the chain; rules: nft text, one each; hook: where the kernel enters it, "" where another chain leads.

    kind: "filter", "nat" or "route"; priority: among everybody's chains at that hook, the lowest first.
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
        lines = ["\tchain %s {" % self.name]
        if self.hook:
            lines.append("\t\ttype %s hook %s priority %d; policy accept;" % (self.kind, self.hook, self.priority))
        lines += ["\t\t" + rule for rule in self.rules]
        lines.append("\t}")
        return lines

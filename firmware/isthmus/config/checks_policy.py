"""The order in which the sections about traffic are checked: each by itself, then all of them together."""

from __future__ import annotations

from isthmus.config.checks_alias import ALIAS_CHECKS, check_aliases
from isthmus.config.checks_exception import EXCEPTION_CHECKS, check_together
from isthmus.config.checks_forced import RULE_CHECKS, check_numbers, check_way_in
from isthmus.config.checks_order import check_order
from isthmus.config.checks_overlap import OVERLAP_CHECKS
from isthmus.config.checks_passthrough import PASSTHROUGH_CHECKS, check_contradictions

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from isthmus.config.reader import Draft
    from isthmus.config.sections import Sections

# section type -> checks of one section
ONE_BY_ONE: tuple[tuple[str, tuple[Callable[[Draft, Sections], None], ...]], ...] = (
    ("forced", RULE_CHECKS),
    ("exception", EXCEPTION_CHECKS),
    ("passthrough", PASSTHROUGH_CHECKS),
    ("alias", ALIAS_CHECKS),
)
TOGETHER: tuple[Callable[[Sections], None], ...] = OVERLAP_CHECKS + (
    check_numbers,
    check_order,
    check_way_in,
    check_together,
    check_contradictions,
    check_aliases,
)


def check_policy(sections: Sections) -> None:
    """Complain to the drafts about everything that keeps their promises from being kept."""
    for section_type, row in ONE_BY_ONE:
        for draft in sections.of[section_type]:
            for check in row:
                check(draft, sections)
    for together in TOGETHER:
        together(sections)

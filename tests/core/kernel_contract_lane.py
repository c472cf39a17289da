"""The part of the kernel seam's contract that forced traffic needs: tables, rules, counters. See kernel_contract.py."""

from __future__ import annotations

from isthmus.kernel import objects as k
from isthmus.kernel.contract import EEXIST, EINVAL, ENODEV
from isthmus.policy.guard import REMOVE
from isthmus.policy.plan import plan
from isthmus.wire.addr import parse_ip, parse_prefix
from tests.core.kernel_contract_guard import GuardContract

TABLE, OTHER_TABLE = k.TABLE_FIRST + 1, k.TABLE_LAST
EVERYWHERE, EVERYWHERE_6 = parse_prefix("0.0.0.0/0"), parse_prefix("::/0")
HOP = parse_ip("fe80::2")
BACKSTOP = 0x69000000
MASK = 0xFF000000

COUNTED = """table inet isthmus
delete table inet isthmus
table inet isthmus {
\tcounter forced_cameras_blocked { }
\tcounter exception_ntp { }
\tchain isthmus_test {
\t\tcounter name "forced_cameras_blocked" drop
\t}
}
"""


def rule(family: int = k.AF_INET, table: int = TABLE, priority: int = 690, mark: int = 0x81000000) -> k.Rule:
    return k.Rule(family, priority, mark, MASK, table)


def backstop(everywhere=EVERYWHERE, table: int = TABLE) -> k.Route:
    return k.Route(everywhere, BACKSTOP, k.UNREACHABLE, table=table)


def lane(table: int = TABLE) -> list[k.KernelObject]:
    """A tunnel's table and the rules into it, deliberately in no good order."""
    return [
        rule(table=table),
        rule(k.AF_INET6, table=table),
        k.Route(EVERYWHERE, 115, oif="wan0", via=HOP, table=table),
        k.Route(EVERYWHERE_6, 115, oif="wan0", via=HOP, table=table),
        backstop(table=table),
        backstop(EVERYWHERE_6, table),
    ]


class LaneContract(GuardContract):
    """Tables of tunnels, the rules that lead there, and what is counted."""

    def test_routes_of_a_table_are_as_they_were_given(self) -> None:
        given = [item for item in lane() + lane(OTHER_TABLE) if item.kind == "route"]
        given += [k.Route(EVERYWHERE, BACKSTOP, k.UNREACHABLE), k.Route(EVERYWHERE_6, BACKSTOP, k.UNREACHABLE)]
        for item in given:
            self.kernel.add(item)
        listed = self.kernel.dump("route")
        self.assertEqual(len(listed), len(given), listed)
        for item in given:
            self.assertTrue(item in listed, (item, listed))
        self.refused(EEXIST, self.kernel.add, backstop())

    def test_a_route_is_replaced_and_removed_in_its_own_table(self) -> None:
        given = [backstop(), backstop(table=OTHER_TABLE), backstop(EVERYWHERE_6), backstop(EVERYWHERE_6, OTHER_TABLE)]
        for item in given:
            self.kernel.add(item)
        prohibit = k.Route(EVERYWHERE, BACKSTOP, k.PROHIBIT, table=TABLE)
        self.kernel.replace(prohibit)
        listed = self.kernel.dump("route")
        self.assertEqual(len(listed), 4)
        for item in [prohibit] + given[1:]:
            self.assertTrue(item in listed, (item, listed))
        for gone in (backstop(), backstop(EVERYWHERE_6, OTHER_TABLE)):
            for _ in range(2):
                self.kernel.remove(gone)
        listed = self.kernel.dump("route")
        self.assertEqual(len(listed), 2)
        self.assertTrue(given[1] in listed and given[2] in listed, listed)

    def test_a_route_of_a_table_needs_its_interface(self) -> None:
        self.refused(ENODEV, self.kernel.add, k.Route(EVERYWHERE, 115, oif="none0", via=HOP, table=TABLE))
        self.assertEqual(self.actual(), [])

    def test_rules_are_as_they_were_given(self) -> None:
        given = [rule(), rule(k.AF_INET6), rule(mark=0xFF000000, table=OTHER_TABLE), rule(priority=691)]
        for iif in ("br-lan", "x"):
            given += [k.Rule(family, 691, 0, MASK, TABLE, iif) for family in (k.AF_INET, k.AF_INET6)]
        for item in given:
            self.kernel.add(item)
        listed = self.kernel.dump("rule")
        self.assertEqual(len(listed), len(given), listed)
        for item in given:
            self.assertTrue(item in listed, (item, listed))
        self.assertEqual(self.refused(EEXIST, self.kernel.add, rule()).code, "kernel-eexist")
        self.refused(EINVAL, self.kernel.replace, rule())
        for _ in range(2):
            self.kernel.remove(rule())
        listed = self.kernel.dump("rule")
        self.assertEqual(len(listed), len(given) - 1)
        self.assertFalse(rule() in listed)
        self.kernel.add(rule())

    def test_no_rule_and_no_route_into_a_foreign_table(self) -> None:
        for table in (1, 253, 255, 690, 0x68FFFFFF, 0x69000080, 0xFFFFFFFF):
            self.refused(EINVAL, self.kernel.add, rule(table=table))
            self.refused(EINVAL, self.kernel.add, backstop(table=table))
            self.refused(EINVAL, self.kernel.replace, backstop(table=table))
        self.refused(EINVAL, self.kernel.add, rule(table=254))
        self.assertEqual(self.actual(), [])

    def test_a_rule_that_would_catch_more_than_its_mark_cannot_be_written(self) -> None:
        for mark, mask in ((0, 0), (0, MASK), (1, MASK), (0x81000000, 0x80000000)):
            with self.assertRaises(ValueError):
                k.Rule(k.AF_INET, 690, mark, mask, TABLE)
        with self.assertRaises(ValueError):
            k.Rule(k.AF_INET, 690, 0, 0, TABLE, "br-lan")
        with self.assertRaises(ValueError):
            k.Rule(7, 690, 0x81000000, MASK, TABLE)

    def test_no_rule_leads_into_a_table_without_an_end(self) -> None:
        steps = self.apply(lane())
        self.assertEqual([(verb, item.kind) for verb, item in steps], [("add", "route")] * 4 + [("add", "rule")] * 2)
        self.assertEqual(self.apply(lane()), [])
        another = self.make()
        found = [item for kind in ("route", "rule") for item in another.dump(kind)]
        another.close()
        self.assertEqual(plan(lane(), found), [])
        steps = self.apply(lane()[:2] + lane()[4:])  # the tunnel went down
        self.assertEqual([(verb, item.kind, item.type) for verb, item in steps], [("remove", "route", k.UNICAST)] * 2)
        steps = self.apply([])
        self.assertEqual(
            [(verb, item.kind) for verb, item in steps], [("remove", "rule")] * 2 + [("remove", "route")] * 2)

    def test_a_change_of_a_rule_is_told(self) -> None:
        for family in (k.AF_INET, k.AF_INET6):
            self.events()
            self.kernel.add(rule(family))
            self.told("rule")
            self.quiet()
            self.damage("rule")
            self.told("rule")
            self.assertEqual(self.kernel.dump("rule"), [])

    def test_counters_are_those_of_the_guard(self) -> None:
        self.assertEqual(self.kernel.counters(), {})
        self.kernel.guard_set(COUNTED)
        self.assertEqual(self.kernel.counters(), {"forced_cameras_blocked": (0, 0), "exception_ntp": (0, 0)})
        self.kernel.guard_set(COUNTED.replace("exception_ntp", "exception_dns"))
        self.assertEqual(self.kernel.counters(), {"forced_cameras_blocked": (0, 0), "exception_dns": (0, 0)})
        self.kernel.guard_set(REMOVE)
        self.assertEqual(self.kernel.counters(), {})

    def test_nobody_talks_here(self) -> None:
        self.assertEqual(self.kernel.flows(), [])
        self.assertEqual(self.kernel.neighbours(), [])

import pytest

from mediscan.errors import ConfigError
from mediscan.findings import FindingSet, natural_order

FINDINGS = FindingSet(("edema", "etiology:viral", "pneumonia", "etiology:bacterial", "side:left", "side:right"))


def test_the_order_of_names_is_the_order_of_positions():
    assert [FINDINGS.index(name) for name in FINDINGS] == [0, 1, 2, 3, 4, 5]
    assert len(FINDINGS) == 6


def test_groups_gather_their_members_even_where_others_stand_between():
    assert dict(FINDINGS.groups) == {"etiology": (1, 3), "side": (4, 5)}


def test_independent_findings_are_those_of_no_group():
    assert FINDINGS.independent == (0, 2)


def test_every_position_is_independent_or_in_exactly_one_group():
    grouped = [index for members in FINDINGS.groups.values() for index in members]
    assert sorted([*FINDINGS.independent, *grouped]) == list(range(len(FINDINGS)))


def test_members_are_the_whole_group_or_the_finding_alone():
    assert FINDINGS.members(3) == (1, 3)
    assert FINDINGS.members(2) == (2,)


def test_a_doubled_name_is_refused():
    with pytest.raises(ConfigError, match=r"finding 'edema' is named twice"):
        FindingSet(("edema", "pneumonia", "edema"))


def test_a_group_with_one_value_is_refused():
    with pytest.raises(ConfigError, match=r"class group 'side' has the single value 'side:left'.*two values"):
        FindingSet(("edema", "side:left"))


def test_an_unknown_finding_is_answered_with_the_known_ones():
    with pytest.raises(ConfigError, match=r"no finding 'effusion'.*edema, etiology:viral, pneumonia"):
        FINDINGS.index("effusion")


def test_sets_of_the_same_names_in_another_order_differ():
    assert FindingSet(("a", "b")) == FindingSet(("a", "b"))
    assert FindingSet(("a", "b")) != FindingSet(("b", "a"))


def test_natural_order_puts_single_findings_first_and_does_not_depend_on_the_order_given():
    names = list(FINDINGS)
    wanted = ("edema", "pneumonia", "etiology:bacterial", "etiology:viral", "side:left", "side:right")
    assert natural_order(names) == wanted
    assert natural_order(reversed(names)) == wanted

"""Groups of alternatives match what a plain alternation matches."""

import re

import pytest

from mediscan.deidentify.searching import has_digit, one_of

_WORDS = "sister son-in-law son step(?:son|mother) friend fianc[eé]e? neighbou?r a\\.k\\.a\\."
_GROUPED = re.compile(rf"\b{one_of(_WORDS)}", re.IGNORECASE)
_PLAIN = re.compile(rf"\b(?:{'|'.join(_WORDS.split())})", re.IGNORECASE)


@pytest.mark.parametrize(
    "text",
    ["his Son-in-law came", "SISTER", "a stepmother and a friend", "A.K.A. Jo", "fiancé, fiancee", "neighbour", "none"],
)
def test_grouped_alternatives_match_as_plain_ones_do(text):
    assert [match.group() for match in _GROUPED.finditer(text)] == [match.group() for match in _PLAIN.finditer(text)]


def test_of_two_alternatives_that_fit_the_first_wins():
    assert re.match(one_of("son son-in-law"), "son-in-law").group() == "son"
    assert re.match(one_of("son-in-law son"), "son-in-law").group() == "son-in-law"


@pytest.mark.parametrize("alternative", ["(?:a|b)c", "1st", "x?y", "x*"])
def test_an_alternative_without_a_sure_first_letter_is_refused(alternative):
    with pytest.raises(ValueError, match=re.escape(alternative)):
        one_of("wife", alternative)


def test_digits_of_any_script_count():
    assert has_digit("CT of ٣ May")
    assert not has_digit("CT of May")

import inspect
import pickle
import re
from pathlib import Path

import pytest

from mediscan import errors
from mediscan.errors import Code, MediscanError, NotDicomError, PixelDataError, SourceError

LEDGER_CODES = Path(__file__).resolve().parents[1] / "docs" / "ledger-codes.md"
KINDS = [
    kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, Exception)
]  # every class of the tree, so that a new one is tested without being named here


def documented() -> dict[str, list[str]]:
    """Code → the other cells of its row."""
    rows = {}
    for line in LEDGER_CODES.read_text(encoding="utf-8").splitlines():
        match = re.match(r"\| `(?P<code>[^`]+)` \|(?P<rest>.*)\|$", line)
        if match:
            assert match["code"] not in rows, f"{match['code']} stands twice"
            rows[match["code"]] = [cell.strip() for cell in match["rest"].split("|")]
    return rows


def test_a_message_says_what_is_wrong_and_then_what_to_do():
    error = SourceError("a.dcm is cut off", remedy="Send it again.")
    assert str(error) == "a.dcm is cut off. Send it again."


def test_a_full_stop_is_not_doubled():
    assert str(SourceError("a.dcm is cut off.", remedy="Send it again.")) == "a.dcm is cut off. Send it again."


def test_an_error_has_the_code_of_its_class_unless_told_another():
    assert NotDicomError("x", remedy="y").code is Code.NOT_DICOM
    assert PixelDataError("x", remedy="y").code is Code.PIXEL_DATA
    assert SourceError("x", remedy="y", code=Code.FILE_NOT_FOUND).code is Code.FILE_NOT_FOUND
    assert MediscanError("x", remedy="y").code is Code.INTERNAL


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_error_comes_through_pickle_with_its_code_and_remedy(kind):
    error = kind("image 3 is cut off", remedy="Send it again.", code=Code.HASH_MISMATCH)
    copy = pickle.loads(pickle.dumps(error))  # noqa: S301  (our own bytes)
    assert type(copy) is kind
    assert (copy.what, copy.remedy, copy.code) == ("image 3 is cut off", "Send it again.", Code.HASH_MISMATCH)
    assert str(copy) == str(error)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_error_can_be_caught_as_a_mediscan_error(kind):
    with pytest.raises(MediscanError, match=r"^it is wrong\. Mend it\.$"):
        raise kind("it is wrong", remedy="Mend it.")


def test_a_remedy_cannot_be_forgotten():
    with pytest.raises(TypeError, match="remedy"):
        SourceError("x")


def test_the_default_code_of_an_input_error_is_a_refusal():
    assert not any(kind.default_code.is_flag for kind in KINDS)


def test_the_page_of_ledger_codes_lists_exactly_the_codes_there_are():
    assert list(documented()) == [str(code) for code in Code]


def test_the_page_of_ledger_codes_says_which_codes_refuse():
    kinds = {code: cells[0] for code, cells in documented().items()}
    assert kinds.pop("ok") == "none"
    assert kinds == {str(code): "flag" if code.is_flag else "refusal" for code in Code if code is not Code.OK}


def test_the_page_of_ledger_codes_gives_every_code_a_meaning_and_a_remedy():
    for code, (_, meaning, remedy) in documented().items():
        assert len(meaning) > 20, code
        assert remedy.endswith("."), code

import pytest
import torch
from align_builders import bright_corner_studies, small_config

from mediscan.align.batches import batch_count, pair_batches
from mediscan.align.pairs import Pairs, read_pairs, reading, same_notes
from mediscan.align.statements import split_statements
from mediscan.config import NoteCutoff
from mediscan.data.examples import ExampleReader
from mediscan.model.text import load_tokenizer
from mediscan.progress import silent
from mediscan.study import NoteSection, Study


@pytest.fixture(scope="module")
def config(tiny_text_encoder):
    return small_config(tiny_text_encoder)


@pytest.fixture(scope="module")
def tokenizer(tiny_text_encoder):
    return load_tokenizer(tiny_text_encoder, window=64, most=64)


@pytest.fixture
def read(config, tokenizer):
    def call(studies) -> Pairs:
        with ExampleReader(reading(config)) as reader:
            return read_pairs(studies, reader=reader, tokenizer=tokenizer, progress=silent, stage="read")

    return call


def test_studies_that_lack_a_side_take_no_part(read, make_study):
    no_image = Study(study_id="N", patient_id="N", note=(NoteSection(name="findings", text="clear lungs"),))
    with_both = make_study("B", note=None)
    with_both = Study(**{**vars(with_both), "note": no_image.note})
    pairs = read([no_image, make_study("I", note=None), with_both])
    assert [example.study.study_id for example in pairs.examples] == ["B"]
    assert pairs.one_sided == 2
    assert not pairs.refused


def test_reports_are_read_whenever_they_were_written(config):
    assert reading(config).note_cutoff is NoteCutoff.NONE
    assert reading(config).note_sections == ("findings",)


def test_same_notes_are_found_whatever_their_spaces():
    expected = torch.tensor([[1, 0, 1], [0, 1, 0], [1, 0, 1]], dtype=torch.bool)
    assert torch.equal(same_notes(["no  effusion\n", "effusion", "no effusion"]), expected)


def test_a_note_without_a_statement_is_a_missing_side(read, make_study):
    note = (NoteSection(name="findings", text="\u200b"),)  # a space without width, of which no token is left
    pairs = read([Study(**{**vars(make_study("E", note=None)), "note": note})])
    assert len(pairs) == 0
    assert pairs.one_sided == 1


def test_batches_repeat_for_a_seed_and_never_leave_out_a_whole_statement(read, config, tmp_path):
    pairs = read(bright_corner_studies(tmp_path)[:30])
    first, again = (list(pair_batches(pairs, config, epoch=3)) for _ in range(2))
    other = list(pair_batches(pairs, config, epoch=4))
    assert [batch.rows for batch in first] == [batch.rows for batch in again]
    assert [batch.rows for batch in first] != [batch.rows for batch in other]
    for batch, same in zip(first, again, strict=True):
        assert torch.equal(batch.images, same.images)
        assert all(torch.equal(a, b) for a, b in zip(batch.shown, same.shown, strict=True))
        for shown, row in zip(batch.shown, batch.rows, strict=True):
            assert all(words.any() for words in split_statements(pairs.notes[row], shown))
    assert len(first[0].rows) == 24
    assert len(first) == batch_count(pairs, config) == 1  # a rest of six says little


def test_duplicates_of_a_batch_are_the_equal_notes(read, config, tmp_path):
    pairs = read(bright_corner_studies(tmp_path)[:40])
    (batch, *_) = pair_batches(pairs, config, epoch=0)
    texts = [pairs.examples[row].note.text for row in batch.rows]
    assert batch.duplicates.sum() > len(texts)
    for i, one in enumerate(texts):
        assert [one == other for other in texts] == batch.duplicates[i].tolist()

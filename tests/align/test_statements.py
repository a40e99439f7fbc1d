import pytest
import torch

from mediscan.align.statements import Statements, as_note, split_statements, tokenize_statements
from mediscan.data.notes import render_note
from mediscan.model.text import load_tokenizer
from mediscan.study import NoteSection, Study


@pytest.fixture(scope="module")
def tokenizer(tiny_text_encoder):
    return load_tokenizer(tiny_text_encoder, window=16, most=64)


def note_of(**sections):
    written = tuple(NoteSection(name=name, text=text) for name, text in sections.items())
    return render_note(Study(study_id="S", patient_id="P", note=written), list(sections))


def spoken(note, tokenized):
    return [[note.text[start:end] for start, end in offsets[1:-1]] for offsets in tokenized.offsets]


def test_each_statement_has_a_window_and_section_names_have_none(tokenizer):
    note = note_of(findings="Clear lungs. No effusion.", impression="Normal.")
    words = spoken(note, tokenize_statements(note, tokenizer))
    assert words[0] == ["Clear", "lungs", "."]
    assert words[1][0] == "No"
    assert words[1][-1] == "."
    assert len(words) == 3
    assert not {"findings", "impression", ":"} & {word for statement in words for word in statement}


def test_a_statement_in_a_note_reads_as_the_same_words_alone(tokenizer):
    within = tokenize_statements(note_of(findings="Clear lungs. No effusion."), tokenizer)
    alone = tokenizer("No effusion.")
    assert within.windows[1:] == alone.windows
    assert tokenize_statements(as_note("No effusion."), tokenizer).windows == alone.windows


def test_a_statement_longer_than_a_window_is_cut_and_loses_nothing(tokenizer):
    note = note_of(findings="effusion " * 30)
    tokenized = tokenize_statements(note, tokenizer)
    assert max(map(len, tokenized.windows)) == 16
    together = "".join(word for statement in spoken(note, tokenized) for word in statement)
    assert together == "effusion" * 30 or tokenized.truncated


def test_a_note_ends_where_the_allowed_tokens_end(tokenizer):
    tokenized = tokenize_statements(note_of(findings="Clear lungs. " * 60), tokenizer)
    assert tokenized.truncated
    assert sum(len(window) - 2 for window in tokenized.windows) <= 64


def test_a_blank_note_has_no_statement(tokenizer):
    assert len(tokenize_statements(as_note(" \n"), tokenizer)) == 0


def test_statements_are_split_and_stacked_with_their_notes(tokenizer):
    notes = [tokenize_statements(as_note(text), tokenizer) for text in ("Clear lungs. No effusion.", "Normal.")]
    features = [torch.randn(len(note), 8) for note in notes]
    parts = [split_statements(note, tokens) for note, tokens in zip(notes, features, strict=True)]
    stacked = Statements.stack(parts, width=8)
    assert stacked.note.tolist() == [0, 0, 1]
    assert torch.equal(stacked.features[stacked.mask], torch.cat(features))

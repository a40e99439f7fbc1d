import pytest
import torch

from mediscan.config import DataConfig, ModelConfig
from mediscan.data.examples import read_example
from mediscan.data.notes import render_note
from mediscan.explain.spans import note_spans
from mediscan.findings import FindingSet
from mediscan.model.inference import prepare
from mediscan.model.network import DiagnosisNetwork
from mediscan.model.text import build_text_encoder, load_tokenizer
from mediscan.study import NoteSection, Study

FINDINGS = FindingSet(("edema", "cause:a", "cause:b"))
DATA = DataConfig(image_size=32, max_note_tokens=300)
HISTORY = (
    "Fever of 38.5 since Monday. No cough; pain on the left side when breathing in, worse at night, better sitting."
)
EXAM = "Crackles on the left."


@pytest.fixture(scope="module")
def network(tiny_text_encoder):
    torch.manual_seed(0)
    config = ModelConfig(text_encoder=str(tiny_text_encoder), text_window=64, width=16, heads=2, fusion_layers=1)
    built = DiagnosisNetwork(config, findings=FINDINGS, text_encoder=build_text_encoder(config))
    with torch.no_grad():
        for parameter in (*built.fusion.head.parameters(), *built.text_projection.parameters()):
            parameter.mul_(3.0)
    return built.eval()


@pytest.fixture(scope="module")
def tokenizer(tiny_text_encoder):
    return load_tokenizer(tiny_text_encoder, window=64, most=DATA.max_note_tokens)


@pytest.fixture
def study(make_study):
    images = make_study(images=1).images
    note = (NoteSection(name="history", text=HISTORY), NoteSection(name="exam", text=EXAM))
    return Study(study_id="S1", patient_id="P1", images=images, note=note)


@torch.no_grad()
def batch_of(network, tokenizer, example, text):
    features = network.text_encoder.encode([tokenizer(text)], pad_id=tokenizer.pad_id)
    return prepare([example], features=features, width=network.text_encoder.width, config=DATA)


@torch.no_grad()
def log_odds_of(network, tokenizer, example, text, *, finding):
    """From the network's probabilities, so by another road than the code under test."""
    logits = network(batch_of(network, tokenizer, example, text)).logits[0].double()
    probability = torch.sigmoid(logits[0]) if finding == 0 else torch.softmax(logits[1:], dim=0)[finding - 1]
    return float(torch.log(probability / (1 - probability)))


def spans_of(network, tokenizer, study, *, finding=0):
    example = read_example(study, DATA)
    batch = batch_of(network, tokenizer, example, example.note.text)
    return example, note_spans(network, batch, example.note, tokenizer=tokenizer, finding=finding)


@pytest.mark.parametrize("finding", [0, 2])
def test_taking_a_span_out_of_the_note_lowers_the_log_odds_by_its_weight(network, tokenizer, study, finding):
    example, spans = spans_of(network, tokenizer, study, finding=finding)
    whole = log_odds_of(network, tokenizer, example, example.note.text, finding=finding)
    texts = {"history": HISTORY, "exam": EXAM}

    for span in spans:
        shortened = {**texts, span.section: texts[span.section][: span.start] + texts[span.section][span.end :]}
        text = f"history: {shortened['history']}\nexam: {shortened['exam']}\n"
        without = log_odds_of(network, tokenizer, example, text, finding=finding)
        assert whole - without == pytest.approx(span.weight, abs=1e-4)
    strongest = max(spans, key=lambda span: span.weight)
    assert strongest.weight > 1e-3


def test_spans_are_clauses_that_cover_the_sections(network, tokenizer, study):
    _, spans = spans_of(network, tokenizer, study)
    pieces = [({"history": HISTORY, "exam": EXAM}[span.section])[span.start : span.end] for span in spans]

    assert pieces == [
        "Fever of 38.5 since Monday.",
        "No cough;",
        "pain on the left side when breathing in,",
        "worse at night,",
        "better sitting.",
        "Crackles on the left.",
    ]


def test_sections_that_the_model_does_not_read_have_no_span(network, tokenizer, study):
    more = Study(
        study_id="S1",
        patient_id="P1",
        images=study.images,
        note=(*study.note, NoteSection(name="impression", text="Pneumonia of the left lower lobe.")),
    )
    _, spans = spans_of(network, tokenizer, study)

    assert spans_of(network, tokenizer, more)[1] == spans


def test_a_study_without_a_note_has_no_span(network, tokenizer, make_study):
    _, spans = spans_of(network, tokenizer, make_study(note=None))

    assert spans == ()


def test_a_note_of_many_clauses_is_weighed_as_one_of_few(network, tokenizer, make_study):
    note = " ".join(f"Complaint number {number} is new." for number in range(23))
    example, spans = spans_of(network, tokenizer, make_study(note=note))

    assert len(spans) == 23
    last = spans[-1]
    without = f"history: {note[: last.start]}\n"
    expected = log_odds_of(network, tokenizer, example, example.note.text, finding=0) - log_odds_of(
        network, tokenizer, example, without, finding=0
    )
    assert last.weight == pytest.approx(expected, abs=1e-4)


def test_a_note_is_rendered_with_its_sections_names(study):
    assert render_note(study, DATA.note_sections).text == f"history: {HISTORY}\nexam: {EXAM}\n"

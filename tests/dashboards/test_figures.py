import io
from datetime import UTC, datetime

import numpy as np
import pytest
from PIL import Image

from dashboards import figures, markup, words
from mediscan.diagnosis import Decision, NoteSpan
from mediscan.review.records import Reason, Review, ReviewDecision
from mediscan.review.scores import Prediction
from mediscan.sources.pixels import Pixels
from mediscan.study import ImageMeta, NoteSection

HOSTILE = '<img src=x onerror="alert(1)"> & <b>bold</b>'


@pytest.fixture
def grey():
    return np.linspace(0.0, 1.0, 12, dtype=np.float32).reshape(3, 4)


def opened(content):
    return np.asarray(Image.open(io.BytesIO(content)))


def test_without_heat_the_image_is_shown_as_it_is(grey):
    picture = figures.overlay(grey)
    assert picture.shape == (3, 4, 3)
    np.testing.assert_array_equal(picture[..., 0], np.rint(grey * 255))
    np.testing.assert_array_equal(picture[..., 0], picture[..., 2])


def test_heat_colours_only_the_pixels_that_have_it(grey):
    heat = np.zeros_like(grey)
    heat[1, 2] = 1.0
    changed = (figures.overlay(grey, heat, opacity=0.5) != figures.overlay(grey)).any(axis=-1)
    assert np.argwhere(changed).tolist() == [[1, 2]]


def test_no_opacity_is_no_overlay(grey):
    np.testing.assert_array_equal(figures.overlay(grey, np.ones_like(grey), opacity=0.0), figures.overlay(grey))


def test_more_heat_is_always_lighter():
    colours = figures.heat_colours(np.linspace(0, 1, 50, dtype=np.float32))
    luminance = colours @ np.array([0.2126, 0.7152, 0.0722])
    assert (np.diff(luminance) > 0).all()


def test_png_keeps_small_pictures_bit_for_bit(grey):
    picture = figures.overlay(grey)
    np.testing.assert_array_equal(opened(figures.png(picture)), picture)


def test_png_has_the_proportions_of_the_body(grey):
    assert opened(figures.png(figures.overlay(grey), spacing_mm=(2.0, 1.0))).shape == (6, 4, 3)


def test_png_of_a_large_picture_is_capped():
    picture = np.zeros((800, figures.MAX_SIDE * 2, 3), dtype=np.uint8)
    assert opened(figures.png(picture)).shape == (400, figures.MAX_SIDE, 3)


def test_ct_offers_the_readers_usual_windows():
    volume = Pixels(
        values=np.linspace(-1000, 1000, 64, dtype=np.float32).reshape(1, 8, 8), meta=ImageMeta(modality="CT")
    )
    offered = figures.presets(volume)
    assert list(offered) == ["File default", "Lung", "Bone", "Soft tissue"]
    assert (offered["Lung"].center, offered["Lung"].width) == (-600.0, 1500.0)


def test_every_preset_lies_within_the_limits_of_the_sliders():
    narrow = Pixels(values=np.linspace(0, 50, 64, dtype=np.float32).reshape(1, 8, 8), meta=ImageMeta(modality="CT"))
    low, high = figures.window_limits(narrow)
    assert all(low <= window.center <= high for window in figures.presets(narrow).values())


def test_high_contrast_is_narrower_than_the_files_window():
    values = np.random.default_rng(0).normal(100, 20, (1, 64, 64)).astype(np.float32)
    offered = figures.presets(Pixels(values=values))
    assert 0 < offered["High contrast"].width < offered["File default"].width


def test_note_marks_the_characters_of_a_span_and_no_others():
    spans = [
        NoteSpan(section="history", start=0, end=5, weight=0.8),
        NoteSpan(section="exam", start=0, end=2, weight=0.1),
    ]
    html = markup.note([NoteSection(name="history", text="Fever, no cough.")], spans)
    before, _, after = html.partition('<mark class="for"')
    assert ">Fever</mark>, no cough." in after
    assert "Fever" not in before


def test_note_tells_support_from_contradiction():
    spans = [NoteSpan(section="history", start=7, end=15, weight=-0.4)]
    html = markup.note([NoteSection(name="history", text="Fever, no cough.")], spans)
    assert 'class="against"' in html
    assert "against the finding, -0.40 log-odds" in html
    assert 'class="for"' not in html


def test_weak_spans_stay_unmarked():
    spans = [NoteSpan(section="n", start=0, end=2, weight=1.0), NoteSpan(section="n", start=4, end=6, weight=0.1)]
    html = markup.note([NoteSection(name="n", text="abcdefgh")], spans)
    assert html.count("<mark") == 1
    assert html.endswith("cdefgh</div>")


def test_overlapping_and_overlong_spans_keep_every_character_once():
    text = "abcdefgh"
    spans = [
        NoteSpan(section="n", start=0, end=6, weight=0.2),
        NoteSpan(section="n", start=4, end=99, weight=-0.9),
    ]
    html = markup.note([NoteSection(name="n", text=text)], spans)
    assert ">abcd</mark>" in html
    assert ">efgh</mark>" in html


def test_text_from_outside_is_never_html():
    review = Review(
        id=1,
        study_id="s",
        finding=HOSTILE,
        decision=ReviewDecision.REJECT,
        corrected_label=None,
        reason_code=Reason.OTHER,
        reason=HOSTILE,
        reviewer=HOSTILE,
        bundle_id=HOSTILE,
        probability=0.5,
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
    )
    pages = [
        markup.note([NoteSection(name=HOSTILE, text=HOSTILE)], [NoteSpan(section=HOSTILE, start=2, end=9, weight=1.0)]),
        markup.banner({HOSTILE: HOSTILE}),
        markup.marks([(HOSTILE, True)]),
        markup.history([review], bundle_id="another"),
        markup.shares({HOSTILE: 1.0}),
        markup.image("data:", alt=HOSTILE, zoom=1.0),
        markup.identity(HOSTILE, HOSTILE),
        markup.text(HOSTILE),
    ]
    for page in pages:
        assert "<img src=x" not in page
        assert "<b>bold" not in page
        assert 'onerror="' not in page


def test_a_finding_is_said_in_words_beside_its_number():
    answer = Prediction(
        finding="edema", probability=0.72, lower=0.6, upper=0.8, decision=Decision.POSITIVE, input_sha256=""
    )
    html = markup.finding(answer, threshold=0.4)
    assert ">likely</span>" in html
    assert ">72 %</span>" in html
    assert "95 % interval 60 % to 80 %, threshold 40 %" in html
    assert 'class="cut"' not in markup.finding(answer, threshold=None)


def test_a_positive_answer_below_one_half_is_not_called_likely():
    assert words.likelihood(Decision.POSITIVE, 0.23) == "suspected"
    assert words.likelihood(Decision.POSITIVE, 0.5) == "likely"
    assert words.likelihood(Decision.NEGATIVE, 0.49) == "unlikely"


@pytest.mark.parametrize(("value", "said"), [(0.0, "<1 %"), (0.004, "<1 %"), (0.5, "50 %"), (0.997, ">99 %")])
def test_no_probability_reads_as_certain(value, said):
    assert words.percent(value) == said


def test_labels_show_markdown_as_text():
    assert words.plain("**x** :red[y] `z`") == r"\*\*x\*\* \:red\[y\] \`z\`"


@pytest.mark.parametrize(
    ("shares", "said"),
    [
        ({"image": 1.2, "note": -0.4}, "The image speaks for it, the note speaks against it."),
        ({"image": 0.05, "note": 2.0}, "The note speaks for it, the image hardly changes it."),
        ({"image": 0.3, "note": 2.0}, "The note speaks for it, the image speaks for it a little."),
        ({}, "No modality was used."),
    ],
)
def test_shares_are_said_in_words(shares, said):
    assert words.shares(shares) == said


def test_every_value_of_the_program_has_words():
    for names in (words.DECISION, words.ATTENTION, words.REVIEW, words.REVIEW_DECISION, words.REASON):
        kind = type(next(iter(names)))
        assert set(names) == set(kind)

import os
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from dicom_builders import write_dicom
from PIL import Image

from mediscan.config import DataConfig, NoteCutoff
from mediscan.data.cache import CacheUse
from mediscan.data.examples import Example, ExampleReader, read_example
from mediscan.diagnosis import Refusal
from mediscan.errors import Code, IdentityMismatchError, SourceError
from mediscan.sources.reading import file_sha256
from mediscan.study import Availability, ImageMeta, ImageRef, NoteSection, Study

CONFIG = DataConfig(image_size=32, max_images=6)


def codes(example: Example) -> list[Code]:
    return [flag.code for flag in example.flags]


def rewritten(study: Study, text: str) -> Study:
    return replace(study, note=(NoteSection(name="history", text=text),))


def same(one: Example | Refusal, other: Example | Refusal) -> bool:
    """Equal in everything but the time it took."""
    if isinstance(one, Refusal) or isinstance(other, Refusal):
        return (
            isinstance(one, Refusal)
            and isinstance(other, Refusal)
            and replace(one, seconds=0) == replace(other, seconds=0)
        )
    return (
        (one.study, one.note, one.flags, one.input_sha256) == (other.study, other.note, other.flags, other.input_sha256)
        and [plane.image for plane in one.planes] == [plane.image for plane in other.planes]
        and np.array_equal(one.stack, other.stack)
    )


def test_a_study_is_read_with_both_modalities(make_study):
    example = read_example(make_study(images=2), CONFIG)
    assert example.availability is Availability.BOTH
    assert example.stack.shape == (2, 32, 32)
    assert example.stack.dtype == np.float16
    assert example.note.text == "history: fever and cough\n"
    assert example.flags == ()
    assert example.seconds > 0


def test_the_order_of_a_studys_images_does_not_matter(make_study):
    study = make_study(images=4)
    example = read_example(study, CONFIG)
    turned = read_example(replace(study, images=study.images[::-1]), CONFIG)
    np.testing.assert_array_equal(example.stack, turned.stack)
    assert example.input_sha256 == turned.input_sha256


def test_the_order_does_not_matter_where_images_are_left_out(make_study):
    study = make_study(images=5)
    config = CONFIG.model_copy(update={"max_images": 2})
    example, turned = (
        read_example(replace(study, images=order), config) for order in (study.images, study.images[::-1])
    )
    np.testing.assert_array_equal(example.stack, turned.stack)


def test_each_plane_names_the_image_it_comes_from_whatever_the_order(make_study):
    study = make_study(images=4)
    for order in (study.images, study.images[::-1]):
        example = read_example(replace(study, images=order), CONFIG)
        assert sorted(plane.image for plane in example.planes) == [0, 1, 2, 3]
        for plane in example.planes:
            alone = read_example(replace(study, images=(order[plane.image],)), CONFIG)
            np.testing.assert_array_equal(alone.stack[0], plane.fitted.values)


def test_the_names_of_files_do_not_matter(make_study, tmp_path):
    study = make_study(images=2)
    moved = []
    for number, ref in enumerate(study.images):
        path = tmp_path / f"moved-{number}.png"
        path.write_bytes(Path(ref.path).read_bytes())
        moved.append(ImageRef(path=str(path)))
    example, other = read_example(study, CONFIG), read_example(replace(study, images=tuple(moved)), CONFIG)
    np.testing.assert_array_equal(example.stack, other.stack)
    assert example.input_sha256 == other.input_sha256


def test_a_changed_note_changes_the_input_hash(make_study):
    study = make_study()
    before = read_example(study, CONFIG).input_sha256
    assert read_example(rewritten(study, "fever and cough."), CONFIG).input_sha256 != before
    assert read_example(rewritten(study, "fever and cough"), CONFIG).input_sha256 == before


def test_a_changed_image_changes_the_input_hash(make_study):
    study = make_study()
    before = read_example(study, CONFIG).input_sha256
    path = study.images[0].path
    with Image.open(path) as image:
        pixels = np.asarray(image).copy()
    pixels[0, 0] ^= 1
    Image.fromarray(pixels).save(path)
    assert read_example(study, CONFIG).input_sha256 != before


def test_a_lost_image_or_note_changes_the_input_hash(make_study):
    study = make_study(images=2)
    hashes = {
        read_example(variant, CONFIG).input_sha256
        for variant in (
            study,
            replace(study, images=study.images[:1]),
            replace(study, images=()),
            replace(study, note=()),
        )
    }
    assert len(hashes) == 4


def test_a_section_that_is_not_read_does_not_change_the_input_hash(make_study):
    study = make_study()
    more = replace(study, note=(*study.note, NoteSection(name="impression", text="Pneumonia.")))
    assert read_example(more, CONFIG).input_sha256 == read_example(study, CONFIG).input_sha256


def test_a_study_without_a_note_is_read_and_flagged(make_study):
    example = read_example(make_study(note=None), CONFIG)
    assert example.availability is Availability.IMAGE
    assert codes(example) == [Code.EMPTY_NOTE]


def test_a_note_of_sections_that_are_not_read_counts_as_none(make_study):
    study = replace(make_study(), note=(NoteSection(name="impression", text="Pneumonia."),))
    example = read_example(study, CONFIG)
    assert codes(example) == [Code.EMPTY_NOTE]
    assert all("Pneumonia" not in flag.message for flag in example.flags)


def test_a_study_without_an_image_is_read_and_flagged(make_study):
    example = read_example(make_study(images=0), CONFIG)
    assert example.availability is Availability.NOTE
    assert len(example.stack) == 0
    assert codes(example) == [Code.NO_IMAGE]


def test_a_study_with_too_many_images_is_thinned_and_flagged(make_study):
    example = read_example(make_study("S7", images=5), CONFIG.model_copy(update={"max_images": 3}))
    assert len(example.stack) == 3
    assert codes(example) == [Code.IMAGES_LEFT_OUT]
    assert "'S7' has 5 image planes, of which 3 were used" in example.flags[0].message


def test_exactly_as_many_images_as_allowed_are_all_used(make_study):
    example = read_example(make_study(images=3), CONFIG.model_copy(update={"max_images": 3}))
    assert len(example.stack) == 3
    assert example.flags == ()


def test_a_study_with_nothing_to_read_is_refused(make_study):
    study = replace(make_study("S9", images=0, note=None), note=(NoteSection(name="impression", text="Pneumonia."),))
    with pytest.raises(SourceError, match=r"'S9' has neither an image nor text .*indication, history") as raised:
        read_example(study, CONFIG)
    assert raised.value.code is Code.NO_INPUT
    assert "Pneumonia" not in str(raised.value)


def test_an_image_that_is_not_the_one_described_is_refused(make_study, make_png):
    study = make_study()
    meta = ImageMeta(sha256=file_sha256(make_png("other.png", seed=99)))
    with pytest.raises(SourceError, match="is not the file it was") as raised:
        read_example(replace(study, images=(replace(study.images[0], meta=meta),)), CONFIG)
    assert raised.value.code is Code.HASH_MISMATCH


@pytest.fixture
def mixed(make_study, tmp_path):
    """Studies of which some cannot be read, each for a reason of its own."""
    blank = tmp_path / "blank.png"
    Image.fromarray(np.full((40, 32), 7, dtype=np.uint8)).save(blank)
    cut = tmp_path / "cut.png"
    cut.write_bytes(Path(make_study("whole").images[0].path).read_bytes()[:500])
    text = tmp_path / "text.dcm"
    text.write_text("no image", encoding="utf-8")

    def of(study_id, path):
        return replace(make_study(study_id), images=(ImageRef(path=str(path)),))

    return [
        make_study("good-1"),
        of("gone", tmp_path / "gone.png"),
        of("blank", blank),
        make_study("good-2", images=2, seed=5),
        of("cut", cut),
        of("text", text),
        make_study("nothing", images=0, note=None),
        make_study("good-3", images=0),
    ]


WANTED = {
    "good-1": None,
    "gone": Code.FILE_NOT_FOUND,
    "blank": Code.CONSTANT_IMAGE,
    "good-2": None,
    "cut": Code.PIXEL_DATA,
    "text": Code.NOT_DICOM,
    "nothing": Code.NO_INPUT,
    "good-3": None,
}


def test_unreadable_studies_are_refused_with_their_code_and_the_others_are_read(mixed):
    with ExampleReader(CONFIG) as reader:
        entries = list(reader.read(mixed))
    found = {
        (entry.study_id if isinstance(entry, Refusal) else entry.study.study_id): (
            entry.code if isinstance(entry, Refusal) else None
        )
        for entry in entries
    }
    assert list(found.items()) == list(WANTED.items())
    refusals = [entry for entry in entries if isinstance(entry, Refusal)]
    assert all(refusal.message and refusal.seconds >= 0 for refusal in refusals)
    assert not any("fever" in refusal.message for refusal in refusals)


def test_one_unreadable_image_refuses_the_whole_study(make_study, tmp_path):
    # Answering from what is left would be an answer about another study.
    study = make_study(images=2)
    study = replace(study, images=(*study.images, ImageRef(path=str(tmp_path / "gone.png"))))
    with ExampleReader(CONFIG) as reader:
        (entry,) = reader.read([study])
    assert isinstance(entry, Refusal)
    assert entry.code is Code.FILE_NOT_FOUND


def test_worker_processes_give_what_this_process_gives(mixed):
    with ExampleReader(CONFIG) as here, ExampleReader(CONFIG, workers=2) as there:
        wanted, found = list(here.read(mixed)), list(there.read(mixed))
    assert len(wanted) == len(found) == len(mixed)
    assert all(same(one, other) for one, other in zip(wanted, found, strict=True))


def test_reading_is_lazy(make_study):
    # A manifest may be larger than memory: what is not asked for is not read.
    drawn = []

    def studies():
        for number in range(1000):
            drawn.append(number)
            yield make_study("S", images=0)

    with ExampleReader(CONFIG) as reader:
        next(iter(reader.read(studies())))
    assert len(drawn) < 200


def test_a_chunk_more_than_fits_in_flight_comes_back_whole_and_in_order(make_study):
    studies = [make_study(f"S{number}", images=0) for number in range(150)]
    with ExampleReader(CONFIG) as reader:
        assert [entry.study.study_id for entry in reader.read(studies)] == [study.study_id for study in studies]


def _read_or_die(study, config):
    """Stands for a decoder that takes its process down."""
    if study.study_id == "S3":
        os._exit(1)
    return read_example(study, config), CacheUse()


@pytest.mark.slow
def test_a_study_that_brings_its_process_down_is_refused_and_all_others_are_read(make_study):
    studies = [make_study(f"S{number}", seed=number * 10) for number in range(6)]
    with ExampleReader(DataConfig(image_size=32), workers=2) as reader:
        reader._read = partial(_read_or_die, config=DataConfig(image_size=32))
        first = list(reader.read(studies))
        second = list(reader.read(studies[:2]))

    assert [isinstance(entry, Refusal) for entry in first] == [False, False, False, True, False, False]
    assert first[3].code is Code.PIXEL_DATA
    assert "'S3' brings its decoder down" in first[3].message
    assert [entry.study.study_id for entry in second] == ["S0", "S1"]


def test_a_study_whose_note_and_image_are_of_different_patients_is_refused(tmp_path):
    stored = np.random.default_rng(0).integers(0, 4096, (16, 24), dtype=np.uint16)
    write_dicom(tmp_path / "a.dcm", stored, PatientSex="M")
    note = (NoteSection(name="history", text="75-year-old woman with cough."),)
    study = Study(study_id="S1", patient_id="P1", images=(ImageRef(path=str(tmp_path / "a.dcm")),), note=note)
    with pytest.raises(IdentityMismatchError, match="study 'S1': the note and an image state different sexes"):
        read_example(study, DataConfig(image_size=32))


def test_a_section_written_after_the_image_is_flagged(tmp_path):
    stored = np.random.default_rng(0).integers(0, 4096, (16, 24), dtype=np.uint16)
    write_dicom(tmp_path / "a.dcm", stored)
    moment = datetime(2024, 5, 31, 12)  # noqa: DTZ001 - headers state the wall time of the place
    image = ImageRef(path=str(tmp_path / "a.dcm"), meta=ImageMeta(acquired_at=moment))
    note = (NoteSection(name="history", text="Cough.", at=moment + timedelta(hours=1)),)
    study = Study(study_id="S1", patient_id="P1", images=(image,), note=note)
    config = DataConfig(image_size=32)
    assert [flag.code for flag in read_example(study, config).flags] == [Code.NOTE_AFTER_IMAGE, Code.EMPTY_NOTE]
    read = read_example(study, config.model_copy(update={"note_cutoff": NoteCutoff.NONE}))
    assert (read.note.text, read.flags) == ("history: Cough.\n", ())

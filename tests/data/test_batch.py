import numpy as np
import pytest
import torch

from mediscan.data.batch import StudyBatch, stack_images, stack_tokens
from mediscan.study import Availability

COUNTS = [2, 0, 3, 1]


def stacks(dtype=np.float16, size=8):
    rng = np.random.default_rng(0)
    return [rng.normal(size=(count, size, size)).astype(dtype) for count in COUNTS]


def tokens(width=5):
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(count, width, generator=generator) for count in COUNTS]


@pytest.fixture
def batch():
    images, image_mask = stack_images(stacks(), size=8)
    text, text_mask = stack_tokens(tokens(), width=5)
    return StudyBatch.of(images=images, image_mask=image_mask, text=text, text_mask=text_mask)


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_planes_come_back_where_the_mask_is_true_and_only_there(dtype):
    given = stacks(dtype)
    images, mask = stack_images(given, size=8)
    assert images.shape == (4, 3, 1, 8, 8)
    assert images.dtype == torch.float32
    assert mask.dtype == torch.bool
    assert mask.sum(dim=1).tolist() == COUNTS
    for row, stack in enumerate(given):
        np.testing.assert_array_equal(images[row][mask[row]][:, 0].numpy(), stack.astype(np.float32))
    assert not images[~mask].any()


def test_a_study_without_images_may_have_an_empty_stack_of_any_size():
    images, mask = stack_images([np.zeros((0, 0, 0), dtype=np.float16), stacks()[0]], size=8)
    assert mask.tolist() == [[False, False], [True, True]]
    assert images.shape == (2, 2, 1, 8, 8)


def test_studies_without_any_image_make_a_stack_of_none():
    images, mask = stack_images([np.zeros((0, 8, 8), dtype=np.float16)] * 3, size=8)
    assert images.shape == (3, 0, 1, 8, 8)
    assert mask.shape == (3, 0)


def test_tokens_come_back_where_the_mask_is_true_and_only_there():
    given = tokens()
    text, mask = stack_tokens(given, width=5)
    assert text.shape == (4, 3, 5)
    assert mask.sum(dim=1).tolist() == COUNTS
    for row, features in enumerate(given):
        torch.testing.assert_close(text[row][mask[row]], features)
    assert not text[~mask].any()


def test_half_precision_tokens_are_handed_on_in_full_precision():
    text, _ = stack_tokens([features.half() for features in tokens()], width=5)
    assert text.dtype == torch.float32


def test_studies_without_any_note_make_a_text_of_no_tokens():
    text, mask = stack_tokens([torch.zeros(0, 5)] * 2, width=5)
    assert text.shape == (2, 0, 5)
    assert mask.shape == (2, 0)


def test_no_studies_make_an_empty_batch():
    assert stack_images([], size=8)[0].shape == (0, 0, 1, 8, 8)
    assert stack_tokens([], width=5)[0].shape == (0, 0, 5)


def test_a_batch_is_as_long_as_its_studies(batch):
    assert len(batch) == 4


@pytest.mark.parametrize("availability", list(Availability))
def test_keep_leaves_only_the_modalities_of_the_pattern(batch, availability):
    kept = batch.keep(availability)
    torch.testing.assert_close(kept.image_mask, batch.image_mask if availability.image else torch.zeros(4, 3) > 0)
    torch.testing.assert_close(kept.text_mask, batch.text_mask if availability.note else torch.zeros(4, 3) > 0)


def test_keep_never_makes_up_what_a_study_lacks(batch):
    assert not batch.keep(Availability.BOTH).image_mask[1].any()


def test_drop_takes_a_modality_from_the_named_studies_only(batch):
    image, note = torch.tensor([True, False, False, True]), torch.tensor([False, False, True, True])
    dropped = batch.drop(image=image, note=note)
    assert dropped.image_mask.sum(dim=1).tolist() == [0, 0, 3, 0]
    assert dropped.text_mask.sum(dim=1).tolist() == [2, 0, 0, 0]


def test_keep_and_drop_leave_the_batch_they_were_asked_of_as_it_was(batch):
    images, text = batch.image_mask.clone(), batch.text_mask.clone()
    everything = torch.ones(4, dtype=torch.bool)
    batch.keep(Availability.NONE)
    batch.drop(image=everything, note=everything)
    assert torch.equal(batch.image_mask, images)
    assert torch.equal(batch.text_mask, text)

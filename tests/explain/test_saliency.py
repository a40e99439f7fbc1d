import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from mediscan.config import DataConfig, ModelConfig
from mediscan.data.examples import read_example
from mediscan.diagnosis import Heatmap
from mediscan.explain import saliency
from mediscan.explain.saliency import image_heatmaps
from mediscan.findings import FindingSet
from mediscan.model.fusion import Fusion
from mediscan.model.image import ImageEncoder
from mediscan.model.inference import prepare
from mediscan.model.network import DiagnosisNetwork
from mediscan.model.text import build_text_encoder
from mediscan.study import ImageRef, Study

SIZE = 64
DATA = DataConfig(image_size=SIZE)


def make_network(tiny_text_encoder, *, findings=("spot",)):
    torch.manual_seed(0)
    config = ModelConfig(
        text_encoder=str(tiny_text_encoder), text_window=64, width=32, heads=2, fusion_layers=1, dropout=0.0
    )
    return DiagnosisNetwork(config, findings=FindingSet(findings), text_encoder=build_text_encoder(config))


def draw(rng, *, spot):
    """A noisy square, and where its spot lies, if it has one: row and column of the centre."""
    pixels = rng.normal(90.0, 12.0, (SIZE, SIZE))
    row, column = (int(at) for at in rng.integers(8, SIZE - 8, 2))
    if spot:
        pixels[row - 6 : row + 6, column - 6 : column + 6] += 120.0
    return np.clip(pixels, 0, 255), (row, column)


class _Brightness(Fusion):
    """The logit is the mean of the image tokens' first channel, or that of one cell."""

    def __init__(self, *, cell):
        super().__init__()
        self.cell = cell

    def forward(self, streams):
        read = streams.image.mean(dim=1) if self.cell is None else streams.image[:, self.cell]
        return read[:, :1]


def make_finder(tiny_text_encoder, *, cell=None):
    """A network set by hand: the brighter the image (or one cell of its 8 × 8 grid), the likelier the finding."""
    network = make_network(tiny_text_encoder)
    network.image_encoder = ImageEncoder(nn.AvgPool2d(SIZE // 8), channels=1)
    network.image_projection = nn.Linear(1, 32, bias=False)
    network.fusion = _Brightness(cell=cell)
    with torch.no_grad():
        network.image_projection.weight.zero_()
        network.image_projection.weight[0, 0] = 1.0
    return network.eval()


@pytest.fixture(scope="module")
def finder(tiny_text_encoder):
    return make_finder(tiny_text_encoder)


def save(path, pixels):
    Image.fromarray(np.rint(pixels).astype(np.uint8)).save(path)
    return ImageRef(path=str(path))


def heatmaps_of(network, *images, finding=0):
    example = read_example(Study(study_id="S1", patient_id="P1", images=images), DATA)
    width = network.text_encoder.width
    batch = prepare([example], features=[torch.zeros(0, width)], width=width, config=DATA)
    return image_heatmaps(network, batch, example, finding=finding)


def test_heatmaps_have_their_sources_size_lie_within_0_and_1_and_reach_the_top(finder, tmp_path):
    rng = np.random.default_rng(1)
    wide = np.kron(draw(rng, spot=True)[0], np.ones((2, 3)))
    tall = np.vstack([draw(rng, spot=False)[0], draw(rng, spot=False)[0]])
    heatmaps = heatmaps_of(finder, save(tmp_path / "wide.png", wide), save(tmp_path / "tall.png", tall))

    sizes = {heatmap.image: heatmap.values.shape for heatmap in heatmaps}
    assert sizes == {0: (128, 192), 1: (128, 64)}
    for heatmap in heatmaps:
        assert heatmap.values.dtype == np.float32
        assert heatmap.values.min() >= 0
        assert heatmap.values.max() <= 1
    # Source pixels lie between the centres of the grid's cells, so the very top may fall between two of them.
    assert max(heatmap.values.max() for heatmap in heatmaps) > 0.85


@pytest.mark.parametrize("seed", range(5))
def test_the_peak_lies_on_the_spot_that_the_network_answers_from(finder, tmp_path, seed):
    pixels, (row, column) = draw(np.random.default_rng(100 + seed), spot=True)
    (heatmap,) = heatmaps_of(finder, save(tmp_path / "spot.png", pixels))

    # Half the spot and one cell of the grid.
    assert abs(heatmap.peak[0] - row) <= 6 + 8
    assert abs(heatmap.peak[1] - column) <= 6 + 8
    inside = heatmap.values[max(0, row - 16) : row + 16, max(0, column - 16) : column + 16].mean()
    assert inside > 2 * heatmap.values.mean()


@pytest.mark.parametrize(("row", "column"), [(0, 0), (5, 2), (7, 7)])
def test_only_the_cell_that_the_network_reads_is_marked(tiny_text_encoder, tmp_path, row, column):
    network = make_finder(tiny_text_encoder, cell=8 * row + column)
    pixels = np.random.default_rng(0).normal(90.0, 12.0, (SIZE, SIZE))
    pixels[8 * row : 8 * row + 8, 8 * column : 8 * column + 8] += 100.0
    (heatmap,) = heatmaps_of(network, save(tmp_path / "cell.png", pixels))

    assert (heatmap.peak[0] // 8, heatmap.peak[1] // 8) == (row, column)
    rows, columns = np.nonzero(heatmap.values)
    # Between the centres of cells the map falls off to 0, so it reaches half a cell into the neighbours.
    assert rows.min() >= 8 * row - 4
    assert rows.max() < 8 * row + 12
    assert columns.min() >= 8 * column - 4
    assert columns.max() < 8 * column + 12


@pytest.mark.parametrize("shape", [(120, 360), (360, 120)], ids=["wide", "tall"])
def test_the_peak_maps_back_to_the_source_of_an_image_that_is_not_square(finder, tmp_path, shape):
    pixels = np.random.default_rng(3).normal(90.0, 12.0, shape)
    top, left = (20, 270) if shape[1] > shape[0] else (270, 20)
    pixels[top : top + 60, left : left + 60] += 120.0
    (heatmap,) = heatmaps_of(finder, save(tmp_path / "image.png", np.clip(pixels, 0, 255)))

    assert heatmap.values.shape == shape
    # The strongest half lies around the middle of the spot, to within half a cell of 45 source pixels.
    rows, columns = np.nonzero(heatmap.values > 0.5)
    assert abs(rows.mean() - (top + 30)) < 22
    assert abs(columns.mean() - (left + 30)) < 22


def test_the_plane_with_the_spot_outshines_the_plane_without(finder, tmp_path):
    rng = np.random.default_rng(4)
    plain, spotted = draw(rng, spot=False)[0], draw(rng, spot=True)[0]
    heatmaps = heatmaps_of(finder, save(tmp_path / "plain.png", plain), save(tmp_path / "spot.png", spotted))
    strongest = {heatmap.image: heatmap.values.max() for heatmap in heatmaps}

    assert strongest[1] > 0.85
    assert strongest[0] < 0.7 * strongest[1]


def test_the_order_of_images_does_not_change_their_heatmaps(finder, tmp_path):
    rng = np.random.default_rng(5)
    refs = [save(tmp_path / f"{number}.png", draw(rng, spot=number == 1)[0]) for number in range(3)]
    there = {heatmap.image: heatmap.values for heatmap in heatmaps_of(finder, *refs)}
    back = {2 - heatmap.image: heatmap.values for heatmap in heatmaps_of(finder, *reversed(refs))}

    assert there.keys() == back.keys() == {0, 1, 2}
    for image, values in there.items():
        assert np.array_equal(values, back[image])


def test_a_study_without_images_has_no_heatmap(finder, make_study):
    example = read_example(make_study(images=0), DATA)
    width = finder.text_encoder.width
    batch = prepare([example], features=[torch.randn(4, width)], width=width, config=DATA)

    assert image_heatmaps(finder, batch, example, finding=0) == ()


def test_what_speaks_for_nothing_leaves_the_heatmap_empty(tiny_text_encoder, tmp_path):
    network = make_network(tiny_text_encoder).eval()
    with torch.no_grad():
        network.fusion.head.layers[-1].weight.zero_()
    (heatmap,) = heatmaps_of(network, save(tmp_path / "spot.png", draw(np.random.default_rng(0), spot=True)[0]))

    assert not heatmap.values.any()


def test_the_scale_is_that_of_the_pixels_that_can_be_seen(make_png, monkeypatch):
    # In a wide image the upper cells lie in the padding, and what they say must not dim the rest.
    path = make_png(height=24, width=64)
    study = Study(study_id="S", patient_id="P", images=(ImageRef(path=str(path)),))
    example = read_example(study, DataConfig(image_size=32))
    cells = np.zeros((1, 8, 8), dtype=np.float32)
    cells[0, 0, 0], cells[0, 4, 4] = 1.0, 0.2
    support = saliency._Support(planes=cells, volumes=np.zeros((0, 0, 0, 0), dtype=np.float32))
    monkeypatch.setattr(saliency, "_support", lambda *_, **__: support)

    (heatmap,) = image_heatmaps(None, None, example, finding=0)

    assert heatmap.values.max() == 1.0
    assert heatmap.values.shape == (24, 64)


def test_nothing_that_supports_has_no_peak():
    assert Heatmap(image=0, plane=0, values=np.zeros((4, 4), dtype=np.float32)).peak is None

from itertools import permutations

import numpy as np
import pytest
import torch

from mediscan.config import ModelConfig
from mediscan.data.batch import StudyBatch
from mediscan.explain.logodds import log_odds
from mediscan.explain.shares import modality_shares, shapley
from mediscan.findings import FindingSet
from mediscan.model.network import DiagnosisNetwork
from mediscan.model.text import build_text_encoder

FINDINGS = FindingSet(("edema", "cause:a", "cause:b", "cause:c"))


def random_game(players, *, seed):
    rng = np.random.default_rng(seed)
    worth = {}

    def value(coalition):
        return worth.setdefault(frozenset(coalition), float(rng.normal()))

    return value


def by_permutations(players, value):
    """Shapley's own definition: the mean of what a player adds over every order of arrival."""
    added = {player: [] for player in players}
    for order in permutations(players):
        present = frozenset()
        for player in order:
            added[player].append(value(present | {player}) - value(present))
            present |= {player}
    return {player: float(np.mean(values)) for player, values in added.items()}


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5])
def test_shapley_values_agree_with_every_order_of_arrival(count):
    players = ["image", "note", "age", "sex", "vitals"][:count]
    value = random_game(players, seed=count)

    assert shapley(players, value) == pytest.approx(by_permutations(players, value), abs=1e-12)


def test_shapley_values_sum_to_what_all_add_together():
    players = ["image", "note", "age"]
    value = random_game(players, seed=7)

    assert sum(shapley(players, value).values()) == pytest.approx(value(frozenset(players)) - value(frozenset()))


def test_a_player_that_adds_nothing_gets_nothing_and_equals_get_the_same():
    shares = shapley(["a", "b", "idle"], lambda coalition: float({"a", "b"} <= coalition))

    assert shares == pytest.approx({"a": 0.5, "b": 0.5, "idle": 0.0})


def test_without_players_there_are_no_shares():
    assert shapley([], lambda _: 3.0) == {}


@pytest.fixture(scope="module")
def network(tiny_text_encoder):
    torch.manual_seed(0)
    config = ModelConfig(text_encoder=str(tiny_text_encoder), text_window=64, width=16, heads=2, fusion_layers=1)
    built = DiagnosisNetwork(config, findings=FINDINGS, text_encoder=build_text_encoder(config))
    with torch.no_grad():
        for parameter in built.fusion.head.parameters():
            parameter.mul_(4.0)
    return built.eval()


def make_batch(*, images=2, tokens=7):
    generator = torch.Generator().manual_seed(0)
    return StudyBatch.of(
        images=torch.randn(1, images, 1, 32, 32, generator=generator),
        image_mask=torch.ones(1, images, dtype=torch.bool),
        text=torch.randn(1, tokens, 32, generator=generator),
        text_mask=torch.ones(1, tokens, dtype=torch.bool),
    )


@pytest.mark.parametrize("finding", range(len(FINDINGS)))
def test_shares_sum_to_the_logit_less_the_baseline(network, finding):
    batch = make_batch()
    weighed = modality_shares(network, batch, finding=finding)
    with torch.inference_mode():
        answer = float(log_odds(network(batch).logits, findings=FINDINGS, index=finding)[0])

    assert set(weighed.shares) == {"image", "note"}
    assert weighed.logit == pytest.approx(answer, abs=1e-5)
    assert sum(weighed.shares.values()) == pytest.approx(weighed.logit - weighed.baseline_logit, abs=1e-4)
    assert min(abs(share) for share in weighed.shares.values()) > 1e-4


def test_the_share_of_the_image_is_the_mean_of_what_it_adds_first_and_last(network):
    batch = make_batch()

    def answer(**there):
        images, tokens = there["image"], there["note"]
        kept = StudyBatch.of(
            images=batch.images,
            image_mask=batch.image_mask & images,
            text=batch.text,
            text_mask=batch.text_mask & tokens,
        )
        with torch.inference_mode():
            return float(network(kept).logits[0, 0])

    first = answer(image=True, note=False) - answer(image=False, note=False)
    last = answer(image=True, note=True) - answer(image=False, note=True)

    assert modality_shares(network, batch, finding=0).shares["image"] == pytest.approx((first + last) / 2, abs=1e-4)


@pytest.mark.parametrize(
    ("images", "tokens", "names"), [(2, 0, {"image"}), (0, 7, {"note"}), (0, 0, set())], ids=["image", "note", "none"]
)
def test_only_modalities_that_are_there_have_a_share(network, images, tokens, names):
    weighed = modality_shares(network, make_batch(images=images, tokens=tokens), finding=0)

    assert set(weighed.shares) == names
    assert sum(weighed.shares.values()) == pytest.approx(weighed.logit - weighed.baseline_logit, abs=1e-4)


def test_the_baseline_is_the_same_for_all_studies(network):
    one = modality_shares(network, make_batch(), finding=0).baseline_logit
    other = modality_shares(network, make_batch(images=1, tokens=3), finding=0).baseline_logit

    assert one == pytest.approx(other, abs=1e-5)


def test_log_odds_within_a_class_group_are_those_of_its_probability():
    logits = torch.tensor([[0.3, 1.0, -0.5, 2.0]])
    probability = torch.softmax(logits[0, 1:], dim=0)

    for place in range(3):
        expected = torch.log(probability[place] / (1 - probability[place]))
        assert float(log_odds(logits, findings=FINDINGS, index=1 + place)[0]) == pytest.approx(
            float(expected), abs=1e-5
        )
    assert log_odds(logits, findings=FINDINGS, index=0).tolist() == pytest.approx([0.3])

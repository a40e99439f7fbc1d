from types import SimpleNamespace

import pytest

from mediscan import demo as module
from mediscan.config import RunConfig
from mediscan.demo import run_demo
from mediscan.errors import ConfigError
from mediscan.model.bundle import Bundle


def test_a_folder_that_no_demo_made_is_refused_and_kept(tmp_path):
    (tmp_path / "mine.txt").write_text("keep", encoding="utf-8")

    with pytest.raises(ConfigError, match=r"is not empty, and no demo made it. Choose another --out"):
        run_demo(tmp_path, studies=200)

    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


@pytest.mark.slow
def test_the_demo_goes_all_the_way_and_replaces_what_an_earlier_one_left(tiny_text_encoder, tmp_path, monkeypatch):
    config = RunConfig.from_mapping(
        {
            "data": {"image_size": 32, "max_note_tokens": 64},
            "model": {
                "text_encoder": str(tiny_text_encoder),
                "text_window": 64,
                "width": 16,
                "heads": 2,
                "fusion_layers": 1,
            },
            "train": {"epochs": 1, "batch_size": 16, "workers": 0},
            "evaluate": {"bootstrap_draws": 20},
        }
    )
    # The demo runs with the defaults, which take minutes; what is tested here is the way, not what it learns.
    monkeypatch.setattr(module, "RunConfig", SimpleNamespace(load=lambda **_: config))
    out = tmp_path / "demo"
    out.mkdir()
    (out / "made-by-mediscan-demo").touch()
    (out / "scores").mkdir()
    (out / "scores" / "stale.txt").write_text("of an earlier demo", encoding="utf-8")
    (out / "reviews.sqlite").write_text("what a clinician decided", encoding="utf-8")

    result = run_demo(out, studies=200)

    assert not (out / "scores" / "stale.txt").exists()
    assert (out / "reviews.sqlite").read_text(encoding="utf-8") == "what a clinician decided"
    assert Bundle.load(out / "bundle").bundle_id
    assert (out / "evaluation" / "report.html").is_file()
    assert (out / "scores" / "predictions.parquet").is_file()
    assert result.explained == out / "explained" / "evidence.json"
    assert result.explained.is_file()
    assert (result.scored.scored, result.scored.refused) == (33, 0)
    assert result.metrics["n_studies"] == 33
    assert 0.5 < result.caps["image"] < 1
    assert 0.5 < result.caps["note"] < 1
    told = "\n".join(result.as_text)
    assert "scored 33 records, refused 0" in told
    assert str(out / "scores") in told
    assert result.as_dict["fusion_gain"] == result.metrics["fusion_gain"]

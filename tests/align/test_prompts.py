import pytest

from mediscan.align.prompts import Prompts, read_prompts
from mediscan.errors import ConfigError


def test_default_prompts_speak_the_findings_name():
    prompts = Prompts.of("etiology:bacterial_infection")
    assert all("bacterial infection" in text for text in (*prompts.positive, *prompts.negative))
    assert all("no " in text.lower() for text in prompts.negative)
    assert not any("no " in text.lower() for text in prompts.positive)


def test_prompts_are_read_by_finding(tmp_path):
    file = tmp_path / "prompts.toml"
    file.write_text('[edema]\npositive = ["haze"]\nnegative = ["clear"]\nnote_positive = ["heart failure"]\n')
    assert read_prompts(file) == {
        "edema": Prompts(positive=("haze",), negative=("clear",), note_positive=("heart failure",))
    }


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "name no finding"),
        ("[edema", "are not TOML"),
        ('[edema]\npositive = ["haze"]', "prompts of 'edema': negative: Field required"),
        ('[edema]\npositive = []\nnegative = ["clear"]', "positive: Tuple should have at least 1 item"),
        ('[edema]\npositive = ["haze"]\nnegative = ["clear"]\nmaybe = ["?"]', "maybe: Extra inputs"),
        ("edema = 3", "prompts of 'edema': it: Input should be"),
    ],
)
def test_wrong_prompts_are_refused_by_finding_and_key(tmp_path, content, message):
    file = tmp_path / "prompts.toml"
    file.write_text(content)
    with pytest.raises(ConfigError, match=message):
        read_prompts(file)


def test_a_file_that_is_not_there_is_told(tmp_path):
    with pytest.raises(ConfigError, match="cannot read prompts"):
        read_prompts(tmp_path / "none.toml")

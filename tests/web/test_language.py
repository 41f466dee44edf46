"""Which language a visitor reads."""

import pytest

from pilot.web.language import language_of


@pytest.mark.parametrize(
    ("picked", "accept", "language"),
    [
        ("zh", "en-US,en;q=0.9", "zh"),
        ("en", "zh-CN", "en"),
        ("", "zh-CN,zh;q=0.9,en;q=0.8", "zh"),
        ("", "ZH-TW", "zh"),
        ("", "fr-FR, en;q=0.5", "en"),
        ("", "de", "zh"),
        ("", "", "zh"),
        ("xx", "zho", "zh"),
        ("../..", "en", "en"),
    ],
)
def test_the_pick_wins_then_the_browser_then_the_owner(picked: str, accept: str, language: str) -> None:
    cookies = {"pilot_language": picked} if picked else {}
    assert language_of(cookies, accept, default="zh") == language

"""Numbers as people write them: digits with separators, and small ones as words, English or Chinese."""

import re

NUMBER = re.compile(r"-?\d+(\.\d+)?")
NUMBER_WORDS = {
    "zero": 0, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9,
    "ten": 10, "eleven": 11, "twelve": 12,
}  # fmt: skip
CHINESE_DIGITS = {sign: number for number, sign in enumerate("零一二三四五六七八九")} | {"两": 2}
CHINESE_NUMBER = re.compile(r"(?P<tens>[一二两三四五六七八九]?十)?(?P<ones>[零一二两三四五六七八九])?")


def number(text: str) -> int | float | None:
    """What this text says as a number, digits or a small number in words; None when it is none."""
    plain = text.replace(",", "").strip().lower()
    if plain in NUMBER_WORDS:
        return NUMBER_WORDS[plain]
    if NUMBER.fullmatch(plain):
        return float(plain) if "." in plain else int(plain)
    return _chinese(plain)


def _chinese(text: str) -> int | None:
    """Up to 99: 三, 十, 十二, 二十五."""
    found = CHINESE_NUMBER.fullmatch(text)
    if not text or not found:
        return None
    tens = CHINESE_DIGITS.get(found["tens"][0], 1) * 10 if found["tens"] else 0
    return tens + (CHINESE_DIGITS[found["ones"]] if found["ones"] else 0)

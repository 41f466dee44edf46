"""Text while it grows: tokens become whole characters, and stop strings end it wherever deltas happen to be cut."""

from collections.abc import Callable, Sequence

UNFINISHED = "\ufffd"  # what a decoder writes for bytes that are no character yet
LONGEST_CHARACTER = 4  # bytes of UTF-8, so at most this many tokens


class Detokeniser:
    """Token ids in, new text out, never half a character.

    Decodes only a short window again: from the start of the text before the last, since decoders drop a blank at
    the very start.
    """

    def __init__(self, decode: Callable[[list[int]], str]) -> None:
        self._decode = decode
        self._window: list[int] = []
        self._said = 0  # this many tokens of the window are in texts already given out

    def push(self, token: int) -> str:
        self._window.append(token)
        text = self._unsaid(len(self._window))
        if not text.endswith(UNFINISHED):
            return self._say(text, len(self._window))
        if len(self._window) - self._said < LONGEST_CHARACTER:
            return ""
        # no character is that long: the first token's bytes never become one
        return self._say(self._unsaid(self._said + 1), self._said + 1)

    def flush(self) -> str:
        """What is left at the end, unfinished characters included."""
        return self._say(self._unsaid(len(self._window)), len(self._window))

    def _unsaid(self, end: int) -> str:
        return self._decode(self._window[:end])[len(self._decode(self._window[: self._said])) :]

    def _say(self, text: str, end: int) -> str:
        if text:
            self._window, self._said = self._window[self._said :], end - self._said
        else:  # a special token: the text before it stays in the window
            self._said = end
        return text


class StopStrings:
    """Passes text on until one of `stops` appears; holds back what may be the beginning of one."""

    def __init__(self, stops: Sequence[str]) -> None:
        self._stops = tuple(stop for stop in stops if stop)
        self._held = ""
        self.stopped = False

    def push(self, text: str) -> str:
        """The text that is certain to come before any stop string."""
        if self.stopped:
            return ""
        text = self._held + text
        found = [(at + len(stop), at) for stop in self._stops if (at := text.find(stop)) >= 0]
        if found:  # the one that was whole first, however the text was cut
            self.stopped, self._held = True, ""
            return text[: min(found)[1]]
        keep = max((overlap(text, stop) for stop in self._stops), default=0)
        self._held = text[len(text) - keep :]
        return text[: len(text) - keep]

    def flush(self) -> str:
        """What was held back, once it is certain that no more comes."""
        held, self._held = self._held, ""
        return held


def overlap(text: str, stop: str) -> int:
    """The length of the longest end of `text` with which `stop` begins."""
    return next((size for size in range(min(len(stop) - 1, len(text)), 0, -1) if text.endswith(stop[:size])), 0)

"""Which language a visitor reads: what he picked, else his browser's, else the owner's default."""

from collections.abc import Mapping

from pilot.i18n import LANGUAGES, Language

COOKIE = "pilot_language"


def language_of(cookies: Mapping[str, str], accept: str, *, default: Language) -> Language:
    """`accept` is the Accept-Language header, in its own order: browsers send the favourite first."""
    picked = cookies.get(COOKIE, "")
    wanted = [picked, *(part.split(";")[0].strip().lower() for part in accept.split(","))]
    for name in wanted:
        for language in LANGUAGES:
            if name == language or name.startswith(f"{language}-"):
                return language
    return default

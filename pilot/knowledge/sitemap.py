"""The pages of a site map, and of the maps that it names: bounded, and of its own site alone."""

from collections.abc import Awaitable, Callable

import httpx
from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import ParseError, fromstring

from pilot.errors import DocumentUnreadable
from pilot.knowledge.readers.problems import unreadable
from pilot.knowledge.urls import Fetched, parsed

MOST_PAGES = 500
MOST_MAPS = 20
SITE = "{http://www.sitemaps.org/schemas/sitemap/0.9}"


async def pages(url: str, fetch: Callable[[str], Awaitable[Fetched]]) -> list[str]:
    """Addresses in the order of the map, MOST_PAGES at most. Raises DocumentUnreadable: refused, or no site map."""
    site = parsed(url)
    maps, seen = [url], 0
    found: dict[str, None] = {}
    while maps and seen < MOST_MAPS and len(found) < MOST_PAGES:
        kind, listed = _listed((await fetch(maps.pop(0))).data)
        seen += 1
        own = [each for each in listed if _is_of(site, each)]
        if kind == "sitemapindex":
            maps += own
        else:
            found |= dict.fromkeys(own)
    if not found:
        raise unreadable("sitemap_empty")
    return list(found)[:MOST_PAGES]


def _listed(data: bytes) -> tuple[str, list[str]]:
    try:
        root = fromstring(data)
    except (ParseError, DefusedXmlException, ValueError, LookupError) as error:
        raise unreadable("sitemap_invalid") from error
    kind = root.tag.removeprefix(SITE)
    if kind not in ("urlset", "sitemapindex"):
        raise unreadable("sitemap_invalid")
    return kind, [(place.text or "").strip() for place in root.iter(f"{SITE}loc")]


def _is_of(site: httpx.URL, text: str) -> bool:
    try:
        return parsed(text).host == site.host
    except DocumentUnreadable:
        return False

"""Fetch a document from the web, and never from a network of our own: every address is looked at before it is used.

A name is resolved once; each of its addresses must be public, and the connection goes to that very address. The same
holds at each redirect. httpx's parser reads the URL for the check and for the request.
"""

import asyncio
import ipaddress
import mimetypes
import re
import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePosixPath

import httpx

from pilot.knowledge.readers.problems import unreadable

SECONDS = 30.0  # for all of it
REDIRECTS = 5
LONGEST = 2_000  # characters of a URL
FORBIDDEN = re.compile(r"[\\\x00-\x20\x7f]")  # parsers disagree about where the host ends
HEADERS = {"Accept": "*/*", "Accept-Encoding": "identity", "User-Agent": "Pilot"}  # packed, a page could be a bomb

NAT64 = (ipaddress.IPv6Network("64:ff9b::/96"), ipaddress.IPv6Network("64:ff9b:1::/48"))
SPECIAL = ipaddress.IPv4Network("192.0.0.0/24")  # partly global, to Python

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclass(frozen=True)
class Fetched:
    name: str
    data: bytes


def is_public(text: str) -> bool:
    """Whether an address, and the IPv4 address that it may wrap, belongs to the public internet."""
    try:
        address: Address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return False
    return all(_is_public(each) for each in (address, *_wrapped(address)))


def _is_public(address: Address) -> bool:
    if isinstance(address, ipaddress.IPv6Address):
        if address.is_site_local or address.ipv4_mapped:
            return address.ipv4_mapped is not None  # judged by what it wraps
        if any(address in network for network in NAT64):
            return True  # so is this
    elif address in SPECIAL:
        return False
    return address.is_global and not address.is_multicast and not address.is_reserved


def _wrapped(address: Address) -> list[ipaddress.IPv4Address]:
    if isinstance(address, ipaddress.IPv4Address):
        return []
    found = [address.ipv4_mapped, address.sixtofour, *(address.teredo or ())]
    if any(address in network for network in NAT64):
        found.append(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
    return [each for each in found if each is not None]


async def fetch(url: str, *, most_bytes: int, permits: Callable[[str], bool] = is_public) -> Fetched:
    """Raises DocumentUnreadable: refused, out of reach, or too large."""
    try:
        async with (
            asyncio.timeout(SECONDS),
            httpx.AsyncClient(trust_env=False, follow_redirects=False, timeout=SECONDS) as client,
        ):
            return await _follow(client, parsed(url), most_bytes, permits)
    except (TimeoutError, httpx.TimeoutException):
        raise unreadable("url_slow") from None
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        raise unreadable("url_broken") from error


async def _follow(
    client: httpx.AsyncClient, url: httpx.URL, most_bytes: int, permits: Callable[[str], bool]
) -> Fetched:
    for _ in range(REDIRECTS + 1):
        address = await _address(url, permits)
        request = client.build_request(
            "GET",
            url.copy_with(host=address, fragment=None),
            headers=HEADERS | {"Host": url.netloc.decode("ascii")},
            extensions={"sni_hostname": url.raw_host.decode("ascii")},
        )
        response = await client.send(request, stream=True)
        try:
            if not response.has_redirect_location:
                return Fetched(_name(url, response), await _body(response, most_bytes))
            url = parsed(str(url.join(response.headers["location"])))
        finally:
            await response.aclose()
    raise unreadable("url_redirects")


def parsed(text: str) -> httpx.URL:
    """Raises DocumentUnreadable for what is no address that may be fetched."""
    if len(text) > LONGEST or FORBIDDEN.search(text):
        raise unreadable("url_invalid")
    try:
        url = httpx.URL(text)
    except (httpx.InvalidURL, ValueError):
        raise unreadable("url_invalid") from None
    if url.scheme not in ("http", "https") or not url.host or url.userinfo or (url.port or 0) > 65535:
        raise unreadable("url_invalid")
    return url


async def _address(url: httpx.URL, permits: Callable[[str], bool]) -> str:
    """The address to connect to. One that is not public condemns the name: the next answer could be that one."""
    port = url.port or (443 if url.scheme == "https" else 80)
    try:
        found = await asyncio.get_running_loop().getaddrinfo(url.host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise unreadable("url_no_host") from None
    addresses = [str(entry[4][0]) for entry in found]
    if not addresses or not all(permits(address) for address in addresses):
        raise unreadable("url_refused")
    return addresses[0]


async def _body(response: httpx.Response, most_bytes: int) -> bytes:
    if response.status_code != httpx.codes.OK:
        raise unreadable("url_status", status=response.status_code)
    if response.headers.get("content-encoding", "identity") != "identity":
        raise unreadable("url_broken")
    parts: list[bytes] = []
    size = 0
    async for part in response.aiter_raw():
        size += len(part)
        if size > most_bytes:
            raise unreadable("too_large", limit=most_bytes // 1_000_000)
        parts.append(part)
    return b"".join(parts)


def _name(url: httpx.URL, response: httpx.Response) -> str:
    """What to call it: the last part of the path, with the ending of its kind where it has none."""
    name = PurePosixPath(url.path).name or url.host
    if PurePosixPath(url.path).suffix:
        return name
    kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    return name + (mimetypes.guess_extension(kind) or "")

"""EML: a mail with its head, its text and the documents attached to it."""

from collections.abc import Iterator
from email import policy
from email.errors import MessageError
from email.message import EmailMessage
from email.parser import BytesParser
from functools import partial

from pilot.knowledge.document import Document, Page
from pilot.knowledge.readers.base import Container, Packed
from pilot.knowledge.readers.encoding import decode
from pilot.knowledge.readers.html import as_markdown
from pilot.knowledge.readers.nested import numbered, read_all
from pilot.knowledge.readers.problems import unreadable

HEAD = ("From", "To", "Cc", "Date", "Subject")
MOST_FILES = 100
BROKEN = (MessageError, LookupError, ValueError, AttributeError, TypeError, IndexError, RecursionError)


class EmlReader(Container):
    def read(self, data: bytes, name: str) -> Document:
        try:
            own = _page(_parsed(data))
        except BROKEN as error:
            raise unreadable("damaged") from error
        pages, left_out = read_all(self.files(data), without=("zip", "eml"))
        return Document(numbered([own, *pages]), left_out)

    def files(self, data: bytes) -> Iterator[Packed]:
        try:
            attached = list(_attached(_parsed(data)))[:MOST_FILES]
        except BROKEN as error:
            raise unreadable("damaged") from error
        for name, content in attached:
            yield name, partial(bytes, content)


def _parsed(data: bytes) -> EmailMessage:
    return BytesParser(_class=EmailMessage, policy=policy.default).parsebytes(data)


def _page(mail: EmailMessage) -> Page:
    head = [f"{field}: {' '.join(str(mail[field]).split())}" for field in HEAD if mail[field]]
    body = mail.get_body(("plain", "html"))
    if body is None:
        return Page("\n".join(head))
    raw = body.get_payload(decode=True) or b""
    data = raw if isinstance(raw, bytes) else b""
    if body.get_content_subtype() == "html":
        return Page("\n".join(head) + "\n\n" + as_markdown(data), markup="markdown")
    return Page("\n".join(head) + "\n\n" + _text(data, body.get_content_charset("")))


def _text(data: bytes, charset: str) -> str:
    try:
        return data.decode(charset).replace("\r\n", "\n")
    except (LookupError, UnicodeDecodeError):
        return decode(data)  # none stated, or wrongly


def _attached(mail: EmailMessage) -> Iterator[tuple[str, bytes]]:
    for part in mail.iter_attachments():
        content = part.get_payload(decode=True)
        if isinstance(content, bytes) and content:
            yield part.get_filename("attachment"), content

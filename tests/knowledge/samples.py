"""Small real files of several kinds, made on the spot."""

import io
import zipfile
from collections.abc import Mapping
from datetime import date
from email.message import EmailMessage
from typing import Any

import docx
import openpyxl
import pptx
from PIL import Image, ImageDraw, ImageFont
from pptx.util import Inches


def pdf(pages: list[str], *, outline: list[str] | None = None, locked: bool = False) -> bytes:
    """A PDF of Latin text, one string a page, lines by newline; `outline` gives each page a title."""
    objects = ["<< /Type /Catalog /Pages 2 0 R /Outlines 4 0 R >>", "", "<< /Type /Font /Subtype /Type1 /BaseFont "
               "/Helvetica >>", ""]  # fmt: skip
    kids = []
    for text in pages:
        drawn = " ".join(f"({line}) Tj 0 -14 Td" for line in text.split("\n"))
        stream = f"BT /F1 11 Tf 72 720 Td {drawn} ET"
        objects.append(f"<< /Length {len(stream)} >>\nstream\n{stream}\nendstream")
        objects.append(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents {len(objects)} 0 R "
            "/Resources << /Font << /F1 3 0 R >> >> >>"
        )
        kids.append(len(objects))
    objects[1] = f"<< /Type /Pages /Count {len(kids)} /Kids [{' '.join(f'{kid} 0 R' for kid in kids)}] >>"
    first = len(objects) + 1
    titles = outline or []
    for n, title in enumerate(titles):
        following = f"/Next {first + n + 1} 0 R" if n + 1 < len(titles) else ""
        objects.append(f"<< /Title ({title}) /Parent 4 0 R /Dest [{kids[n]} 0 R /Fit] {following} >>")
    ends = f"/First {first} 0 R /Last {len(objects)} 0 R" if titles else ""
    objects[3] = f"<< /Type /Outlines /Count {len(titles)} {ends} >>"
    return _assembled(objects, locked=locked)


def _assembled(objects: list[str], *, locked: bool) -> bytes:
    out = io.BytesIO()
    out.write(b"%PDF-1.4\n")
    offsets = []
    for number, content in enumerate(objects, 1):
        offsets.append(out.tell())
        out.write(f"{number} 0 obj\n{content}\nendobj\n".encode("latin-1"))
    table = out.tell()
    rows = "".join(f"{offset:010} 00000 n \n" for offset in offsets)
    # a lock whose check values fit no password: a reader must ask for one
    check = f"/V 1 /R 2 /P -4 /O <{'11' * 32}> /U <{'22' * 32}>"
    lock = f"/ID [<{'00' * 16}> <{'00' * 16}>] /Encrypt << /Filter /Standard {check} >>"
    out.write(f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n{rows}".encode())
    out.write(f"trailer\n<< /Size {len(objects) + 1} /Root 1 0 R {lock if locked else ''} >>\n".encode())
    out.write(f"startxref\n{table}\n%%EOF\n".encode())
    return out.getvalue()


def word() -> bytes:
    """Headings, a list, a table with merged cells and one inside a cell, in English and Chinese."""
    file = docx.Document()
    file.add_heading("Staff rules", 0)
    file.add_heading("Leave 休假", 1)
    file.add_paragraph("Every employee has 25 days. 每位员工有二十五天年假。")
    file.add_paragraph("apply in writing", style="List Bullet")
    table = file.add_table(rows=2, cols=3)
    for cell, text in zip(table.rows[0].cells, ("Grade", "Days", "Remark"), strict=True):
        cell.text = text
    table.cell(1, 0).merge(table.cell(1, 1)).text = "all grades"
    inner = table.cell(1, 2).add_table(rows=1, cols=1)
    inner.cell(0, 0).text = "nested note"
    file.add_heading("Travel", 2)
    file.add_paragraph("Flights need approval.")
    out = io.BytesIO()
    file.save(out)
    return out.getvalue()


def packed(entries: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return out.getvalue()


def slides() -> bytes:
    """One slide with a title, two points, a table, a text inside a group, and notes."""
    file = pptx.Presentation()
    slide = file.slides.add_slide(file.slide_layouts[1])
    slide.shapes.title.text = "Leave 休假"
    slide.placeholders[1].text_frame.text = "Every employee has 25 days."
    slide.placeholders[1].text_frame.add_paragraph().text = "Unused days expire."
    table = slide.shapes.add_table(2, 2, Inches(1), Inches(3), Inches(4), Inches(1)).table
    for cell, text in zip(table.iter_cells(), ("Grade", "Days", "A", "15"), strict=True):
        cell.text = text
    group = slide.shapes.add_group_shape()
    group.shapes.add_textbox(Inches(1), Inches(1), Inches(1), Inches(1)).text_frame.text = "grouped"
    slide.notes_slide.notes_text_frame.text = "Mention the works council."
    return _saved(file)


def workbook(*, empty: bool = False) -> bytes:
    """A sheet with a title above its table and a second table below it; a hidden sheet."""
    file = openpyxl.Workbook()
    sheet = file.active
    sheet.title = "Staff"
    hidden = file.create_sheet("Salaries")
    hidden.sheet_state = "hidden"
    if not empty:
        for row in (["Report 2026"], ["Name", "Entry", "Share"], ["张三", date(2020, 1, 15), 0.1 + 0.2], [],
                    ["Total", 1]):  # fmt: skip
            sheet.append(row)
        hidden.append(["secret"])
    return _saved(file)


def opendocument(*, locked: bool = False) -> bytes:
    names = " ".join(f'xmlns:{n}="urn:oasis:names:tc:opendocument:xmlns:{n}:1.0"' for n in ("office", "text", "table"))
    row = "<table:table-row>" + "<table:table-cell><text:p>{}</text:p></table:table-cell>" * 2 + "</table:table-row>"
    body = (
        '<text:h text:outline-level="2">Leave</text:h><text:p>Every<text:s/>employee has '
        "<text:span>25 days</text:span>."
        "<office:annotation><text:p>remark</text:p></office:annotation></text:p>"
        "<text:list><text:list-item><text:p>in writing</text:p></text:list-item></text:list>"
        f"<table:table>{row.format('Grade', 'Days')}{row.format('A', '15')}</table:table>"
    )
    content = f"<office:document-content {names}><office:body><office:text>{body}</office:text></office:body>"
    return packed({
        "mimetype": b"application/vnd.oasis.opendocument.text",
        "META-INF/manifest.xml": b"<m><encryption-data/></m>" if locked else b"<m/>",
        "content.xml": f"{content}</office:document-content>".encode(),
    })  # fmt: skip


def book(*, locked: bool = False) -> bytes:
    """Two chapters, listed in another order than they are read in."""
    container = (b'<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>'
                 b'<rootfile full-path="OPS/book.opf"/></rootfiles></container>')  # fmt: skip
    package = (b'<package xmlns="http://www.idpf.org/2007/opf"><manifest><item id="b" href="b%20two.xhtml"/>'
               b'<item id="a" href="a.xhtml"/></manifest><spine><itemref idref="a"/><itemref idref="b"/></spine>'
               b"</package>")  # fmt: skip
    page = "<html xmlns='http://www.w3.org/1999/xhtml'><head><title>t</title></head><body>{}</body></html>"
    inside = {
        "mimetype": b"application/epub+zip",
        "META-INF/container.xml": container,
        "OPS/book.opf": package,
        "OPS/b two.xhtml": page.format("<h1>Two</h1><p>Flights need approval.</p>").encode(),
        "OPS/a.xhtml": page.format("<h1>One</h1><p>Every employee has 25 days.</p>").encode(),
    }
    return packed(inside | ({"META-INF/encryption.xml": b"<x URI='OPS/a.xhtml'/>"} if locked else {}))


def mail(attached: Mapping[str, bytes] | None = None) -> bytes:
    """With a table and an archive, or other files, attached."""
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "Anna <a@example.com>", "b@example.com", "Urlaub 休假"
    message["Message-ID"] = "<1@example.com>"
    message.set_content("Every employee has 25 days.\n每位员工有二十五天。", charset="gb18030")
    if attached is None:
        message.add_attachment(b"name;age\nCharlie;7\n", maintype="text", subtype="csv", filename="staff.csv")
        message.add_attachment(packed({"x.txt": b"x"}), maintype="application", subtype="zip", filename="inner.zip")
    for name, content in (attached or {}).items():
        message.add_attachment(content, maintype="application", subtype="octet-stream", filename=name)
    return message.as_bytes()


def picture(text: str, kind: str = "PNG") -> bytes:
    image = Image.new("L", (1200, 160), 255)
    ImageDraw.Draw(image).text((40, 40), text, fill=0, font=ImageFont.load_default(48))
    return _saved(image, kind)


def words_across(text: str, left: int, size: int) -> dict[str, tuple[float, float]]:
    """Where each word of a `picture` begins and ends, in pixels from the left."""
    font = ImageFont.load_default(size)
    words = text.split()
    starts = [left + font.getlength(" ".join([*words[:n], ""])) for n in range(len(words))]
    return {word: (start, start + font.getlength(word)) for word, start in zip(words, starts, strict=True)}


def scan(text: str) -> bytes:
    """A PDF whose one page is a picture."""
    out = io.BytesIO()
    Image.open(io.BytesIO(picture(text))).save(out, "PDF", resolution=150)
    return out.getvalue()


def _saved(file: Any, *options: str) -> bytes:
    out = io.BytesIO()
    file.save(out, *options)
    return out.getvalue()

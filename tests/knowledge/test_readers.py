"""Every reader on a real file of its kind, and what cannot be read, each with its reason."""

import json
import threading
import zipfile
from pathlib import Path

import pytest

from pilot.errors import DocumentUnreadable
from pilot.i18n import LANGUAGES, Language, load
from pilot.knowledge import reading
from pilot.knowledge.document import Document, LeftOut
from pilot.knowledge.readers import child, nested, ocr, readers
from pilot.knowledge.readers.detect import detect
from pilot.knowledge.readers.encoding import decode
from pilot.knowledge.readers.pdf import unwrap
from pilot.knowledge.reading import read
from tests.knowledge import samples
from tests.knowledge.threads import watched

HTML = """<!doctype html><html><head><meta charset="gbk"><title>休假</title><style>p {color: red}</style></head>
<body><nav>Home</nav><form><script>alert(1)</script><main><h1>休假</h1><p>每人 <a href="http://x.invalid/">十五天</a>。</p>
<table><tr><th>Grade</th><th>Days</th></tr><tr><td>A_1</td><td>15</td></tr></table>
<p style="display:none">Unseen</p></main></form></body></html>"""
SAMPLES = {
    "csv": ("staff.csv", b"name;age\nMary;31\nCharlie;7\n", "name: Charlie; age: 7"),
    "docx": ("rules.docx", samples.word(), "Every employee has 25 days."),
    "eml": ("letter.eml", samples.mail(), "Every employee has 25 days.\n每位员工有二十五天。"),
    "epub": ("book.epub", samples.book(), "# One\n\nEvery employee has 25 days."),
    "html": ("page.html", HTML.encode("gbk"), "每人 十五天"),
    "jsonl": ("faq.jsonl", b'{"title": "Leave", "text": "25 days"}\n{"question": "Why?"}\n', "25 days"),
    "markdown": ("notes.md", b"---\nauthor: x\n---\nRules\n=====\nLeave\n", "# Rules"),
    "odt": ("rules.odt", samples.opendocument(), "## Leave\n\nEvery employee has 25 days.\n\n- in writing"),
    "pdf": ("rules.pdf", samples.pdf(["Every employee has 25 days."]), "Every employee has 25 days."),
    "picture": ("photograph.png", samples.picture("Every employee has 25 days."), "Every employee has 25 days."),
    "pptx": ("slides.pptx", samples.slides(), "# Leave 休假\n\n- Every employee has 25 days.\n- Unused days expire."),
    "text": ("notes.txt", "年假".encode("utf-16"), "年假"),
    "xlsx": ("staff.xlsx", samples.workbook(), "Report 2026\n- Name: 张三; Entry: 2020-01-15; Share: 0.3"),
    "zip": ("all.zip", samples.packed({"a/rules.docx": samples.word(), "b.txt": b"plain"}), "Flights need approval."),
}
LOCKED_OFFICE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(100) + "EncryptedPackage".encode("utf-16-le")
UNREADABLE = [
    ("empty.txt", b"", "empty"),
    ("blank.md", b" \n\t\n", "empty"),
    ("locked.pdf", samples.pdf(["secret"], locked=True), "locked"),
    ("cut.pdf", samples.pdf(["text"] * 9)[:400], "damaged"),
    ("head only.pdf", b"%PDF-1.7\n", "damaged"),
    ("scan.pdf", samples.pdf([""]), "no_text"),
    ("renamed.pdf", b"just text", "wrong_content"),
    ("renamed.docx", b"just text", "wrong_content"),
    ("cut.docx", samples.word()[:9000], "damaged"),
    ("other.docx", samples.packed({"word/x.txt": b"no document inside"}), "damaged"),
    ("locked.xlsx", LOCKED_OFFICE, "locked"),
    ("old.doc", LOCKED_OFFICE[:60], "legacy_office"),
    ("slides.pptx", samples.packed({"ppt/presentation.xml": b"<p/>"}), "damaged"),
    ("cut.pptx", samples.slides()[:9000], "damaged"),
    ("cut.xlsx", samples.workbook()[:3000], "damaged"),
    ("no sheets.xlsx", samples.packed({"[Content_Types].xml": b"<x/>", "xl/workbook.xml": b"<x/>"}), "damaged"),
    ("empty.xlsx", samples.workbook(empty=True), "no_text"),
    ("renamed.xlsx", b"a;b\n1;2", "wrong_content"),
    ("locked.odt", samples.opendocument(locked=True), "locked"),
    ("locked.epub", samples.book(locked=True), "locked"),
    ("renamed.zip", b"just text", "wrong_content"),
    ("empty.zip", samples.packed({}), "nothing_inside"),
    (
        "programs.zip",
        samples.packed({"a.exe": b"\x7fELF\x02\x01" + bytes(40), "b.zip": samples.packed({"x": b"x"})}),
        "nothing_inside",
    ),
    ("film.mp4", b"\x00\x00\x00\x18ftypmp42", "unknown_format"),
    ("bomb.docx", samples.packed({"word/document.xml": bytes(400_000_000)}), "too_much_inside"),
    ("broken.jsonl", b'{"text": "x"}\n{"text"', "wrong_content"),
]


async def read_bytes(tmp_path: Path, name: str, content: bytes, **limits: int | float) -> Document:
    file = tmp_path / "original"
    file.write_bytes(content)
    return await read(file, name, **limits)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", readers().names())
async def test_every_reader_reads_its_kind(kind: str, tmp_path: Path) -> None:
    if kind == "picture" and not ocr.program():
        pytest.skip("needs tesseract-ocr")
    name, content, phrase = SAMPLES[kind]
    assert detect(content, name, readers().names()) == kind
    document = await read_bytes(tmp_path, name, content)
    assert phrase in "\n".join(page.text for page in document.pages)


RULES = samples.pdf(["Every employee has 25 days."])


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [
        ("papers.zip", samples.packed({"rules.pdf": RULES, "b.txt": b"plain"}, zipfile.ZIP_STORED), "zip"),
        ("papers", samples.packed({"rules.pdf": RULES}, zipfile.ZIP_STORED), "zip"),
        ("about.md", b"A PDF begins with %PDF-1.7 and its version.", "markdown"),
        ("served.pdf", b"Content-Type: application/pdf\n\n" + RULES, "pdf"),
        ("blank.pdf", b"\r\n" + RULES, "pdf"),
    ],
)
def test_what_only_speaks_of_a_pdf_or_holds_one_is_none(name: str, content: bytes, kind: str) -> None:
    assert detect(content, name, readers().names()) == kind


@pytest.mark.parametrize(("name", "content", "problem"), UNREADABLE, ids=[case[0] for case in UNREADABLE])
async def test_what_cannot_be_read_says_why(name: str, content: bytes, problem: str, tmp_path: Path) -> None:
    with pytest.raises(DocumentUnreadable) as caught:
        await read_bytes(tmp_path, name, content)
    assert caught.value.details["problem"] == problem
    assert "{" not in caught.value.message + caught.value.remedy
    assert caught.value.remedy


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_problem_has_a_sentence_and_a_remedy(language: Language) -> None:
    said = {key: text for key, text in load(language).items() if key.startswith("reading.")}
    problems = {key.removeprefix("reading.problem.") for key in said if key.startswith("reading.problem.")}
    assert {key.removeprefix("reading.remedy.") for key in said if key.startswith("reading.remedy.")} == problems
    assert all(text.endswith((".", "。")) for text in said.values())


async def test_html_gives_the_article_alone(tmp_path: Path) -> None:
    text = (await read_bytes(tmp_path, "page", HTML.encode("gbk"))).pages[0].text
    assert "# 休假" in text
    assert "| A_1 | 15 |" in text
    for foreign in ("alert", "color", "Home", "x.invalid", "Unseen"):
        assert foreign not in text


async def test_a_word_file_keeps_order_headings_and_tables(tmp_path: Path) -> None:
    text = (await read_bytes(tmp_path, "rules.docx", samples.word())).pages[0].text
    parts = ["# Staff rules", "# Leave 休假", "- apply", "| Grade | Days | Remark |", "| all grades | nested note |",
             "## Travel"]  # fmt: skip
    assert [text.index(part) for part in parts] == sorted(text.index(part) for part in parts)


async def test_a_slide_has_its_tables_groups_and_notes(tmp_path: Path) -> None:
    [slide] = (await read_bytes(tmp_path, "slides.pptx", samples.slides())).pages
    parts = ["# Leave", "| Grade | Days |\n| --- | --- |\n| A | 15 |", "grouped", "works council"]
    assert [slide.text.index(part) for part in parts] == sorted(slide.text.index(part) for part in parts)
    assert slide.number == 1


async def test_a_hidden_sheet_is_no_source(tmp_path: Path) -> None:
    pages = (await read_bytes(tmp_path, "staff.xlsx", samples.workbook())).pages
    assert [page.text.split("\n")[0] for page in pages] == ["# Staff"]
    assert pages[0].text.endswith("Total; 1")


async def test_an_archive_names_its_files_and_what_it_leaves_out(tmp_path: Path) -> None:
    inside = {"a/rules.md": b"# Leave\n25 days", "locked.xlsx": LOCKED_OFFICE, "__MACOSX/._x": b"litter",
              "手册.txt": "年假".encode("gb18030"), "m.eml": samples.mail()}  # fmt: skip
    document = await read_bytes(tmp_path, "all.zip", samples.packed(inside))
    assert [(page.number, page.section) for page in document.pages] == [
        (1, "a/rules.md"), (2, "手册.txt"), (3, "m.eml"), (4, "m.eml > staff.csv")]  # fmt: skip
    assert document.left_out == (LeftOut("locked.xlsx", "locked", {}),)


async def test_a_mail_says_what_of_its_attachments_was_left_out(tmp_path: Path) -> None:
    document = await read_bytes(tmp_path, "letter", samples.mail())
    assert "Subject: Urlaub 休假" in document.pages[0].text
    assert "name: Charlie" in document.pages[1].text
    assert document.left_out == (LeftOut("inner.zip", "nested", {}),)


PICTURED = {"photograph.png": samples.picture("Every employee"), "scan.pdf": samples.scan("Every employee")}


@pytest.mark.parametrize("name", PICTURED)
def test_without_tesseract_a_picture_of_text_says_what_to_install(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ocr, "PLACES", "/nonexistent")
    with pytest.raises(DocumentUnreadable, match="only pictures") as caught:
        child.read(PICTURED[name], name)
    assert "tesseract-ocr" in caught.value.remedy


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "BMP", "GIF", "WEBP"])
def test_a_picture_is_known_by_its_content(kind: str) -> None:
    content = samples.picture("Every employee has 25 days.", kind)
    assert detect(content, f"photograph.{kind.lower()}", readers().names()) == "picture"
    assert detect(content, "photograph", readers().names()) == "picture"


@pytest.mark.skipif(not ocr.program(), reason="needs tesseract-ocr")
async def test_a_scan_is_recognised(tmp_path: Path) -> None:
    [page] = (await read_bytes(tmp_path, "scan.pdf", samples.scan("Every employee has 25 days."))).pages
    assert page.text == "Every employee has 25 days."


async def test_pdf_pages_carry_number_and_outline_title(tmp_path: Path) -> None:
    content = samples.pdf(["First page.", "Second page."], outline=["Introduction", "Leave"])
    document = await read_bytes(tmp_path, "rules.pdf", content)
    assert [(page.number, page.section) for page in document.pages] == [(1, "Introduction"), (2, "Leave")]


def test_lines_broken_by_typesetting_are_joined() -> None:
    wrapped = (
        "每位员工每年享有十五天年\n假。未休的年假在三月底作\n废。\n"
        "The quick brown fox jumps over\nthe lazy dog.\n- one\n- two"
    )
    assert unwrap(wrapped).split("\n") == [
        "每位员工每年享有十五天年假。未休的年假在三月底作废。",
        "The quick brown fox jumps over the lazy dog.",
        "- one",
        "- two",
    ]


ENCODINGS = json.loads(Path(__file__).with_name("encodings.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize(("text", "encoding"), [(text, e) for text, names in ENCODINGS.items() for e in names])
def test_the_encoding_of_a_text_is_found(text: str, encoding: str) -> None:
    assert decode(text.encode(encoding)) == text


async def test_memory_is_limited(tmp_path: Path) -> None:
    rows = b"name;remark\n" + b"Mary;some words here\n" * 600_000
    with pytest.raises(DocumentUnreadable, match="200 MB of memory"):
        await read_bytes(tmp_path, "large.csv", rows, megabytes=200)


async def test_time_is_limited(tmp_path: Path) -> None:
    with pytest.raises(DocumentUnreadable, match="longer than 1 second"):
        await read_bytes(tmp_path, "notes.txt", b"text", seconds=0.01)


async def test_a_reader_leaves_the_event_loop_free(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    threads = watched(monkeypatch, (reading, "_document"), (child, "read"), (nested, "read_any"))
    await read_bytes(tmp_path, "staff.csv", b"name;remark\nMary;some words here\n")
    assert threads.keys() == {"_document"}  # what reads is another process
    assert threading.get_ident() not in threads["_document"]


@pytest.mark.parametrize("kind", readers().names())
def test_every_format_is_documented(kind: str) -> None:
    page = Path(__file__).parents[2] / "docs" / "knowledge.md"
    assert f"| `{kind}` |" in page.read_text(encoding="utf-8")

"""Readers by format. Each runs in a child process (`pilot.knowledge.reading`); the webserver imports none of them."""

from pilot.knowledge.readers.base import Reader
from pilot.registry import Registry


def readers() -> Registry[Reader]:
    return Registry(
        "document format",
        {
            "csv": "pilot.knowledge.readers.csv:CsvReader",
            "docx": "pilot.knowledge.readers.docx:DocxReader",
            "eml": "pilot.knowledge.readers.eml:EmlReader",
            "epub": "pilot.knowledge.readers.epub:EpubReader",
            "html": "pilot.knowledge.readers.html:HtmlReader",
            "jsonl": "pilot.knowledge.readers.jsonl:JsonLinesReader",
            "markdown": "pilot.knowledge.readers.markdown:MarkdownReader",
            "odt": "pilot.knowledge.readers.odt:OdtReader",
            "pdf": "pilot.knowledge.readers.pdf:PdfReader",
            "picture": "pilot.knowledge.readers.picture:PictureReader",
            "pptx": "pilot.knowledge.readers.pptx:PptxReader",
            "text": "pilot.knowledge.readers.text:TextReader",
            "xlsx": "pilot.knowledge.readers.xlsx:XlsxReader",
            "zip": "pilot.knowledge.readers.archive:ZipReader",
        },
        group="pilot.readers",
    )

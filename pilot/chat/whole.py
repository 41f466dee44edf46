"""Whether a question wants all of a document summed up, and which: "Summarise handbook.pdf", but not "Summarise the
refund policy", which asks for a passage. English and Chinese.

A question is for all of it when it asks for a summary, and what it says besides names the document or could be said of
any. What is left otherwise is a topic, and a topic is looked for. "What does it cover?" after an answer means the
document that the answer cites.
"""

import re
import unicodedata
from collections.abc import Sequence

from pilot.chat.memory import document_cited
from pilot.knowledge.records import DocumentRecord
from pilot.store import Turn

LONGEST = 400  # characters; who writes more says what is wanted
WORD = re.compile(r"[\u3400-\u9fff]+|[^\W_\u3400-\u9fff]+")
END = re.compile(r"(?:[\W_]|\b(?:please|pls|thanks|thank you))+$")

SUMMING = re.compile(
    r"\b(?:summari[sz](?:e|ing)|sum(?:ming)? up|sum(?= (?:it|this|that|everything|(?:the|this|that) \w+) up\b))\b"
    r"|\b(?:recap|outline|condense)\b(?= (?:it|this|that|the|all|everything|my|our)\b)"
)
SUMMING_ZH = re.compile(
    r"[总總][结結]|概括|概述|归纳|小结|摘要|提炼|简述|综述|梳理|大意|主旨|概要|梗概|中心思想"
    r"|(?:主要|核心|大致|大概|基本)的?(?:内容|思想|观点|信息|意思)|内容(?=(?:是什么|有哪些|是啥|有什么)$)"
    r"|(?:要点|重点)(?=(?:是什么|有哪些|是啥|有什么)?$)"
    r"|简[要单略][的地]?介绍|[讲说写谈][述到]?[了的]?[是一]?些?(?:什么|啥)(?:内容|东西)?[啊呢呀]?$"
    r"|(?:关于|有关)(?:什么|啥)(?:内容)?的?(?:内容|文件|文档|文章|书|报告)?[啊呢呀]?$"
)
NOUN = (
    r"\b(?:summary|overview|synopsis|recap|gist|outline|tl;?dr"
    r"|(?:main|key|central|most important) (?:points?|ideas?|facts?|topics?|takeaways?|messages?|contents?))\b"
)
CALLED_FOR = re.compile(
    r"^(?!(?:do|does|did|is|are|was|who|where|when|why|how|which|must|should)\b)"
    r"(?:(?:.*?\b(?:give|write|make|show|provide|prepare|create|tell|need|want|like|have|get)"
    r"|what['’]s|what (?:is|are))\b.*?)?"
    rf"(?:\b(?:an?|the|short|brief|quick|concise|good|its)\b\W*)*{NOUN}"
)
ABOUT = re.compile(
    r"(?P<before>^.*?)\bwhat(?:(?:['’]s| is| are| does| do) (?P<asked>.+?)"
    r" (?:all |mainly |really |basically )?(?:about|say|cover|contain|deal with|talk about|describe|tell (?:me|us))"
    r"| (?P<told>.+?) (?:(?:is|are) (?:all |mainly |really |basically )?about"
    r"|says|covers|contains|deals with|describes))$"
)

NUMBER = r"(?:\d+|an?|one|two|three|four|five|six|seven|eight|nine|ten|a few|some)"
MANNER = re.compile(
    r"\b(?:in|into|to|with|within|using|as) (?:(?:about|around|at most|under|only|no more than|less than) )?"
    rf"(?:{NUMBER} )?(?:or {NUMBER} )?(?:(?:short|simple|brief|bulleted|bullet|plain|easy|single|your own|my own) )*"
    r"(?:words?|sentences?|lines?|paragraphs?|bullets?|points?|list|terms|language|short|brief"
    r"|english|chinese|mandarin|german|french|spanish|japanese|korean)\b"
    rf"|\b{NUMBER}[ -](?:words?|sentences?|lines?|paragraphs?|bullet points?|points?)\b"
    r"|\b(?:for|to) (?:me|us|him|her|them|everyone|beginners|(?:my|our|an?) [\w-]+)\b"
    r"|\bas \w+ as (?:possible|you can)\b|\bfrom (?:start|beginning) to (?:end|finish)\b"
    r"|(?:不超过|大约|约|控制在)?(?:\d+|[一二两三四五六七八九十百几]+)个?(?:字|句话?|要点|重点|点|段话?|条)(?:以内|左右|之内|内)?"
)  # how it is to be told
MANNER_ZH = re.compile(
    r"[中英]文|英语|汉语|大?白话|(?:简单|通俗)(?:易懂)?的(?:话|语言)|请问|麻烦|谢谢|帮忙|能不能|能否|可不可以|可[以否]|希望|[想需]要|我们|告诉"
    r"|是什么|有哪些|有什么|是啥|主要|核心|大致|大概|基本|全面|简[单要短洁略]|扼要|详细|快速|完整|清楚|一[下遍份篇个]|生成|提供|进行|关于|有关"
    r"|内容|信息|意思|[要重]点|里面|上面|这些|上传|刚[才刚]|全[文部]?|整[个份篇本]?|所有"
    r"|[请帮想要给为替让我你您做作写出来列看把将对就讲说谈是了的地得成个份篇这那该此本它其里中上吗呢吧啊用以在下些都]"
)
OF_ANY = frozenset({
    "a", "all", "an", "and", "attached", "complete", "entire", "everything", "full", "given", "in", "inside", "it",
    "its", "itself", "my", "of", "on", "our", "s", "that", "the", "these", "this", "those", "uploaded", "whole",
    "your", "for", "from", "about", "main", "key", "central", "most", "important", "point", "points", "idea", "ideas",
    "fact", "facts", "topic", "topics", "takeaway", "takeaways", "message", "messages", "content", "contents", "text",
    "here", "now", "just", "thing",
})  # fmt: skip
ASKING = frozenset({
    "are", "basically", "brief", "briefly", "can", "concise", "could", "create", "d", "detailed", "explain", "general",
    "get", "give", "good", "have", "hello", "help", "hey", "hi", "i", "is", "kindly", "know", "let", "like", "ll",
    "make", "me", "need", "ok", "okay", "only", "overall", "overview", "gist", "outline", "please", "pls", "prepare",
    "provide", "quick", "quickly", "recap", "roughly", "short", "shortly", "show", "simply", "so", "summary",
    "synopsis", "tell", "tl", "dr", "tldr", "to", "up", "us", "want", "what", "will", "with", "would", "write", "you",
})  # fmt: skip
KINDS = frozenset({
    "agreement", "article", "book", "brochure", "contract", "doc", "document", "documents", "docs", "email", "essay",
    "file", "files", "guide", "handbook", "letter", "mail", "manual", "memo", "minutes", "note", "notes", "paper",
    "pdf", "presentation", "report", "slides", "spreadsheet", "story", "study", "thesis", "upload", "whitepaper",
    "文件", "文档", "文章", "文本", "资料", "材料", "报告", "手册", "合同", "协议", "论文", "书", "故事", "邮件", "信",
    "演示文稿", "幻灯片", "表格", "课件", "说明书", "指南", "通知", "纪要", "笔记", "附件",
})  # what a document may be called without its name  # fmt: skip
SEVERAL = re.compile(
    r"\b(?:all(?= (?:of )?(?:the|these|those|them|my|our|\w+s)\b)|every\w*|each|both|these|those|they|them"
    r"|documents|docs|files|papers|reports)\b"
    r"|所有|全部|每|各|[这那]些|[它他]们"
)


def wanted(question: str, documents: Sequence[DocumentRecord], history: Sequence[Turn] = ()) -> DocumentRecord | None:
    """The document that a question wants summed up: the one it names, the one that the answer before cites, or the only
    one there is.
    """
    found = documents_meant(question, documents, history)
    return found[0] if len(found) == 1 else None


def documents_meant(
    question: str, documents: Sequence[DocumentRecord], history: Sequence[Turn] = ()
) -> list[DocumentRecord]:
    """The documents that a question may want summed up; none where it wants a passage, several where it does not say
    which.
    """
    ready = [record for record in documents if record.chunks]
    asked, named = _named(question, ready)
    left = _besides(asked)
    if left is None:
        return []
    fitting = _called(left, ready) if left and not named else []
    if named or (not fitting and not left <= KINDS):
        return named if left <= KINDS else []
    cited = document_cited(history[-1]) if history and not SEVERAL.search(asked) else ""
    return [record for record in fitting or ready if record.id == cited] or fitting or ready


def topic(question: str) -> str:
    """What is to be looked for: the question without its "summarise", where anything else is said."""
    if not _besides(_plain(question)):
        return question
    return SUMMING_ZH.sub(" ", re.sub(SUMMING.pattern, " ", question, flags=re.IGNORECASE)).strip() or question


def _plain(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).lower().split())


def _named(question: str, ready: Sequence[DocumentRecord]) -> tuple[str, list[DocumentRecord]]:
    """The question with "it" in the place of files' whole names, and the files."""
    asked = _plain(question)
    found: list[DocumentRecord] = []
    for record in sorted(ready, key=lambda each: -len(each.name)):  # "notes.md" stands in "release notes.md", too
        if (name := _plain(record.name)) in asked:
            asked = asked.replace(name, " it ")
            found.append(record)
    return " ".join(asked.split()), found


def _besides(asked: str) -> frozenset[str] | None:
    """The words that name a document or a topic; None where no summary is asked for."""
    if len(asked) > LONGEST:
        return None
    asked = END.sub("", MANNER.sub(" ", asked))
    if about := ABOUT.search(asked):
        return (_words(about["asked"] or about["told"]) - OF_ANY) | (_words(about["before"]) - OF_ANY - ASKING)
    without = SUMMING_ZH.sub(" ", SUMMING.sub(" ", asked))
    if without == asked and not CALLED_FOR.search(asked):
        return None
    return _words(without) - OF_ANY - ASKING


def _words(text: str) -> frozenset[str]:
    return frozenset(WORD.findall(MANNER_ZH.sub(" ", text)))


def _called(left: frozenset[str], ready: Sequence[DocumentRecord]) -> list[DocumentRecord]:
    """Those in whose name all of it stands, or of which it is the whole name without its ending."""
    names = {record.id: _words(SUMMING_ZH.sub(" ", _plain(record.name))) for record in ready}
    whole = [record for record in ready if names[record.id] - _words(_ending(record)) - OF_ANY - ASKING == left]
    return whole or [record for record in ready if all(_stands(word, names[record.id]) for word in left)]


def _ending(record: DocumentRecord) -> str:
    return _plain(record.name.rpartition(".")[2]) if "." in record.name else ""


def _stands(word: str, name: frozenset[str]) -> bool:
    """Chinese has no spaces between words."""
    return word in name or (not word.isascii() and any(word in run for run in name))

"""Take the SQL out of a model's reply. Pure. What it finds is no safer than the reply: the guard decides.

Models wrap statements in fences, thoughts and prose. Nothing is repaired here: two statements stay two, so that the
guard refuses them; a reply without SQL gives "".
"""

import re

THOUGHT = re.compile(
    r"<(think|thinking|reasoning)>.*?(?:</\1>|\Z)|\A.*?</(?:think|thinking|reasoning)>", re.DOTALL | re.IGNORECASE
)  # some templates open the thought themselves, so that the reply only closes it
FENCE = re.compile(r"```[ \t]*(\w*)[^\n]*\n(.*?)(?:```|\Z)", re.DOTALL)
FENCE_IN_LINE = re.compile(r"```(?:sql\b)?([^`\n]+)```", re.IGNORECASE)
QUERY = r"(?:SELECT\b|WITH\s+(?:RECURSIVE\s+)?[\w\"`\[\]]+\s*(?:\([^()]*\)\s*)?AS\b)"
LINE_START = re.compile(rf"^[ \t]*(?:\()*[ \t]*{QUERY}", re.MULTILINE | re.IGNORECASE)
AFTER_LABEL = re.compile(rf"(?<=[:：`])\s*\(*\s*{QUERY}", re.IGNORECASE)
UPPER = re.compile(rf"\(*\b{QUERY}")
STATEMENT = re.compile(
    r"(?:SELECT|WITH|VALUES|SHOW|DESCRIBE|DESC|EXPLAIN|PRAGMA|INSERT|UPDATE|DELETE|REPLACE|MERGE|CREATE|ALTER|DROP|"
    r"TRUNCATE|GRANT|REVOKE|ATTACH|DETACH|COPY|CALL|DO|SET|USE|BEGIN|COMMIT|VACUUM|LOAD|EXEC|EXECUTE)\b",
    re.IGNORECASE,
)
GOES_ON = re.compile(
    r"(?!\*\*|- |# )(?:(?:SELECT|FROM|WHERE|GROUP\s+BY|HAVING|ORDER\s+BY|LIMIT|OFFSET|FETCH|UNION|EXCEPT|INTERSECT|"
    r"NATURAL|LEFT|RIGHT|INNER|CROSS|FULL|JOIN|ON|AND|OR|WINDOW|WHEN|THEN|ELSE|END|AS|CASE|IN|USING)\b|--|/\*|"
    r"[(),;=<>+*/.|'\"`-])",
    re.IGNORECASE,
)
PROSE = re.compile(r"\w[^\n;=()]*[.:。：！!]\s*$")  # a line that ends as a sentence ends
PROSE_WORDS = 4
OPAQUE = re.compile(r"'(?:[^'\\]|\\.|'')*'|\"(?:[^\"]|\"\")*\"|`[^`]*`|--[^\n]*|/\*.*?\*/", re.DOTALL)


def statement(reply: str) -> str:
    """The SQL of a reply, without its last semicolon; "" when there is none."""
    text = THOUGHT.sub("", reply).strip()
    fenced = [inner for _, inner in FENCE.findall(text)] + FENCE_IN_LINE.findall(text)
    for inner in fenced:
        if STATEMENT.match(inner.strip()):
            return _first(inner.strip())
    if STATEMENT.match(text) and not _is_prose(text):
        return _first(text)
    start = LINE_START.search(text) or AFTER_LABEL.search(text) or UPPER.search(text)
    if start is None:
        return ""
    in_line = text[: start.start()].rstrip(" \t").endswith("`")
    found = text[start.start() :].strip()
    return _first(found.split("`")[0].strip() if in_line and found.count("`") % 2 else found)


def _first(text: str) -> str:
    """Up to the semicolon, or to where prose begins. What follows a semicolon stays if it is a statement, too."""
    bare = OPAQUE.sub(lambda found: "x" * len(found[0]), text)
    end = bare.find(";")
    if end >= 0 and not STATEMENT.match(bare[end + 1 :].strip()):
        text, bare = text[:end], bare[:end]
    found = text[: _prose_start(bare)].strip().rstrip(";；").strip()
    return found.rstrip("`").rstrip() if found.count("`") % 2 else found


def _prose_start(bare: str) -> int:
    """Where the statement is over and an explanation begins, at the start of a line; the end if nowhere."""
    for line in re.finditer(r"\n[ \t]*(?=\S)", bare):
        before, after = bare[: line.start()], bare[line.end() :]
        if before.count("(") != before.count(")") or GOES_ON.match(after):
            continue
        if before.endswith("\n") or before.rstrip(" \t").endswith("\n") or _is_prose(after.split("\n")[0]):
            return line.start()
    return len(bare)


def _is_prose(line: str) -> bool:
    """'With these tables it cannot be said.' begins like SQL, but is none."""
    return bool(PROSE.fullmatch(line)) and len(line.split()) >= PROSE_WORDS and "*" not in line

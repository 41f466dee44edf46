"""How people say common follow-ups, in English and Chinese: patterns over a question whose values are masked.

<v0> stands for a cell value, <n1> for a number, <t2> for a time; the number is that of the slot. The first pattern that
fits is taken. A new wording is a line here.
"""

import re
from typing import Literal

Change = Literal[
    "filter", "without", "during", "top", "first", "bottom", "everything", "sort", "reverse", "group", "share", "count",
    "compare", "show",
]  # fmt: skip

V, N, T = r"<v\d+>", r"<n(?P<n>\d+)>", r"<t(?P<t>\d+)>"
VALUES = rf"{V}(?:\s*(?:,|and|or|和|或|、)\s*{V})*"
THING = r"(?:\s+(?:ones?|only|rows?|people|things))?(?P<thing>\s+[a-z_]+)?"  # "paid orders"
WORDS = r"[a-z_][a-z_ ]*?"
CHINESE = r"[\u3400-\u9fff]+?"
HERE = r"(?=\s*(?:,|$|please\b|too\b|as well\b|instead\b|and\b))"  # where an English name ends
HERE_ZH = r"(?=\s*(?:呢|吗|吧|的|,|，|$))"
EACH_ZH = r"[个名条位家种项款元]?"

FALLING = (
    r"desc(?:ending)?|(?:highest|largest|biggest|most|newest|latest|most expensive) first|z to a"
    r"|from (?:high|large|new)\w* to (?:low|small|old)\w*|降序|从高到低|从大到小|从多到少|从新到旧|倒序"
)
RISING = (
    r"asc(?:ending)?|(?:lowest|smallest|fewest|oldest|cheapest|earliest) first|a to z|alphabetically"
    r"|from (?:low|small|old)\w* to (?:high|large|new)\w*|升序|从低到高|从小到大|从少到多|从旧到新|正序"
)
WAY = rf"(?P<way>{FALLING}|{RISING})"

OPERATORS = (
    (r"more than|over|above|greater than|exceeding|大于|超过|高于|多于", ">"),
    (r"at least|no less than|不少于|至少|不低于", ">="),
    (r"less than|fewer than|under|below|小于|低于|少于|不到|不足", "<"),
    (r"at most|no more than|up to|不超过|至多|最多", "<="),
    (r"exactly|equal to|等于", "="),
)
THAN = rf"(?P<than>{'|'.join(words for words, _ in OPERATORS)})"

UNITS = {
    "year": "year", "yearly": "year", "month": "month", "monthly": "month", "day": "day", "daily": "day",
    "年": "year", "年份": "year", "年度": "year", "月": "month", "月份": "month", "月度": "month",
    "天": "day", "日": "day", "日期": "day",
}  # fmt: skip

OPENING = re.compile(
    r"(?:and|but|also|additionally|now|then|ok|okay|so|please|can you|could you|i mean|rather|instead|actually|show|"
    r"list|give|me|it|them|those|these|make|again|same|what|how|about|only|just|all|do|that|this|is|the|results?|rows?|i|want)"
    r"\b\s*|(?:那么|那|再|也|还|请|帮我|麻烦|现在|然后|接着|另外|就|改成|换成|如果是|要是|把|只要|只看|仅看|只显示|仅显示|"
    r"仅|只|还有|以及|结果|它们|它|给我)\s*|[,，;；]\s*"
)  # what leads on and says nothing
ENDING = re.compile(r"\s*(?:呢|吗|吧|的|怎么样|如何|please|instead|only|too|as well|then|now)?\s*$")
SEPARATOR = re.compile(r"\s*(?:,|，|;|；|、|\band\b|\bthen\b|\bbut\b|并且|并|然后|再)\s*")
MORE = re.compile(r"\b(also|additionally|too|as well)\b|[也还再]")  # a grouping comes to those there are

PHRASES: tuple[tuple[Change, str], ...] = (
    (
        "without",
        r"(?:without|excluding|exclude|except for|except|not|no|leave out|ignore|ignoring|other than|minus|hide)\s+"
        rf"(?:the\s+)?(?:(?:in|from|for|of)\s+)?{VALUES}{THING}",
    ),
    (
        "without",
        rf"(?:不包括|不包含|不含|不要|不算|除了|除去|除|去掉|排除|剔除|没有)\s*{VALUES}\s*的?(?:以外|之外|外)?",
    ),
    ("without", rf"{VALUES}\s*除外"),
    ("filter", rf"(?:(?P<before>in|from|for|of|at|to|with|by|on|within|near|under)\s+)?(?:the\s+)?{VALUES}{THING}"),
    ("filter", rf"(?P<before>在|来自|属于)?\s*{VALUES}\s*的?"),
    ("during", rf"(?:in|for|during|since|before|after|until|from|of|on|starting)?\s*(?:the\s+)?{T}{THING}"),
    ("during", rf"(?:自从|自|从|在)?\s*{T}\s*(?:以来|起|开始|之前|以前|之后|以后|的)?"),
    (
        "sort",
        r"(?:sort(?:ed)?|order(?:ed)?|arranged?|rank(?:ed)?)"
        r"(?:\s+(?:it|them|these|those|(?:the\s+)?(?:list|results?|rows?)))?\s+by\s+(?:the\s+)?"
        rf"(?P<name>{WORDS})(?:,?\s+(?:in\s+)?{WAY}(?:\s+order)?)?{HERE}",
    ),
    ("sort", rf"(?:sort(?:ed)?\s+|order(?:ed)?\s+)?(?:it\s+|them\s+)?(?:in\s+)?{WAY}(?:\s+order)?"),
    ("sort", r"in alphabetical order"),
    ("sort", rf"按照?(?P<name>[\u3400-\u9fff_a-z ]+?){WAY}?(?:排序|排列|排)"),
    ("sort", rf"按照?(?P<name>[\u3400-\u9fff_a-z ]+?){WAY}"),
    ("sort", rf"{WAY}(?:排序|排列)?"),
    ("top", rf"(?:the\s+)?(?:top|best|highest|largest|biggest|greatest|most expensive|leading)(?:\s+{N})?{THING}"),
    ("first", rf"(?:the\s+)?first(?:\s+{N})?{THING}"),
    ("first", rf"limit(?:\s+(?:it|that))?\s+to\s+{N}"),
    ("bottom", rf"(?:the\s+)?(?:bottom|last|worst|lowest|smallest|cheapest|fewest|least)(?:\s+{N})?{THING}"),
    ("top", rf"(?:前|头|最高的|最多的|最大的|最贵的|最好的|排名前)\s*(?:{N})?\s*{EACH_ZH}"),
    ("bottom", rf"(?:后|末|最后|最低的|最少的|最小的|最便宜的|最差的)\s*(?:{N})?\s*{EACH_ZH}"),
    ("everything", r"of them\b|everything|no limit|without (?:the |a )?limit|全部|所有|不限(?:数量)?"),
    (
        "reverse",
        r"(?:in\s+)?(?:the\s+)?(?:reverse|opposite)(?:\s+(?:it|order|the order))?|reversed"
        r"|(?:the )?other way (?:a)?round|反过来|逆序|颠倒顺序",
    ),
    (
        "share",
        r"(?:as|in)\s+(?:a\s+)?(?:percentages?|percent|per cent|%|shares?|proportions?)"
        r"(?:\s+of\s+(?:the\s+)?(?:total|all|whole))?|(?:percentage|share)(?: is that)?|percentages?",
    ),
    ("share", r"(?:用|以|按|换算成|显示为|表示为|转成)?(?:百分比|百分数|占比|比例)(?:表示|显示|来看|是多少|形式)?"),
    (
        "count",
        r"many(?: (?:are|is|were) (?:there|they|that|those|these))?(?: in total)?"
        r"|count|(?:the )?(?:count|number)(?: of (?:them|those|these))?",
    ),
    ("count", rf"(?:一共|总共)?有?(?:多少|几){EACH_ZH}|总数(?:是多少)?|数量(?:是多少)?"),
    (
        "group",
        r"(?:by\s+(?:each\s+)?|per\s+|for\s+(?:each|every)\s+|each\s+|every\s+|group(?:ed)?(?:\s+\w+)?\s+by\s+"
        r"|br(?:eak|oken)(?:\s+\w+)?\s+down\s+by\s+|down\s+by\s+|split(?:\s+\w+)?\s+by\s+)"
        rf"(?P<name>{WORDS}){HERE}",
    ),
    ("group", r"(?P<name>monthly|yearly|daily)"),
    (
        "group",
        rf"(?:按照?|分|每一?个?|各个?|以)(?P<name>{CHINESE})"
        rf"(?:分组|统计|汇总|划分|细分|分别统计|来看|分|看|计算|计)?{HERE_ZH}",
    ),
    (
        "compare",
        r"(?:ones?\s+|rows?\s+)?(?:with\s+|where\s+|whose\s+)?(?:an?\s+|the\s+)?"
        rf"(?P<name>{WORDS}\s+)??(?:is\s+|are\s+|of\s+)?{THAN}\s+{N}",
    ),
    ("compare", rf"(?P<name>[\u3400-\u9fff]*?){THAN}\s*{N}\s*{EACH_ZH}的?"),
    (
        "show",
        r"(?:(?:with|add|include|including|plus|together with)\s+(?:the\s+|their\s+|its\s+)?|their\s+|its\s+)"
        rf"(?P<name>{WORDS}){HERE}",
    ),
    ("show", rf"(?:加上|带上|显示|包括|附上)(?P<name>{CHINESE}){HERE_ZH}"),
)

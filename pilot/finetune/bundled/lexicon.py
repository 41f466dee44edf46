"""What English speakers know about columns by their names: what they mean, and how one speaks of them."""

import re
from dataclasses import dataclass
from typing import Literal

from pilot.model.text_to_sql.view import ColumnView
from pilot.model.text_to_sql.words import listed

Role = Literal[
    "key",
    "name",
    "place",
    "kind",
    "text",
    "money",
    "price",
    "quantity",
    "stock",
    "pay",
    "year",
    "number",
    "time",
    "flag",
]

NAMES = re.compile(r"\b(name|title|username|model|label)$")
PLACES = re.compile(
    r"\b(city|town|country|nation|nationality|region|state|location|continent|venue|district|province)\b"
)
KINDS = re.compile(
    r"\b(status|state|type|category|genre|method|gender|sex|level|priority|colou?r|channel|stage|segment|brand|cuisine"
    r"|kind|species|specialty|speciality|position|role|major|subject|department|team|source|carrier|plan|unit|semester|outcome)\b"
)
MONEY = re.compile(r"\b(total|amount|revenue|sales|turnover|sum|value|fee|cost|fare)\b")
PRICE = re.compile(r"\b(price|cost|fare|fee|rate|charge)\b")
QUANTITY = re.compile(r"\b(quantity|qty|units|pieces|amount ordered)\b")
STOCK = re.compile(r"\b(stock|inventory|on hand)\b")
PAY = re.compile(r"\b(salary|wage|income|earnings)\b")
YEAR = re.compile(r"\byear\b|\bfounded\b")

EVENTS = frozenset(
    listed("order purchase sale invoice bill payment receipt booking reservation rental hire transaction donation stay "
           "appointment visit consultation shipment delivery subscription contract loan deal opportunity repair")
)  # fmt: skip
INCOMES = listed("order purchase sale invoice bill booking reservation rental transaction payment donation stay")


@dataclass(frozen=True)
class Degree:
    """How one compares by a column: 'the most expensive', 'cheaper than 20'."""

    most: str
    least: str
    more: str
    less: str


DEGREES: dict[str, Degree] = {
    "price": Degree("most expensive|priciest|costliest", "cheapest|least expensive", "more expensive than",
                    "cheaper than"),
    "fare": Degree("most expensive", "cheapest", "more expensive than", "cheaper than"),
    "age": Degree("oldest", "youngest", "older than", "younger than"),
    "salary": Degree("best paid|highest paid|top earning", "lowest paid|worst paid",
                     "earning more than|who earn more than", "earning less than|who earn less than"),
    "wage": Degree("best paid|highest paid", "lowest paid", "earning more than", "earning less than"),
    "weight": Degree("heaviest", "lightest", "heavier than", "lighter than"),
    "height": Degree("tallest", "shortest", "taller than", "shorter than"),
    "duration": Degree("longest", "shortest", "longer than", "shorter than"),
    "length": Degree("longest", "shortest", "longer than", "shorter than"),
    "distance": Degree("longest|farthest", "shortest", "longer than", "shorter than"),
    "pages": Degree("longest|thickest", "shortest", "longer than", "shorter than"),
    "size": Degree("largest|biggest", "smallest", "larger than|bigger than", "smaller than"),
    "area": Degree("largest|biggest", "smallest", "larger than", "smaller than"),
    "capacity": Degree("largest|biggest", "smallest", "larger than", "smaller than"),
    "population": Degree("largest|most populous|biggest", "smallest|least populous", "larger than", "smaller than"),
    "rating": Degree("best rated|highest rated|top rated", "worst rated|lowest rated", "rated above|rated better than",
                     "rated below"),
    "stars": Degree("best rated", "worst rated", "rated above", "rated below"),
    "score": Degree("best", "worst", "scoring above", "scoring below"),
    "total": Degree("largest|biggest|highest", "smallest|lowest", "over|above|worth more than",
                    "under|below|worth less than"),
    "amount": Degree("largest|biggest|highest", "smallest|lowest", "over|above|worth more than", "under|below"),
    "value": Degree("largest|biggest|highest", "smallest|lowest", "over|above|worth more than", "under|below"),
    "budget": Degree("largest|best funded", "smallest", "with more than", "with less than"),
    "cost": Degree("most expensive|costliest", "cheapest", "more expensive than|costing more than",
                   "cheaper than|costing less than"),
    "plays": Degree("most played", "least played", "played more often than", "played less often than"),
    "year": Degree("newest|latest|most recent", "oldest|earliest", "newer than|after", "older than|before"),
}  # fmt: skip

# What happened at a time, by a word of the column's name. The participle goes with "was" or stands alone.
DEEDS: dict[str, str] = {
    "order": "placed|made|ordered", "purchase": "made|bought", "hire": "hired", "hired": "hired",
    "signup": "signed up", "registered": "registered|signed up", "joined": "joined", "join": "joined",
    "member": "joined", "paid": "paid|received", "payment": "paid|received|made", "ship": "shipped|sent",
    "shipped": "shipped", "created": "created|opened|added", "opened": "opened", "opening": "opened",
    "closed": "closed", "close": "closed", "release": "released", "birth": "born", "start": "started",
    "started": "started", "end": "ended", "due": "due", "booking": "booked|made", "booked": "booked|made",
    "return": "returned", "returned": "returned", "listed": "listed", "invoice": "issued|sent",
    "issued": "issued|sent", "sale": "sold|made", "sold": "sold", "loan": "borrowed|made",
    "borrowed": "borrowed", "placed": "placed|made", "ordered": "placed|made", "installed": "installed",
    "measured": "measured|taken", "donated": "made|given", "donation": "made|received", "played": "played",
    "enrolled": "enrolled", "enrollment": "enrolled", "expires": "expiring", "rented": "rented",
    "visited": "made", "checked": "made", "repair": "done|made", "event": "held", "held": "held",
    "appointment": "scheduled|made", "visit": "made", "departure": "departing|leaving",
    "publication": "published", "donor": "made",
}  # fmt: skip


def role_of(column: ColumnView, table_words: str) -> Role:
    words = column.words
    match column.kind:
        case _ if column.is_id:
            return "key"
        case "boolean":
            return "flag"
        case "time":
            return "time"
        case "text":
            return _text_role(words)
    if STOCK.search(words):
        return "stock"
    if QUANTITY.search(words):
        return "quantity"
    if PAY.search(words):
        return "pay"
    if YEAR.search(words):
        return "year"
    if MONEY.search(words) and is_event(table_words):
        return "money"
    return "price" if PRICE.search(words) else "number"


def _text_role(words: str) -> Role:
    if NAMES.search(words):
        return "name"
    if PLACES.search(words):
        return "place"
    return "kind" if KINDS.search(words) else "text"


def is_event(table_words: str) -> bool:
    return any(word.rstrip("s") in EVENTS or word in EVENTS for word in table_words.split())


def degree_of(words: str) -> Degree | None:
    return next((DEGREES[word] for word in reversed(words.split()) if word in DEGREES), None)


def deeds_of(words: str) -> tuple[str, ...]:
    """Participles for what a column's time is about."""
    return next((tuple(DEEDS[word].split("|")) for word in words.split() if word in DEEDS), ())

"""The rules of the grammar that are the same for every schema, and the bits that they carry (llguidance's parametric
rules).

SELECT comes before FROM, so the text names tables before it brings them. Each scope carries, as bits:

    named    table i, a derived table, or a twin is named and not yet in FROM; FROM may end when none is left
    present  it stands in FROM, here or in the statement around: its columns can be used
    defined  the statement has it as a common table expression
    twin     which table has a second name, its own and `_2`, 0 for none; and whether that stands in FROM
    commas   of the SELECT list, so that set operations and derived tables have the columns that they need
    second   it is the right side of a set operation
    place    what the scope is for, see `Place`
    depth    how many statements it stands in
    otherwise  which of two things follows the column that is written now: `x_then` leads on to either

The bits must follow from the text so far: llguidance does not tell two readings of one text apart by them. So rules of
the SELECT list end with what comes next (`x_then`: any x, then `then` with the bit of its table), and of several
derived tables only one may come next. What begins can be ended: a way that asks for a table or a column which may not
be there has a condition. No rule is empty under a condition: to find out whether one can be takes
2^tables steps; that is why a statement ends with its semicolon.
"""

from enum import IntEnum
from string import Template

MOST_TABLES = 20
DERIVED = ("single", "pair", "triple")  # tables that a statement makes, by their number of columns
VALUES = ("value_1", "value_2", "value_3")  # what their columns are called

NAMED = 0
PRESENT = MOST_TABLES + len(DERIVED)
DEFINED = 2 * PRESENT
TWIN = DEFINED + len(DERIVED)
TWIN_PRESENT = TWIN + 5
COMMAS = TWIN_PRESENT + 1
SECOND = COMMAS + 2
PLACE = SECOND + 1
DEPTH = PLACE + 3
OTHERWISE = DEPTH + 2  # 63, the last
DEEPEST = 3


class Place(IntEnum):
    """What a scope is for. Of a common table expression and a derived table also how many columns it has."""

    MAIN = 0
    INNER = 1  # in parentheses, one column
    COMMON = 2  # to 4
    DERIVED = 5  # to 7


def bits(first: int, count: int) -> int:
    return ((1 << count) - 1) << first


OUTSIDE = bits(DEFINED, len(DERIVED)) | bits(DEPTH, 2)
PLAINLY = bits(0, OTHERWISE)
NOBODY_PRESENT = bits(0, 64) & ~bits(PRESENT, DEFINED - PRESENT)
AROUND = bits(PRESENT, COMMAS - PRESENT) | bits(DEPTH, 2)  # what a correlated query sees of the one around it
SAME_SHAPE = OUTSIDE | bits(COMMAS, 2) | bits(PLACE, 3)  # what both sides of a set operation share
SAME_TABLE = OUTSIDE | bits(PLACE, 3)  # of a table that is made: its columns are counted anew
_COMMAS, _PLACE, _DEPTH = f"[{COMMAS}:{COMMAS + 2}]", f"[{PLACE}:{PLACE + 3}]", f"[{DEPTH}:{DEPTH + 2}]"


# Beside the only way of a rule that changes the bits and is itself used with changed ones: else llguidance puts the way
# in the rule's place, and fails, for it has no name for both changes in one.
NEVER = '"?" %if and(bit_set(0), bit_clear(0))'


def _made(columns: int) -> str:
    """The scope makes a table of so many columns."""
    return f"or(eq({_PLACE}, {Place.COMMON + columns - 1}), eq({_PLACE}, {Place.DERIVED + columns - 1}))"


RULES = Template(r"""
STRING: /'([^'\\\x00-\x1f\x7f-\x9f]|''){0,60}'/
NUMBER: /-?[0-9]{1,9}(\.[0-9]{1,4})?/
WHOLE: /[1-9][0-9]{0,3}/
COMPARED: " = " | " <> " | " > " | " < " | " >= " | " <= "
ARITHMETIC: " + " | " - " | " * " | " / "
ALIAS: / AS (total|average|lowest|highest|amount|result|share_of|n)(_[a-z]{1,12}){0,2}/
DIRECTION: " ASC" | " DESC"
COUNTED: "COUNT(*)"
OF_ANY: "MIN(" | "MAX(" | "COUNT(" | "COUNT(DISTINCT "
OF_NUMBERS: "SUM(" | "AVG("
OF_TEXT: "UPPER(" | "LOWER(" | "LENGTH(" | "TRIM("
FLAGGED: "SUM(CASE WHEN " | "COUNT(CASE WHEN "
RANKED: "ROW_NUMBER" | "RANK" | "DENSE_RANK"
SHIFTED: "LAG(" | "LEAD(" | "FIRST_VALUE("
JOINED: " JOIN " | " LEFT JOIN "
COMBINED: " UNION " | " UNION ALL " | " EXCEPT " | " INTERSECT "
MISSING: " IS NULL" | " IS NOT NULL"
LIKE: " LIKE " | " NOT LIKE "
BETWEEN: " BETWEEN " | " NOT BETWEEN "
IN: " IN (" | " NOT IN ("
EXISTS: "EXISTS (" | "NOT EXISTS ("
value: STRING | NUMBER
range: BETWEEN value " AND " value
listed: IN value (", " value)* ")"
test: COMPARED value | MISSING | LIKE STRING | range | listed

chosen::_ : "DISTINCT "? items::_
items::_ : COUNTED over::_ | column_after::_ | NUMBER ARITHMETIC items::_ | scalar::_ after::_
  | OF_ANY column_closed::_ | OF_TEXT column_closed::$OTHER | day_item::_
  | OF_NUMBERS number_summed::_ | "ROUND(" OF_NUMBERS number_summed::$OTHER
  | FLAGGED column_cased::_ | "CASE WHEN " column_cased::$OTHER
  | "COALESCE(" column_filled::_ | RANKED "() OVER (" window::_ | SHIFTED column_filled::$OTHER
closed::_ : ")" over::_ %if bit_clear($OTHERWISE) | ")" after::$PLAIN %if bit_set($OTHERWISE)
over::_ : after::_ | " OVER (" window::_
summed::_ : ")" over::_ %if bit_clear($OTHERWISE) | "), 2)" after::$PLAIN %if bit_set($OTHERWISE)
  | ARITHMETIC (number_summed::_ | NUMBER summed::_)
cased::_ : test (" AND " column_cased::_ | " THEN " tallied::_)
tallied::_ : (NUMBER ended::_ | number_ended::_) %if bit_clear($OTHERWISE)
  | value (" WHEN " column_cased::_ | (" ELSE " value)? " END" after::$PLAIN) %if bit_set($OTHERWISE)
ended::_ : (" ELSE " NUMBER)? " END)" after::_ %if bit_clear($OTHERWISE)
  | ")" ranked::_ %if bit_set($OTHERWISE)
filled::_ : ", " value ")" after::_ %if bit_clear($OTHERWISE) | ") OVER (" window::$PLAIN %if bit_set($OTHERWISE)
window::_ : ")" after::_ | "PARTITION BY " column_parted::_ | "ORDER BY " ranking::$OTHER
parted::_ : (", " column_parted::_ | " ORDER BY " ranking::$OTHER) %if bit_clear($OTHERWISE) | ranked::_
ranking::_ : column_parted::_ | OF_NUMBERS number_ended::_ | COUNTED ranked::_
ranked::_ : ")" after::$PLAIN | DIRECTION ")" after::$PLAIN %if bit_set($OTHERWISE)
after::_ : ARITHMETIC (items::_ | NUMBER after::_) | COMPARED NUMBER shown::_ | shown::_
shown::_ : ALIAS? more::_ %if le($PLACE, $INNER)
  | " AS $VALUE_1" more::_ %if and(gt($PLACE, $INNER), eq($COMMAS, 0))
  | " AS $VALUE_2" more::_ %if and(gt($PLACE, $INNER), eq($COMMAS, 1))
  | " AS $VALUE_3" more::_ %if and(gt($PLACE, $INNER), eq($COMMAS, 2))
more::_ : ", " items::incr($COMMAS) %if $MORE
  | ", " items::decr($COMMAS) %if and(eq($PLACE, $MAIN), and(bit_set($SECOND), gt($COMMAS, 0)))
  | " FROM " from::_ %if $ENOUGH

scalar::_ : "(" around::incr($DEPTH) %if lt($DEPTH, $DEEPEST)
around::_ : "SELECT" inner::bit_and($AROUND) | $NEVER
apart::_ : "SELECT" inner::bit_and($OUTSIDE) | $NEVER
inner::_ : " " chosen::bit_or($AS_INNER) | $NEVER
exists_around::_ : "SELECT 1" there::bit_and($AROUND) | $NEVER
there::_ : " FROM " beside::bit_or($AS_INNER) | $NEVER
and_on::_ : (" AND " column::_ COMPARED (value | column::_))* joins::_

tail::_ : where::_ group::_ rest::_
where::_ : (" WHERE " condition::_)?
condition::_ : term::_ ((" AND " | " OR ") term::_)*
term::_ : operand::_ (MISSING | LIKE STRING | range | listed)
  | operand::_ IN apart::incr($DEPTH) %if lt($DEPTH, $DEEPEST)
  | operand::_ COMPARED (value | AGO | operand::_ | scalar::_)
  | "(" condition::_ ")" | exists::_
operand::_ : single::_ (ARITHMETIC (single::_ | NUMBER))*
single::_ : column::_ | OF_TEXT column::_ ")" | day::_ | "COALESCE(" column::_ ", " value ")"
figure::_ : total::_ (ARITHMETIC (total::_ | NUMBER))*
total::_ : COUNTED | OF_ANY column::_ ")" | OF_NUMBERS operand::_ ")"
group::_ : (" GROUP BY " operand::_ (", " operand::_)* (" HAVING " having::_)?)?
having::_ : kept::_ ((" AND " | " OR ") kept::_)*
kept::_ : figure::_ (COMPARED (NUMBER | figure::_ | scalar::_) | range) | "(" having::_ ")"
rest::_ : order::_ limit end::_ %if bit_clear($SECOND)
  | (" ORDER BY " WHOLE DIRECTION?)? limit end::_ %if bit_set($SECOND)
  | COMBINED second::bit_and($SAME_SHAPE) %if $CAN_COMBINE
  | COMBINED second::bit_and($SAME_TABLE) %if and(gt($PLACE, $INNER), bit_clear($SECOND))
second::_ : "SELECT " chosen::set_bit($SECOND) | $NEVER
order::_ : (" ORDER BY " sorted::_ (", " sorted::_)*)?
sorted::_ : (operand::_ | figure::_) DIRECTION?
limit: (" LIMIT " WHOLE (" OFFSET " WHOLE)?)?
""").substitute(
    VALUE_1=VALUES[0], VALUE_2=VALUES[1], VALUE_3=VALUES[2], PLACE=_PLACE, COMMAS=_COMMAS, DEPTH=_DEPTH,
    OTHERWISE=OTHERWISE, OTHER=f"set_bit({OTHERWISE})", PLAIN=f"bit_and({PLAINLY:#x})",
    SECOND=SECOND, DEEPEST=DEEPEST, NEVER=NEVER, MAIN=Place.MAIN, INNER=Place.INNER,
    AS_INNER=hex(Place.INNER << PLACE), AROUND=hex(AROUND), OUTSIDE=hex(OUTSIDE), SAME_SHAPE=hex(SAME_SHAPE),
    SAME_TABLE=hex(SAME_TABLE),
    MORE=f"or(and(eq({_PLACE}, {Place.MAIN}), bit_clear({SECOND})),"
         f" or(and({_made(2)}, eq({_COMMAS}, 0)), and({_made(3)}, lt({_COMMAS}, 2))))",
    ENOUGH=f"or(eq({_PLACE}, {Place.INNER}), or(and(eq({_PLACE}, {Place.MAIN}),"
           f" or(bit_clear({SECOND}), eq({_COMMAS}, 0))), or(and({_made(1)}, eq({_COMMAS}, 0)),"
           f" or(and({_made(2)}, eq({_COMMAS}, 1)), and({_made(3)}, eq({_COMMAS}, 2))))))",
    CAN_COMBINE=f"or(eq({_PLACE}, {Place.INNER}), and(eq({_PLACE}, {Place.MAIN}),"
                f" and(bit_clear({SECOND}), lt({_COMMAS}, 3))))",
)  # fmt: skip

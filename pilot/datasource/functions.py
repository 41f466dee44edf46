"""What a reading query may call and be made of: data only. What is not named here is refused.

A function passes twice: its node in the tree (NODES, or by name in FUNCTIONS when the parser has no type for it), and
its name in the final text (FUNCTIONS), which is what the server sees. None of them writes, reads files, waits, locks,
makes huge values from small ones, or runs a text as SQL.
"""

from pilot.schema import Dialect


def words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_EVERYWHERE = """
    ABS ACOS ASIN ATAN ATAN2 AVG CAST CEIL CEILING COALESCE CONCAT CONCAT_WS COS COUNT CUME_DIST CURRENT_DATE
    CURRENT_TIME CURRENT_TIMESTAMP DATE DEGREES DENSE_RANK EXISTS EXP FIRST_VALUE FLOOR LAG LAST_VALUE LEAD LENGTH LN
    LOG LOG10 LOG2 LOWER LTRIM MAX MIN MOD NTH_VALUE NTILE NULLIF PERCENT_RANK PI POW POWER RADIANS RANK REPLACE ROUND
    ROW_NUMBER RTRIM SIGN SIN SQRT SUBSTR SUBSTRING SUM TAN TRIM UPPER
"""
_CALENDAR = "DAY HOUR MINUTE MONTH QUARTER SECOND WEEK YEAR DAYOFMONTH DAYOFWEEK DAYOFYEAR MONTHNAME DAYNAME LAST_DAY"

FUNCTIONS: dict[Dialect, frozenset[str]] = {
    "sqlite": words(f"""        {_EVERYWHERE}
        ACOSH ASINH ATANH COSH SINH TANH DATETIME TIME JULIANDAY STRFTIME UNIXEPOCH TIMEDIFF GROUP_CONCAT STRING_AGG
        TOTAL IFNULL IIF INSTR LIKE GLOB UNICODE CHAR HEX QUOTE RANDOM TYPEOF TRUNC PRINTF FORMAT LIKELY UNLIKELY
        JSON JSON_EXTRACT JSON_ARRAY_LENGTH JSON_TYPE JSON_VALID JSON_GROUP_ARRAY JSON_GROUP_OBJECT
        JSON_OBJECT JSON_ARRAY JSON_QUOTE OCTET_LENGTH CONCAT SOUNDEX
    """),
    "mysql": words(f"""        {_EVERYWHERE} {_CALENDAR}
        ADDDATE ADDTIME ANY_VALUE ASCII BIT_AND BIT_COUNT BIT_LENGTH BIT_OR BIT_XOR CHAR CHAR_LENGTH CHARACTER_LENGTH
        CONV CONVERT COT CRC32 CURDATE CURTIME DATEDIFF DATE_ADD DATE_FORMAT DATE_SUB ELT EXTRACT FIELD FIND_IN_SET
        FORMAT FROM_DAYS FROM_UNIXTIME GREATEST GROUP_CONCAT HEX IF IFNULL INSTR ISNULL JSON_ARRAY
        JSON_ARRAYAGG JSON_CONTAINS JSON_EXTRACT JSON_KEYS JSON_LENGTH JSON_OBJECT JSON_OBJECTAGG JSON_TYPE
        JSON_UNQUOTE JSON_VALID JSON_VALUE LCASE LEAST LEFT LOCALTIME LOCALTIMESTAMP LOCATE LPAD MAKEDATE MAKETIME
        MATCH MD5 MEDIAN MICROSECOND MID NOW OCTET_LENGTH ORD PERIOD_ADD PERIOD_DIFF POSITION QUOTE RAND REGEXP_INSTR
        REGEXP_LIKE REGEXP_REPLACE REGEXP_SUBSTR REVERSE RIGHT ROW RPAD SEC_TO_TIME SHA SHA1 SHA2 SOUNDEX STD STDDEV
        STDDEV_POP STDDEV_SAMP STRCMP STR_TO_DATE SUBDATE SUBSTRING_INDEX SUBTIME SYSDATE TIME TIMEDIFF TIMESTAMP
        TIMESTAMPADD TIMESTAMPDIFF TIME_FORMAT TIME_TO_SEC TO_DAYS TO_SECONDS TRUNCATE UCASE UNHEX UNIX_TIMESTAMP
        UTC_DATE UTC_TIME UTC_TIMESTAMP VARIANCE VAR_POP VAR_SAMP WEEKDAY WEEKOFYEAR YEARWEEK PERCENTILE_CONT
        PERCENTILE_DISC
    """),
    "postgres": words(f"""        {_EVERYWHERE}
        AGE ARRAY_AGG ARRAY_LENGTH ARRAY_TO_STRING ASCII BIT_AND BIT_OR BOOL_AND BOOL_OR BTRIM CARDINALITY CBRT
        CHAR_LENGTH CHARACTER_LENGTH CHR CLOCK_TIMESTAMP CORR COVAR_POP COVAR_SAMP DATE_BIN DATE_PART DATE_TRUNC DIV
        EVERY EXTRACT GENERATE_SERIES GREATEST INITCAP ISFINITE JSONB_AGG JSONB_ARRAY_LENGTH JSONB_BUILD_OBJECT
        JSONB_EXTRACT_PATH_TEXT JSONB_TYPEOF JSON_AGG JSON_ARRAY_LENGTH JSON_BUILD_OBJECT JSON_EXTRACT_PATH
        JSONB_ARRAY_ELEMENTS JSONB_ARRAY_ELEMENTS_TEXT JSON_ARRAY_ELEMENTS JSON_ARRAY_ELEMENTS_TEXT ROW_TO_JSON
        TO_JSON TO_JSONB JSON_EXTRACT_PATH_TEXT JSONB_EXTRACT_PATH JSON_TYPEOF JUSTIFY_DAYS JUSTIFY_HOURS
        JUSTIFY_INTERVAL LEAST LEFT LOCALTIME LOCALTIMESTAMP LPAD MAKE_DATE MAKE_INTERVAL MAKE_TIME MAKE_TIMESTAMP MD5
        MODE NOW NUM_NULLS NUM_NONNULLS OCTET_LENGTH OVERLAY PERCENTILE_CONT PERCENTILE_DISC POSITION RANDOM
        REGEXP_COUNT REGEXP_LIKE REGEXP_MATCH REGEXP_REPLACE REGEXP_SUBSTR REGR_SLOPE REGR_INTERCEPT REGR_R2 REVERSE
        RIGHT ROW RPAD SPLIT_PART STARTS_WITH STDDEV STDDEV_POP STDDEV_SAMP STRING_AGG STRING_TO_ARRAY STRPOS TIMEZONE
        TO_CHAR TO_DATE TO_NUMBER TO_TIMESTAMP TRANSLATE TRUNC UNNEST VARIANCE VAR_POP VAR_SAMP WIDTH_BUCKET
        ARRAY_POSITION
    """),
    "duckdb": words(f"""        {_EVERYWHERE} {_CALENDAR}
        AGE ANY_VALUE ARBITRARY ARG_MAX ARG_MIN ARRAY_AGG ARRAY_LENGTH ARRAY_TO_STRING ASCII APPROX_COUNT_DISTINCT
        BIT_AND BIT_OR BOOL_AND BOOL_OR CBRT CHR CONTAINS CORR COUNT_IF COVAR_POP COVAR_SAMP DATEDIFF DATE_ADD
        DATE_DIFF DATE_PART DATE_SUB DATE_TRUNC ENDS_WITH EPOCH EXTRACT FAVG FIRST FORMAT FSUM GENERATE_SERIES
        GREATEST GROUP_CONCAT IF IFNULL INITCAP INSTR ISODOW JSON_EXTRACT JSON_EXTRACT_STRING JUSTIFY_DAYS LAST LCASE
        LEAST LEFT LEN LEVENSHTEIN LIST LISTAGG LIST_CONTAINS LIST_SORT LPAD MAD MAKE_DATE MAKE_TIME MAKE_TIMESTAMP
        MAX_BY MD5 MEDIAN MIN_BY MODE NOW ORD POSITION PREFIX PRODUCT QUANTILE QUANTILE_CONT QUANTILE_DISC RANDOM
        RANGE REGEXP_EXTRACT REGEXP_FULL_MATCH REGEXP_MATCHES REGEXP_REPLACE REGR_SLOPE REGR_INTERCEPT REGR_R2
        REVERSE RIGHT ROW ROUND_EVEN RPAD SPLIT_PART STARTS_WITH STDDEV STDDEV_POP STDDEV_SAMP STRFTIME STRING_AGG
        STRING_SPLIT STRIP_ACCENTS STRLEN STRPOS STRPTIME STR_SPLIT SUFFIX TODAY TO_DAYS TO_HOURS TO_MINUTES TO_MONTHS
        TO_SECONDS TO_TIMESTAMP TO_YEARS TRANSLATE TRUNC TRY_CAST UCASE UNNEST VARIANCE VAR_POP VAR_SAMP WEEKDAY
        WEEKOFYEAR YEARWEEK APPROX_QUANTILE PERCENTILE_CONT PERCENTILE_DISC HISTOGRAM EPOCH_MS CENTURY DECADE
    """),
}  # fmt: skip

# Words of the language, and plain types, that stand before a parenthesis without being a call.
KEYWORDS = words(
    """
    ALL AND ANY ARRAY AS BETWEEN BY CASE CUBE DISTINCT DIV ELSE END ESCAPE EXCEPT EXCLUDE FILTER FROM GROUP GROUPING
    HAVING IN INTERSECT INTERVAL IS JOIN LATERAL LIKE ILIKE LIMIT MATERIALIZED NOT OFFSET ON OR OVER QUALIFY REGEXP
    RECURSIVE ROLLUP SELECT SETS SOME THEN UNION USING VALUES WHEN WHERE WITH WITHIN XOR AGAINST
    BIGINT BINARY BIT BLOB BPCHAR CHAR CHARACTER DATETIME DEC DECIMAL DOUBLE FLOAT INT INTEGER NCHAR NUMERIC REAL
    SIGNED SMALLINT TEXT TIME TIMESTAMP TIMESTAMPTZ TINYINT UNSIGNED VARBINARY VARCHAR
"""
)

# Classes of sqlglot.exp, each exactly, not its subclasses.
NODES = words(
    """
    Select Union Intersect Except Subquery CTE With From Join Where Group Having Order Ordered Limit Offset Fetch
    LimitOptions Distinct Table TableAlias Alias Identifier Column Star Literal Null Boolean Paren Tuple Values Window
    WindowSpec Qualify Lateral Cube Rollup GroupingSets Var Interval IntervalSpan DataType DataTypeParam HexString
    BitString
    Add Sub Mul Div IntDiv Mod Neg DPipe BitwiseAnd BitwiseOr BitwiseXor BitwiseNot BitwiseLeftShift
    BitwiseRightShift
    And Or Xor Not EQ NEQ GT GTE LT LTE NullSafeEQ NullSafeNEQ Is In Between Like ILike Glob RegexpLike RegexpILike
    SimilarTo Escape Any All Exists Case If Collate Overlaps AtTimeZone Filter WithinGroup IgnoreNulls RespectNulls
    JSONExtract JSONExtractScalar JSONBExtract JSONBExtractScalar JSONPath JSONPathRoot JSONPathKey JSONPathSubscript
    JSONPathWildcard JSONObject JSONArray JSONKeyValue JSONArrayAgg JSONObjectAgg JSONBObjectAgg JSONType JSONKeys
    JSONArrayContains JSONBContains ArrayContainsAll Array Bracket Slice Unnest Explode ByteString
    Count Sum Avg Min Max AnyValue GroupConcat ArrayAgg Median Mode Quantile ApproxQuantile ApproxDistinct CountIf
    PercentileCont PercentileDisc PercentRank CumeDist Stddev StddevPop StddevSamp Variance VariancePop Corr CovarPop
    CovarSamp RegrSlope RegrIntercept RegrR2 LogicalAnd LogicalOr ArgMax ArgMin First Last BitwiseAndAgg BitwiseOrAgg
    BitwiseXorAgg BitwiseCount
    RowNumber Rank DenseRank Ntile Lag Lead FirstValue LastValue NthValue
    Abs Acos Acosh Asin Asinh Atan Atan2 Atanh Cbrt Ceil Cos Cosh Cot Degrees Exp Floor Ln Log Pi Pow Radians Rand
    Round Sign Sin Sinh Sqrt Tan Tanh Trunc Greatest Least WidthBucket
    Cast TryCast Coalesce Nullif Convert Typeof
    Ascii Chr Concat ConcatWs Contains EndsWith StartsWith Initcap Left Right Length ByteLength BitLength Lower Upper
    Pad Replace Reverse Split SplitPart Stuff Substring SubstringIndex StrPosition Translate Trim Unicode Hex
    Unhex LowerHex MD5 SHA SHA2 Soundex Elt Levenshtein RegexpExtract RegexpReplace RegexpInstr RegexpCount
    RegexpFullMatch RegexpSubstr Overlay ToChar ToNumber Format FormatPhrase StringToArray ArrayToString ArraySize
    ArrayLast ArrayPosition ArrayContains GenerateSeries ExplodingGenerateSeries TranslateCharacters
    CurrentDate CurrentDatetime CurrentTime CurrentTimestamp CurrentTimestampLTZ Localtime Localtimestamp UtcDate
    UtcTime UtcTimestamp Systimestamp Date Time Timestamp Datetime DateAdd DateSub DateDiff DateTrunc DateFromParts
    TimeFromParts TimestampFromParts DateBin DatetimeAdd DatetimeDiff DatetimeSub DatetimeTrunc TimestampAdd
    TimestampDiff TimestampSub TimestampTrunc TimeAdd TimeDiff TimeSub TimeTrunc Extract Year Quarter Month Week Day
    Hour Minute Second DayOfMonth DayOfWeek DayOfWeekIso DayOfYear WeekOfYear YearOfWeek YearOfWeekIso Dayname
    Monthname LastDay StrToDate StrToTime StrToUnix TimeToStr TimeToUnix TimeStrToDate TimeStrToTime TimeStrToUnix
    TsOrDsToDate TsOrDsToTimestamp TsOrDsToDatetime TsOrDsToTime TsOrDsAdd TsOrDsDiff TsOrDsToDateStr UnixToTime
    UnixToStr UnixSeconds UnixMillis ToDays MakeInterval JustifyDays JustifyHours JustifyInterval AddMonths
    MonthsBetween DateToDi DiToDate DateStrToDate DateToDateStr WeekStart FromTimeZone ConvertTimezone
    MatchAgainst Anonymous AnonymousAggFunc
"""
)

TYPES = words("""
    BIGINT BINARY BIT BLOB BOOLEAN BPCHAR CHAR DATE DATETIME DECIMAL DOUBLE FLOAT INT INT128 INTERVAL JSON JSONB
    MEDIUMINT MEDIUMTEXT LONGTEXT MONEY NCHAR NVARCHAR SMALLINT TEXT TINYTEXT TIME TIMETZ TIMESTAMP TIMESTAMPLTZ
    TIMESTAMPNTZ TIMESTAMPTZ TIMESTAMP_S TIMESTAMP_MS TIMESTAMP_NS TINYINT UBIGINT UINT UMEDIUMINT USMALLINT UTINYINT
    UDECIMAL UUID VARBINARY VARCHAR YEAR ARRAY UNKNOWN UDOUBLE
""")  # fmt: skip

# Of NODES, what this dialect has no function for: SQLite's REGEXP would be one of Python's, which no limit stops.
NOT_IN: dict[Dialect, frozenset[str]] = {
    "sqlite": words("RegexpLike"), "mysql": frozenset(), "postgres": frozenset(), "duckdb": frozenset(),
}  # fmt: skip

SYSTEM_SCHEMAS = words("information_schema mysql performance_schema sys pg_catalog pg_toast temp system")
SYSTEM_PREFIXES = ("pg_", "sqlite_", "duckdb_", "pragma_", "innodb_")
SYSTEM_TABLES = words("dbstat bytecode tables_used sqlite_dbpage fts3tokenize")
OWN_SCHEMA: dict[Dialect, str] = {"sqlite": "main", "mysql": "", "postgres": "public", "duckdb": "main"}

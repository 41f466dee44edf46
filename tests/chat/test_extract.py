"""SQL out of replies."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilot.chat.extract import statement
from tests.chat.cases_of import cases_of


@pytest.mark.parametrize("case", cases_of("replies"), ids=lambda case: repr(case["reply"][:40]))
def test_a_reply_holds_this_statement(case: dict[str, Any]) -> None:
    assert statement(case["reply"]) == case["sql"]


@given(st.text(max_size=300))
def test_any_text_is_read_without_error_and_only_shortened(text: str) -> None:
    assert statement(text) in text


@given(st.text(alphabet=st.characters(exclude_characters="`'\\", exclude_categories=["Cs", "Cc"]), max_size=80))
def test_a_fenced_statement_comes_out_whole(literal: str) -> None:
    sql = f"SELECT a\n\nFROM t WHERE b = '{literal}' AND c > 1"
    assert statement(f"Sure!\n\n```sql\n{sql};\n```\n\nThat is it.") == sql

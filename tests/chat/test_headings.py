"""What columns are called whose names were made from what they compute."""

import pytest

from pilot.chat.wording.headings import heading
from pilot.i18n import Texts


@pytest.mark.parametrize(
    ("name", "english", "chinese"),
    [
        ("row_count", "number of rows", "行数"),
        ("COUNT(*)", "number of rows", "行数"),
        ("sum_of_total_amount", "sum of total amount", "total amount 合计"),
        ("SUM(o.total_amount)", "sum of total amount", "total amount 合计"),
        ("total_price", "total price", "price 合计"),
        ("average_price", "average price", "price 平均值"),
        ('MAX("unit price")', 'MAX("unit price")', 'MAX("unit price")'),
        ("number_of_orders", "number of orders", "orders 数量"),
        ("COUNT(DISTINCT customers.id)", "number of id", "id 数量"),
        ("discount", "discount", "discount"),
        ("SUM(price * quantity)", "SUM(price * quantity)", "SUM(price * quantity)"),
        ("总金额", "总金额", "总金额"),
    ],
)
def test_a_made_name_is_told_in_words_and_any_other_stays(name: str, english: str, chinese: str) -> None:
    assert (heading(name, Texts("en")), heading(name, Texts("zh"))) == (english, chinese)

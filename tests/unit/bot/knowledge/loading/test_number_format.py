"""Numbers, dates and texts of cells are shown as spreadsheet programs show them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.knowledge.loading.office.number_format import format_number, format_text


@pytest.mark.parametrize(
    ("value", "form", "shown"),
    [
        (1234, "00000", "01234"),
        (42, '"ART-"0000', "ART-0042"),
        (5, "[$€-407] #,##0.00", "€ 5.00"),
        (1234.5, '_-* #,##0.00\\ "€"_-', "1,234.50 €"),
        (5, '0"°C"', "5°C"),
        (2500, '#,##0,"k"', "3k"),
        (1234567, '0.0,,"M"', "1.2M"),
        (0.125, "0.0%", "12.5%"),
        (-5, "0.00;[Red](0.00)", "(5.00)"),
        (0, '0;-0;"none"', "none"),
        (5, ";;;", ""),
        (1500, '[>=1000]#,##0,"k";0', "2k"),
        (12, '[>=1000]#,##0,"k";0', "12"),
        (123456789, "000-00-0000", "123-45-6789"),
        (5551234567, "(###) ###-####", "(555) 123-4567"),
        (12, "0,000", "0,012"),
        (12.5, "0.##", "12.5"),
        (2.5, "0", "3"),
        (1.005, "0.00", "1.01"),
        (1.75, "# ?/?", "1 3/4"),
        (3.125, "# ?/8", "3 1/8"),
        (12345.678, "0.00E+00", "1.23E+04"),
        (0.1 + 0.2, "General", "0.3"),
        (5, 'General" km"', "5 km"),
        (3, "@", "3"),
        (1.5, "[h]:mm", "36:00"),
        (0.75, "h:mm AM/PM", "6:00 PM"),
        (0.0421, "mm:ss.0", "00:37.4"),
        (43240, "dd.mm.yyyy", "20.05.2018"),
        (43240, "m/d/yy", "5/20/18"),
        (43240, "[$-407]d. mmmm yyyy", "20. Mai 2018"),
        (43240, "[$-419]d mmmm yyyy", "20 мая 2018"),
        (43240, "[$-419]mmmm yyyy", "май 2018"),
        (43240, "[$-40C]ddd d mmm", "dim. 20 mai"),
        (43240, "[$-sv-SE]dddd", "söndag"),
        (43240, '[$-411]m"月"d"日"(dddd)', "5月20日(日曜日)"),
        (43240, "[$-x-sysdate]dddd", "2018-05-20"),
        (43240, "[$-zz-ZZ]mmm", "May"),
        (43240, "[$-../x]mmmmm", "M"),
        (0.75, "AM/PM", "PM"),
        (12.25, "[h]", "294"),
        (43240, "dddd, mmmm dd, yyyy", "Sunday, May 20, 2018"),
        (43240.604, "yyyy-mm-dd h:mm", "2018-05-20 14:29"),
        (1, "d mmm yyyy", "1 Jan 1900"),
        (-1, "d mmm yyyy", "-1"),
    ],
)
def test_formats(value: float, form: str, shown: str) -> None:
    assert format_number(value, form) == shown


def test_workbooks_may_count_days_from_1904() -> None:
    assert format_number(0, "d mmm yyyy", from_1904=True) == "1 Jan 1904"


def test_a_format_may_put_words_around_a_text() -> None:
    assert format_text("lamp", '0;-0;0;"Item "@') == "Item lamp"
    assert format_text("lamp", "0.00") == "lamp"


@given(
    st.floats(allow_nan=True, allow_infinity=True),
    st.text('0#?.,%/;@"\\_*[]$€hmsyd -AMP/E+General407<>=1'),
)
def test_any_format_shows_any_number(value: float, form: str) -> None:
    assert isinstance(format_number(value, form), str)
    assert isinstance(format_text("a", form), str)

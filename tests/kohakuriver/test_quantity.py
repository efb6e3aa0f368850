import pytest
from hypothesis import given
from hypothesis import strategies as st

from kohakuriver import quantity
from kohakuriver.resources import quota


@pytest.mark.parametrize(
    ("text", "thousandths"), [("500m", 500), (2, 2000), ("0.1", 100), (0.5, 500), ("1e1", 10_000), ("1n", 1)]
)
def test_cores_are_counted_in_thousandths_rounded_up(text, thousandths):
    assert quantity.millicores(text) == thousandths


@pytest.mark.parametrize(
    ("text", "count"), [("4Gi", 4 << 30), ("4G", 4 * 10**9), ("512Mi", 512 << 20), ("1.5Ki", 1536), (7, 7)]
)
def test_memory_suffixes_with_i_are_powers_of_1024_and_the_others_of_1000(text, count):
    assert quantity.size(text) == count


@pytest.mark.parametrize("text", ["4x", "", "Gi", "1e3Gi", "two", True, "4 Gi", "--1"])
def test_what_is_no_quantity_is_refused_in_words(text):
    with pytest.raises(ValueError, match=r"quantity"):
        quantity.parse(text)


@given(st.integers(min_value=0, max_value=1 << 60))
def test_a_size_that_is_printed_reads_back_as_itself(count):
    assert quantity.size(quantity.format_size(count)) == count


@given(st.integers(min_value=0, max_value=10_000_000))
def test_cores_that_are_printed_read_back_as_themselves(thousandths):
    assert quantity.millicores(quantity.format_cores(thousandths)) == thousandths


@pytest.mark.parametrize(
    ("amount", "number", "words"),
    [
        ("500m", "0.5", "0.5 cores"),
        ("1000m", "1", "1 core"),
        (0.25, "0.25", "0.25 cores"),
        (10, "10", "10 cores"),
    ],
)
def test_cores_for_people_are_decimal_and_one_core_is_singular(amount, number, words):
    assert (quantity.shown_cores(amount), quantity.cores_in_words(amount)) == (number, words)


def test_a_size_for_people_has_one_decimal_at_most():
    assert quantity.approximate_size(int(9.5 * (1 << 30))) == "9.5Gi"
    assert quantity.approximate_size(4 << 30) == "4Gi"


@pytest.mark.parametrize("text", ["4Gi", "256M", "1536Mi", "4G", "1Ki", "100"])
def test_a_size_is_printed_as_people_wrote_it(text):
    assert quantity.format_size(quantity.size(text)) == text


def test_a_limit_of_a_quota_is_rounded_down_and_an_amount_up() -> None:
    assert quota.whole(quota.CORES, "1.0005") == 1000 < quantity.millicores("1.0005")
    assert quota.whole(quota.MEMORY, "1.5") == 1
    assert quota.whole("cpu", 2) == 2000

"""Whatever a client writes into its query is an answer or its own mistake, never ours."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kohakuriver.apiserver.objects.query import Resume, parse_list, parse_watch
from kohakuriver.errors import ApiError, BadRequest
from kohakuriver.resources import kinds

NAMES = ("limit", "continue", "resourceVersion", "resourceVersionMatch", "labelSelector", "fieldSelector")
WATCH_NAMES = ("sendInitialEvents", "allowWatchBookmarks", "timeoutSeconds")
TEXT = st.one_of(
    st.text(max_size=30),
    st.sampled_from(["", "0", "1", "true", "Exact", "NotOlderThan", "a in (b", "metadata.name=x", "a=b,!c"]),
    st.text(alphabet="ab=!,()<> innotx\\0", max_size=30),
)


@given(st.dictionaries(st.sampled_from(NAMES + WATCH_NAMES), TEXT))
def test_any_query_is_understood_or_refused(query):
    for parse in (parse_list, parse_watch):
        try:
            parse(query, kinds.VPS, namespace="default", scope=None)
        except ApiError as error:
            assert error.code in (400, 422)


@given(st.integers(min_value=1, max_value=2**62), st.text(max_size=80))
def test_a_continue_token_comes_back_as_it_went(revision, after):
    resume = Resume(revision, after)
    assert Resume.from_token(resume.to_token()) == resume


@pytest.mark.parametrize(
    ("text", "limit"),
    [("", 0), ("0", 0), ("-1", 0), ("500", 500), ("2147483647", 10**9), (str(2**63 - 1), 10**9)],
)
def test_a_limit_is_any_number_that_kubernetes_takes(text, limit):
    assert parse_list({"limit": text}, kinds.VPS, namespace=None, scope=None).limit == limit


@pytest.mark.parametrize("text", ["x", "--1", "1.5", "²", str(2**63), "9" * 4000])
def test_a_limit_that_is_no_number_is_refused(text):
    with pytest.raises(BadRequest, match="invalid value for limit"):
        parse_list({"limit": text}, kinds.VPS, namespace=None, scope=None)

import pytest

from kohakuriver import errors

CAUSE = errors.Cause("spec.resources.cores", 'invalid quantity "4x"')


@pytest.mark.parametrize("kind", errors.ApiError.__subclasses__())
def test_every_error_comes_back_from_the_wire_as_its_own_type(kind):
    error = kind("it went wrong", hint="do this", causes=(CAUSE,), retry_after=3.0)
    back = errors.from_status(error.to_status())
    assert type(back) is kind
    assert (back.message, back.hint, back.causes, back.retry_after) == (
        "it went wrong",
        "do this",
        (CAUSE,),
        3,
    )


def test_an_answer_without_a_status_is_told_by_its_code():
    assert type(errors.from_status({"message": "<html>bad gateway"}, code=502)) is errors.Unavailable
    assert type(errors.from_status({}, code=403)) is errors.Forbidden
    assert type(errors.from_status({}, code=418)) is errors.BadRequest


def test_only_what_may_be_tried_again_is_retryable():
    assert isinstance(errors.Unavailable("x"), errors.RETRYABLE)
    assert not isinstance(errors.Conflict("x"), errors.RETRYABLE)


NONSENSE = [None, 0, -1, True, 1.5, "", "text", [], [1, None], {"a": {}}]


@pytest.mark.parametrize("field", ["code", "reason", "message", "details"])
@pytest.mark.parametrize("value", NONSENSE)
def test_a_status_of_an_unexpected_shape_is_an_error_all_the_same(field, value):
    found = errors.from_status({"message": "no", "reason": "Conflict", field: value}, code=409)
    assert isinstance(found, errors.Conflict)
    assert isinstance(found.message, str)


@pytest.mark.parametrize("field", ["causes", "hint", "retryAfterSeconds"])
@pytest.mark.parametrize("value", NONSENSE)
def test_details_of_an_unexpected_shape_count_as_absent(field, value):
    found = errors.from_status({"message": "no", "details": {field: value}}, code=503)
    assert isinstance(found, errors.Unavailable)
    assert isinstance(found.hint, str)
    assert found.retry_after is None or found.retry_after == value
    assert all(isinstance(cause.message, str) for cause in found.causes)

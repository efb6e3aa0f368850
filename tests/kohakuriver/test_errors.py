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

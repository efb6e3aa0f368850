"""Every error that can reach a person, and its form on the wire.

    KohakuRiverError            message, hint
    ├── ConfigError             a file or an option of ours is missing or wrong
    ├── Unreachable             no connection to the API server; retryable
    └── ApiError                a Kubernetes `Status` with code and reason
        ├── BadRequest 400      ├── Unauthorized 401      ├── Forbidden 403
        ├── NotFound 404        ├── MethodNotAllowed 405  ├── NotAcceptable 406
        ├── TooSlow 408         ├── HeaderTooLarge 431
        ├── Conflict 409        ├── AlreadyExists 409     ├── Expired 410
        ├── TooLarge 413        ├── UnsupportedMediaType 415
        ├── Invalid 422         ├── TooManyRequests 429   ├── InternalError 500
        ├── Unavailable 503     not done; try again
        ├── OutcomeUnknown 504  may have been done; look before trying again
        └── InsufficientStorage 507  not done: somebody has to make room

Codes and reasons are those of k8s.io/apimachinery `metav1.Status`. Retryable or final is a
type: see `RETRYABLE`.
"""

from typing import Any, ClassVar, NamedTuple


class Cause(NamedTuple):
    """One field that is wrong: `field` as a path ("spec.resources.cores"), in words what is."""

    field: str
    message: str
    reason: str = "FieldValueInvalid"


class KohakuRiverError(Exception):
    """What happened, to which object; `hint` says what to do next."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    @property
    def in_one_message(self) -> str:
        """What happened and what to do next, for clients that show a Status' message and no more of it."""
        return f"{self.message}; {self.hint}" if self.hint else self.message


class ConfigError(KohakuRiverError):
    """A file or option on this machine is missing or wrong."""


class Unreachable(KohakuRiverError):
    """The API server did not answer; nothing is known to have been done."""


class ApiError(KohakuRiverError):
    """An answer of the API server that is not success."""

    code: ClassVar[int] = 500
    reason: ClassVar[str] = "InternalError"

    def __init__(
        self,
        message: str,
        *,
        hint: str = "",
        causes: tuple[Cause, ...] = (),
        details: dict[str, Any] | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message, hint=hint)
        self.causes = causes
        self.details = details or {}
        self.retry_after = retry_after

    def to_status(self) -> dict[str, Any]:
        """This error as a `Status` object. The hint travels in `details.hint`."""
        details = dict(self.details)
        if self.causes:
            details["causes"] = [
                {"reason": cause.reason, "message": cause.message, "field": cause.field}
                for cause in self.causes
            ]
        if self.retry_after is not None:
            details["retryAfterSeconds"] = max(1, round(self.retry_after))
        if self.hint:
            details["hint"] = self.hint
        return {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": self.message,
            "reason": self.reason,
            "details": details,
            "code": self.code,
        }


class BadRequest(ApiError):
    code, reason = 400, "BadRequest"


class Unauthorized(ApiError):
    code, reason = 401, "Unauthorized"


class Forbidden(ApiError):
    code, reason = 403, "Forbidden"


class NotFound(ApiError):
    code, reason = 404, "NotFound"


class MethodNotAllowed(ApiError):
    code, reason = 405, "MethodNotAllowed"


class NotAcceptable(ApiError):
    code, reason = 406, "NotAcceptable"


class TooSlow(ApiError):
    """The request did not come in time."""

    code, reason = 408, "RequestTimeout"


class Conflict(ApiError):
    code, reason = 409, "Conflict"


class AlreadyExists(ApiError):
    code, reason = 409, "AlreadyExists"


class Expired(ApiError):
    """The resourceVersion is older than the history that is kept: list again."""

    code, reason = 410, "Expired"


class TooLarge(ApiError):
    code, reason = 413, "RequestEntityTooLarge"


class UnsupportedMediaType(ApiError):
    code, reason = 415, "UnsupportedMediaType"


class Invalid(ApiError):
    code, reason = 422, "Invalid"


class TooManyRequests(ApiError):
    code, reason = 429, "TooManyRequests"


class HeaderTooLarge(ApiError):
    code, reason = 431, "RequestHeaderFieldsTooLarge"


class InternalError(ApiError):
    code, reason = 500, "InternalError"


class Unavailable(ApiError):
    """Not done, and worth trying again."""

    code, reason = 503, "ServiceUnavailable"


class OutcomeUnknown(ApiError):
    """The store did not answer in time: the write may or may not have been made."""

    code, reason = 504, "Timeout"


class InsufficientStorage(ApiError):
    """Not done, and not done by trying again either."""

    code, reason = 507, "InsufficientStorage"


RETRYABLE: tuple[type[KohakuRiverError], ...] = (
    Unreachable,
    Unavailable,
    OutcomeUnknown,
    TooManyRequests,
)

_BY_REASON = {
    kind.reason: kind
    for kind in (
        BadRequest, Unauthorized, Forbidden, NotFound, MethodNotAllowed, NotAcceptable, TooSlow, Conflict,
        HeaderTooLarge, AlreadyExists, Expired, TooLarge, UnsupportedMediaType, Invalid, TooManyRequests,
        InternalError, Unavailable, OutcomeUnknown,
        InsufficientStorage,
    )
}  # fmt: skip
_BY_CODE = {kind.code: kind for kind in _BY_REASON.values() if kind is not AlreadyExists}


def from_status(status: dict[str, Any], *, code: int | None = None) -> ApiError:
    """The typed error that a `Status`, or a bare HTTP code, stands for; nonsense in it counts as absent."""
    said = status.get("code")
    number = said if isinstance(said, int) and 100 <= said < 600 else code or 500
    kind = _BY_REASON.get(str(status.get("reason"))) or _BY_CODE.get(number)
    if kind is None:
        kind = Unavailable if number >= 502 else BadRequest if number < 500 else InternalError
    found = status.get("details")
    details = dict(found) if isinstance(found, dict) else {}
    causes = details.pop("causes", None)
    after = details.pop("retryAfterSeconds", None)
    return kind(
        str(status.get("message") or f"the API server answered {number}"),
        hint=str(details.pop("hint", None) or ""),
        causes=tuple(
            Cause(
                field=str(cause.get("field") or ""),
                message=str(cause.get("message") or ""),
                reason=str(cause.get("reason") or "FieldValueInvalid"),
            )
            for cause in (causes if isinstance(causes, list) else ())
            if isinstance(cause, dict)
        ),
        retry_after=after if isinstance(after, int | float) and not isinstance(after, bool) else None,
        details=details,
    )

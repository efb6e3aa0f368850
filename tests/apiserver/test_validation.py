from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kohakuriver import errors
from kohakuriver.apiserver.objects import validation
from kohakuriver.apiserver.objects.validation import Checked, FieldValidation
from kohakuriver.resources import kinds
from tests import cost

Json = dict[str, Any]


def a_manifest(spec: Any, **fields: Any) -> Json:
    return {
        "apiVersion": kinds.API_VERSION,
        "kind": "VPS",
        "metadata": {"name": "dev"},
        "spec": spec,
        **fields,
    }


def check(spec: Any, mode: FieldValidation = FieldValidation.STRICT, **fields: Any) -> Checked:
    return validation.check(kinds.VPS, a_manifest(spec, **fields), name="dev", mode=mode)


def test_defaults_are_written_out_and_absent_stays_absent() -> None:
    assert check({}).obj["spec"] == {
        "runState": "Running",
        "image": "kohakuriver/debian-ssh",
        "resources": {"cores": 1, "memory": "1Gi"},
        "priority": 0,
        "ssh": {},
        "restartPolicy": "Always",
        "stopGracePeriod": "10s",
        "sessions": {"detachedFor": "24h"},
        "imagePullPolicy": "IfNotPresent",
        "onNodeLost": "Wait",
    }


@pytest.mark.parametrize("cores", [2, 2.0, 0.5, "2", "2000m", "2e0"])
@pytest.mark.parametrize("memory", ["4Gi", "4G", "4096Mi", 4294967296])
def test_values_are_kept_as_they_were_written(cores: Any, memory: Any) -> None:
    spec = check({"resources": {"cores": cores, "memory": memory}}).obj["spec"]
    assert spec["resources"] == {"cores": cores, "memory": memory}
    assert type(spec["resources"]["cores"]) is type(cores)


def test_defaults_reach_into_what_was_given() -> None:
    spec = check({"resources": {"cores": 2}, "tolerations": [{"key": "gpu"}]}).obj["spec"]
    assert spec["resources"] == {"cores": 2, "memory": "1Gi"}
    assert spec["tolerations"] == [{"key": "gpu", "operator": "Equal"}]


def test_an_object_with_its_defaults_stays_as_it_is() -> None:
    once = check({"tolerations": [{"key": "gpu"}], "env": {"A": "1"}}).obj
    again = validation.check(kinds.VPS, once, name="dev", mode=FieldValidation.STRICT)
    assert again == Checked(once)


def test_null_means_absent() -> None:
    obj = check({"placement": None, "image": None, "resources": {"cores": None}}).obj
    assert "placement" not in obj["spec"]
    assert obj["spec"]["image"] == "kohakuriver/debian-ssh"
    assert obj["spec"]["resources"]["cores"] == 1


@pytest.mark.fault(43)
@pytest.mark.parametrize(
    ("spec", "field", "says"),
    [
        ({"resources": {"cores": "4x"}}, "spec.resources.cores", '"4x": invalid quantity "4x"'),
        ({"resources": {"cores": [4]}}, "spec.resources.cores", "must be a string or an integer or a number"),
        ({"resources": {"cores": True}}, "spec.resources.cores", "Invalid value: true: must be"),
        ({"resources": {"cores": 0}}, "spec.resources.cores", 'number of cores "0": use 0.01 or more'),
        ({"resources": {"cores": "1e999999999"}}, "spec.resources.cores", "Invalid value"),
        ({"resources": {"memory": 0}}, "spec.resources.memory", 'invalid memory "0": use 6Mi or more'),
        ({"resources": {"memory": "256m"}}, "spec.resources.memory", "m stands for thousandths"),
        ({"resources": {"memory": "9" * 5000}}, "spec.resources.memory", "invalid quantity"),
        ({"runState": "running"}, "spec.runState", '"Paused" or "Stopped" (did you mean "Running"?)'),
        ({"ssh": {"authorizedKeys": ["x"]}}, "spec.ssh.authorizedKeys[0]", "invalid OpenSSH public key"),
        ({"ssh": {"disabled": True, "passwordless": True}}, "spec.ssh", "set only one of"),
        ({"env": {"A": 5}}, "spec.env.A", "Invalid value: 5: must be a string"),
        ({"command": "ls"}, "spec.command", 'Invalid value: "ls": must be a list'),
        ({"priority": "high"}, "spec.priority", 'Invalid value: "high": must be an integer'),
        ({"stopGracePeriod": "soon"}, "spec.stopGracePeriod", "invalid duration"),
        ({"stopGracePeriod": "10000h"}, "spec.stopGracePeriod", "longer than 336h"),
        ({"stopGracePeriod": -5}, "spec.stopGracePeriod", "invalid duration"),
        ({"resources": {"memory": "\uff13\uff12Mi"}}, "spec.resources.memory", "invalid quantity"),
        ({"env": {"A=B": "c"}}, "spec.env", '"A=B" cannot be the name of a variable'),
        ({"env": {"": "c"}}, "spec.env", '"" cannot be the name of a variable'),
        ({"env": {"A": "a\0b"}}, "spec.env", "A has a NUL character"),
        ({"env": {"A": "x" * 131_070}}, "spec.env", "A and its value have 131072 bytes"),
        ({"command": ["a\0b"]}, "spec.command[0]", "NUL"),
        ({"command": ["x" * 131_072]}, "spec.command[0]", "at most 131071"),
        ({"command": ["", "a"]}, "spec.command", "its first word is the program, and is empty"),
        ({"image": "a b"}, "spec.image", "this is not the name of an image"),
        ({"image": "Team/Image"}, "spec.image", "in small letters"),
        ({"image": "http://example.org/a"}, "spec.image", "without a blank or http://"),
        ({"image": "x" * 300}, "spec.image", "this is not the name of an image"),
        ({"mounts": [{"source": "/data", "target": "/proc/x"}]}, "spec.mounts[0].target", "is the kernel's"),
        ({"volumes": [{"name": "v", "target": "/proc"}]}, "spec.volumes[0].target", "is the kernel's"),
        ({"tolerations": [{"effect": "No"}]}, "spec.tolerations[0].effect", 'supported values: "NoSchedule"'),
        ("text", "spec", "must be an object"),
    ],
    ids=lambda value: str(value)[:40],
)  # fmt: skip
def test_what_is_wrong_is_said_with_its_path(spec: Any, field: str, says: str) -> None:
    with pytest.raises(errors.Invalid) as caught:
        check(spec)
    [cause] = caught.value.causes
    assert cause.field == field
    assert says in cause.message
    assert caught.value.message == f'VPS "dev" is invalid: {cause.field}: {cause.message}'
    assert caught.value.details["kind"] == "VPS", "kubectl prints the kind from here"


@pytest.mark.parametrize(
    "image",
    [
        "debian",
        "debian:12",
        "localhost:5000/a/b:c",
        "reg.example.org/a_b/c__d/e---f:V1.2_3",
        "[::1]:5000/x",
        "kohakuriver/debian-ssh",
        f"a:b@sha256:{'a' * 64}",
    ],
)
def test_every_name_of_an_image_that_engines_know_is_taken(image: str) -> None:
    assert check({"image": image}).obj["spec"]["image"] == image


def test_the_longest_variable_and_argument_that_linux_takes_are_taken() -> None:
    check({"env": {"A": "x" * 131_069}, "command": ["sh", "-c", "x" * 131_071, ""]})


def test_several_mistakes_come_in_one_answer() -> None:
    with pytest.raises(errors.Invalid) as caught:
        check({"resources": {"cores": "4x", "memory": 0}, "command": "ls"})
    fields = [cause.field for cause in caught.value.causes]
    assert fields == ["spec.resources.cores", "spec.resources.memory", "spec.command"]


def test_a_missing_field_is_required() -> None:
    event = {"apiVersion": "v1", "kind": "Event", "metadata": {"name": "e"}}
    with pytest.raises(errors.Invalid) as caught:
        validation.check(kinds.EVENT, event, name="e", mode=FieldValidation.WARN)
    [cause] = caught.value.causes
    assert (cause.field, cause.reason) == ("involvedObject", "FieldValueRequired")


@pytest.mark.fault(43)
def test_strict_refuses_unknown_fields_in_the_words_of_kubernetes() -> None:
    with pytest.raises(errors.BadRequest) as caught:
        check({"resources": {"core": 2}, "imag": "x", "command": "ls"}, extra=1)
    assert caught.value.message == (
        'VPS in version "v1alpha1" cannot be handled as a VPS: strict decoding error: '
        'unknown field "spec.resources.core" (did you mean "cores"?), '
        'unknown field "spec.imag" (did you mean "image"?), unknown field "extra"'
    )
    fields = [cause.field for cause in caught.value.causes]
    assert fields == ["spec.resources.core", "spec.imag", "extra", "spec.command"]


def test_warn_drops_unknown_fields_and_names_each() -> None:
    checked = check({"imag": "x", "tolerations": [{"kee": "a"}]}, FieldValidation.WARN)
    assert "imag" not in checked.obj["spec"]
    assert checked.warnings == (
        'unknown field "spec.imag" (did you mean "image"?)',
        'unknown field "spec.tolerations[0].kee" (did you mean "key"?)',
    )


def test_ignore_drops_unknown_fields_in_silence() -> None:
    checked = check({"imag": "x"}, FieldValidation.IGNORE)
    assert "imag" not in checked.obj["spec"]
    assert checked.warnings == ()


@pytest.mark.fault(46)
def test_unknown_fields_of_a_newer_programs_status_are_kept_with_a_warning() -> None:
    status = {"gpuHealth": 5, "observed": {"epoch": 1, "state": "running", "temperature": {"c": 40}}}
    checked = validation.check_status(kinds.VPS, status, name="dev")
    assert checked.obj == status
    assert checked.warnings == (
        'unknown field "status.gpuHealth"',
        'unknown field "status.observed.temperature"',
    )


def test_mistakes_in_a_status_are_said_with_their_path() -> None:
    with pytest.raises(errors.Invalid) as caught:
        validation.check_status(kinds.VPS, {"observed": {"epoch": "1", "state": "dancing"}}, name="dev")
    assert [cause.field for cause in caught.value.causes] == [
        "status.observed.epoch",
        "status.observed.state",
    ]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=5,
)
FIELDS = (
    "runState",
    "image",
    "resources",
    "placement",
    "tolerations",
    "ssh",
    "env",
    "command",
    "stopGracePeriod",
)


@given(
    st.dictionaries(st.sampled_from(FIELDS) | st.text(max_size=6), JSON, max_size=4),
    st.sampled_from(FieldValidation),
)
def test_any_spec_is_taken_or_refused_in_words(spec: Json, mode: FieldValidation) -> None:
    try:
        checked = check(spec, mode)
    except (errors.Invalid, errors.BadRequest) as error:
        assert error.causes and all(cause.message and cause.field for cause in error.causes)
    else:
        again = validation.check(kinds.VPS, checked.obj, name="dev", mode=FieldValidation.STRICT)
        assert again.obj == checked.obj, "what was taken is taken again, unchanged"


def test_what_is_wrong_in_a_status_and_stood_there_before_keeps_nobody_from_writing_the_rest():
    stored = {"allocatable": {"cores": "lots", "memory": "1Gi"}, "images": ["a"]}
    checked = validation.check_status(kinds.NODE, {**stored, "images": ["b"]}, name="n1", stored=stored)
    assert checked.obj == {**stored, "images": ["b"]}
    with pytest.raises(errors.Invalid) as refused:
        worse = {**stored, "allocatable": {"cores": "tons", "memory": "1Gi"}}
        validation.check_status(kinds.NODE, worse, name="n1", stored=stored)
    assert [cause.field for cause in refused.value.causes] == ["status.allocatable.cores"]


def test_a_lease_of_an_older_version_with_a_time_that_is_none_can_still_be_renewed():
    spec = {"holderIdentity": "a", "acquireTime": "nonsense"}
    old = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": "l"}, "spec": spec}
    new = {**old, "spec": {**spec, "renewTime": "2026-01-01T00:00:00.000000Z"}}
    mode = validation.FieldValidation.WARN
    assert validation.check(kinds.LEASE, new, name="l", mode=mode, stored=old).obj == new
    with pytest.raises(errors.Invalid):
        validation.check(kinds.LEASE, new, name="l", mode=mode)


@pytest.mark.parametrize(
    "spec",
    [
        {"runState": "A" * 300_000},
        {"resources": {"memory": "1" * 3_000}},
        {"stopGracePeriod": "1" * 3_000 + "x"},
        {"sessions": {"detachedFor": "1" * 3_000 + "x"}},
        {"restartPolicy": ["A" * 30_000]},
    ],
)
def test_what_is_far_too_long_is_refused_as_fast_as_what_is_short_and_not_repeated(spec: Json) -> None:
    def refusing(spec: Json) -> Callable[[], None]:
        def refused() -> None:
            with pytest.raises(errors.Invalid) as failure:
                check(spec)
            assert len(failure.value.message) < 500

        return refused

    assert cost.ratio(refusing(spec), refusing({"runState": "running"})) < 10


def test_a_value_that_is_wrong_is_shown_by_its_beginning() -> None:
    with pytest.raises(errors.Invalid) as failure:
        check({"image": list(range(1000))})
    assert "[0, 1, 2" in failure.value.message and len(failure.value.message) < 300


def test_a_key_that_was_let_in_once_keeps_nobody_from_changing_the_rest() -> None:
    stored = {"ssh": {"authorizedKeys": ["ssh-ed25519 AAAA old"]}}
    old = {"metadata": {"name": "dev"}, "spec": stored}

    def change(**spec: Any) -> Json:
        body = {"apiVersion": kinds.VPS.api_version, "kind": "VPS", "metadata": {"name": "dev"}, "spec": spec}
        return validation.check(kinds.VPS, body, name="dev", mode=FieldValidation.STRICT, stored=old).obj

    stopped = change(**stored, runState="Stopped")
    assert stopped["spec"]["ssh"] == stored["ssh"] and stopped["spec"]["resources"]["cores"] == 1
    with pytest.raises(errors.Invalid, match=r"authorizedKeys\[0\].*cut short"):
        change(ssh={"authorizedKeys": ["ssh-ed25519 AAAA new", "ssh-ed25519 AAAA old"]})

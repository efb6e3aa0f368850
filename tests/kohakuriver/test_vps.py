import pydantic
import pytest

from kohakuriver.resources import vps


def a_vps(**spec):
    return {"apiVersion": "kohakuriver.io/v1alpha1", "kind": "VPS", "metadata": {"name": "dev"}, "spec": spec}


def test_the_defaults_are_written_out():
    spec = vps.VPS.model_validate(a_vps()).to_json()["spec"]
    assert spec["image"] == "kohakuriver/debian-ssh"
    assert spec["resources"] == {"cores": 1, "memory": "1Gi"}
    assert (spec["runState"], spec["restartPolicy"], spec["stopGracePeriod"]) == ("Running", "Always", "10s")


def test_values_keep_the_form_the_user_gave_them():
    spec = vps.VPS.model_validate(a_vps(resources={"cores": 2, "memory": "4G"})).to_json()["spec"]
    assert spec["resources"] == {"cores": 2, "memory": "4G"}


@pytest.mark.parametrize(
    ("spec", "path"),
    [
        ({"resources": {"cores": "4x"}}, ("spec", "resources", "cores")),
        ({"resources": {"memory": 0}}, ("spec", "resources", "memory")),
        ({"resources": {"cores": 0}}, ("spec", "resources", "cores")),
        ({"imge": "x"}, ("spec", "imge")),
        ({"env": {"A": 1}}, ("spec", "env", "A")),
        ({"ssh": {"passwordless": True, "disabled": True}}, ("spec", "ssh")),
        ({"ssh": {"authorizedKeys": ["nonsense"]}}, ("spec", "ssh", "authorizedKeys")),
        ({"runState": "running"}, ("spec", "runState")),
        ({"stopGracePeriod": "soon"}, ("spec", "stopGracePeriod")),
    ],
)
def test_a_wrong_field_is_named_by_its_path(spec, path):
    with pytest.raises(pydantic.ValidationError) as caught:
        vps.VPS.model_validate(a_vps(**spec))
    assert {error["loc"][: len(path)] for error in caught.value.errors()} == {path}

import pytest

from kohakuriver.resources import kinds, models


@pytest.mark.parametrize(
    ("word", "kind"),
    [
        ("vps", "VPS"),
        ("vpses", "VPS"),
        ("VPS", "VPS"),
        ("no", "Node"),
        ("nodes.kohakuriver.io", "Node"),
        ("ns", "Namespace"),
    ],
)
def test_a_kind_is_found_by_each_of_its_names(word, kind):
    found = kinds.find(word)
    assert found is not None
    assert found.kind == kind


def test_a_kind_of_another_group_is_not_ours():
    assert kinds.find("nodes.example.org") is None
    assert kinds.by_kind("v1", "VPS") is None


def test_every_kind_has_one_model():
    assert set(models.MODELS) == set(kinds.ALL)
    assert set(models.VIEWS) == {view.shown for view in kinds.VIEWS}


def test_no_two_kinds_answer_to_one_name():
    names = [name for kind in kinds.ALL for name in set(kind.names)]
    assert len(names) == len(set(names))


def test_the_path_of_a_namespaced_object_names_its_namespace():
    path = kinds.VPS.path(namespace="default", name="dev", subresource="status")
    assert path == "/apis/kohakuriver.io/v1alpha1/namespaces/default/vpses/dev/status"
    assert kinds.NAMESPACE.path(name="a") == "/api/v1/namespaces/a"

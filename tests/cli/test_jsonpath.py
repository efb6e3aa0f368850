"""Templates are read and rendered as kubectl does."""

import pytest

from kohakuriver.cli.kubectl import jsonpath

VPS = {
    "metadata": {"name": "dev", "labels": {"kohakuriver.io/team": "red"}},
    "spec": {"resources": {"cores": 2}, "ssh": {"authorizedKeys": ["a", "b", "c"]}},
    "status": {
        "phase": "running",
        "conditions": [
            {"type": "Scheduled", "status": "True", "count": 1},
            {"type": "SSHReady", "status": "False", "count": 3},
        ],
    },
}
LIST = {"items": [VPS, {"metadata": {"name": "test"}, "status": {"phase": "pending"}}]}


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("{.status.phase}", "running"),
        (".status.phase", "running"),
        ("status.phase", "running"),
        ("{$.status.phase}", "running"),
        ("phase is {.status.phase}!", "phase is running!"),
        ("{.spec.resources}", '{"cores":2}'),
        ("{.metadata.labels.kohakuriver\\.io/team}", "red"),
        ("{.metadata.labels['kohakuriver.io/team']}", "red"),
        ("{.spec.ssh.authorizedKeys[0]}", "a"),
        ("{.spec.ssh.authorizedKeys[-1]}", "c"),
        ("{.spec.ssh.authorizedKeys[0:2]}", "a b"),
        ("{.spec.ssh.authorizedKeys[0,2]}", "a c"),
        ("{.spec.ssh.authorizedKeys[*]}", "a b c"),
        ('{.status.conditions[?(@.type=="SSHReady")].status}', "False"),
        ("{.status.conditions[?(@.type != 'SSHReady')].type}", "Scheduled"),
        ("{.status.conditions[?(@.count > 1)].type}", "SSHReady"),
        ("{.status.conditions[?(@.count)].type}", "Scheduled SSHReady"),
        ('{.metadata.name}{"\\t"}{.status.phase}{"\\n"}', "dev\trunning\n"),
        ("{.nothing.of.the.kind}", ""),
        ("{.spec.ssh.authorizedKeys[9]}", ""),
        ("{..type}", "Scheduled SSHReady"),
        ("{.status.conditions[*].type}", "Scheduled SSHReady"),
    ],
)
def test_an_expression_finds_what_kubectl_finds(template, expected):
    assert jsonpath.compile_template(template).render(VPS) == expected


def test_a_range_renders_its_body_for_each_item():
    template = '{range .items[*]}{.metadata.name}={.status.phase}{"\\n"}{end}done'
    assert jsonpath.compile_template(template).render(LIST) == "dev=running\ntest=pending\ndone"


def test_ranges_nest():
    template = "{range .items[*]}{.metadata.name}:{range .status.conditions[*]}{.type},{end};{end}"
    assert jsonpath.compile_template(template).render(LIST) == "dev:Scheduled,SSHReady,;test:;"


@pytest.mark.parametrize(
    "template",
    [
        "{.a",
        "{.a[}",
        "{.a[x]}",
        "{range .a[*]}",
        "{end}",
        "{.a[?(@.b==c)]}",
        "{.a[?x]}",
        "{hello}",
        "{}",
        "{.a b}",
    ],
)
def test_what_is_no_template_is_refused(template):
    with pytest.raises(jsonpath.JsonPathError):
        jsonpath.compile_template(template)

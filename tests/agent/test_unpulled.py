"""Why an image could not be pulled, in our words first: what matters stands in the first 60 characters."""

import pytest

from kohakuriver.agent.images.images import failed_words
from kohakuriver.agent.runtime import unpulled
from kohakuriver.agent.runtime.errors import RuntimeTimeout
from kohakuriver.resources import reasons

HEAD = "failed to resolve reference: failed to do request: Head https://registry.invalid/v2/x/manifests/1: "

SAID = [
    (
        "registry.invalid/team/app:1",
        f"{HEAD}dial tcp: lookup registry.invalid on 10.0.0.53:53: no such host",
        "no registry answers at registry.invalid",
        "",
    ),
    (
        "registry.invalid/team/app:1",
        "Get https://registry.invalid/v2/: dial tcp 10.0.0.9:443: connect: connection refused",
        "no registry answers at registry.invalid",
        "",
    ),
    (
        "10.0.0.9:5000/app",
        "net/http: request canceled while waiting for connection (Client.Timeout exceeded)",
        "no registry answers at 10.0.0.9:5000",
        "",
    ),
    (
        "debian:nope",
        "manifest for debian:nope not found: manifest unknown: manifest unknown",
        "registry docker.io has no image debian:nope",
        reasons.IMAGE_NOT_FOUND,
    ),
    (
        "r.example/app:1",
        "failed to resolve reference: unexpected status: 404 Not Found",
        "registry r.example has no image app:1",
        reasons.IMAGE_NOT_FOUND,
    ),
    (
        "alice/private",
        "pull access denied for alice/private, repository does not exist or may "
        "require 'docker login': denied",
        "registry docker.io has no image alice/private:latest, or refuses access to it",
        reasons.IMAGE_DENIED,
    ),
    (
        "r.example/app:1",
        "unauthorized: authentication required",
        "registry r.example refuses access to app:1",
        reasons.IMAGE_DENIED,
    ),
    (
        "debian:12",
        "toomanyrequests: You have reached your pull rate limit",
        "registry docker.io wants fewer pulls for a while",
        "",
    ),
    (
        "debian:12",
        "no matching manifest for linux/arm64/v8 in the manifest list entries",
        "registry docker.io has debian:12 for other machines only",
        reasons.IMAGE_NOT_FOUND,
    ),
    (
        "r.example/app:1",
        "tls: failed to verify certificate: x509: certificate signed by unknown authority",
        "the node does not trust the certificate of registry r.example",
        "",
    ),
    (
        "debian:12",
        "failed to register layer: write /usr/lib/x: no space left on device",
        "the node's disk is full: no room for debian:12",
        "",
    ),
    ("debian:12", "something new", "the image debian:12 could not be pulled", ""),
]


@pytest.mark.parametrize(("image", "said", "own", "reason"), SAID)
def test_each_thing_that_goes_wrong_has_a_sentence_of_ours(image, said, own, reason):
    error = unpulled.refused(image, said)
    assert (error.own, error.reason, error.said) == (own, reason, said)
    assert error.message == f"{own}: {said}"


def test_why_and_when_come_first_and_the_engines_own_words_last():
    error = unpulled.refused("registry.invalid/x:1", f"{HEAD}lookup registry.invalid: no such host")
    words = failed_words(error, 16.0)
    assert words[:60].startswith("no registry answers at registry.invalid; next try in 16 s: ")
    assert words.endswith("lookup registry.invalid: no such host")


def test_a_hint_stands_before_the_engines_words():
    words = failed_words(
        unpulled.refused("r.example/x:1", "unauthorized", hint="ask for an Environment"), 2.0
    )
    assert words == (
        "registry r.example refuses access to x:1; next try in 2 s (ask for an Environment): unauthorized"
    )


def test_what_is_no_failure_of_a_pull_is_told_as_it_is():
    words = failed_words(RuntimeTimeout("the container engine did not answer in time"), 1.0)
    assert words == "the container engine did not answer in time; next try in 1 s"

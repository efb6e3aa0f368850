"""One line per record: a sentence, then fields."""

import io
import logging

from kohakuriver.logs import LineFormatter


def logged(message: str, *arguments: object, **fields: object) -> str:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(LineFormatter())
    logger = logging.Logger("apiserver.caching.cache")
    logger.addHandler(handler)
    logger.warning(message, *arguments, extra=fields)
    return stream.getvalue()


def test_a_record_is_one_line_with_its_fields():
    line = logged("the store watch broke", revision=812, wait=0.5, error="no leader")
    time, rest = line.rstrip("\n").split(" ", 1)
    assert time.endswith("Z")
    assert (
        rest
        == 'WARNING apiserver.caching.cache  the store watch broke  revision=812 wait=0.5 error="no leader"'
    )


def test_what_others_log_stays_on_one_line_too():
    assert logged("%s\nand %s", "one", "two").endswith("one\\nand two\n")


def test_values_cannot_forge_fields_or_lines():
    line = logged("request", path="/x\nfake line", who='a b="c"', empty="")
    assert line.count("\n") == 1
    assert 'path="/x\\nfake line"' in line
    assert 'who="a b=\\"c\\""' in line
    assert 'empty=""' in line


def test_what_somebody_sent_moves_no_terminal_and_makes_no_line_of_its_own():
    line = logged("request", path="/a\x1b[2J\nb\x9bc\ud800", who="élan")
    assert line.removesuffix("\n").isprintable()
    assert "who=élan" in line

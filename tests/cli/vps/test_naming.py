"""The name of a VPS that is to be: as a word, or by --name."""

import pytest

from kohakuriver.cli import failures
from kohakuriver.cli.vps import naming


@pytest.mark.parametrize(
    ("words", "option", "name"),
    [([], None, None), (["lab"], None, "lab"), ([], "lab", "lab"), (["lab"], "lab", "lab")],
)
def test_a_name_is_a_word_or_an_option(words, option, name):
    assert naming.chosen(words, option) == name


@pytest.mark.parametrize(
    ("words", "option", "said"),
    [
        (["lab"], "dev", 'one VPS has one name: "lab", or --name dev?'),
        (["lab", "bash"], None, 'one VPS has one name, and "bash" is one word more'),
        (["debian:12"], None, '"debian:12" is an image: kohakuriver vps create --image debian:12'),
        (["team/debian"], None, '"team/debian" is an image: kohakuriver vps create --image team/debian'),
        (["lab", "debian:12"], None, '"debian:12" is an image: kohakuriver vps create lab --image debian:12'),
        (["debian:12", "lab"], None, '"debian:12" is an image: kohakuriver vps create lab --image debian:12'),
        (["/data:/data"], None, '"/data:/data" is a mount: kohakuriver vps create --mount /data:/data'),
        (["home:/root"], None, '"home:/root" is a volume: kohakuriver vps create --volume home:/root'),
    ],
)
def test_what_is_no_name_is_told_where_it_belongs(words, option, said):
    with pytest.raises(failures.UsageError) as caught:
        naming.chosen(words, option)
    assert caught.value.message == said

"""What a container is started with: the image's name, the program's arguments, its environment.

Types of the VPS and Environment models. What no engine and no kernel takes is refused here, when it is
declared and by its field, and not minutes later on a node.
"""

import re
from typing import Annotated

import pydantic

_LONGEST = (
    128 * 1024 - 1
)  # bytes of one string of argv or environ: Linux' MAX_ARG_STRLEN, less the closing NUL

_COMPONENT = r"[a-z0-9]+(?:(?:\.|__?|-+)[a-z0-9]+)*"
_HOST = r"(?:\[[0-9a-fA-F:]+\]|[a-zA-Z0-9][a-zA-Z0-9.-]*)(?::[0-9]+)?"
_IMAGE = re.compile(
    rf"(?P<name>(?:{_HOST}/)?{_COMPONENT}(?:/{_COMPONENT})*)(?::\w[\w.-]{{0,127}})?(?:@[a-z0-9+._-]+:[0-9a-f]{{32,}})?",
    re.ASCII,
)


def _image(name: str) -> str:
    match = _IMAGE.fullmatch(name)
    if match is None or len(match["name"]) > 255:
        raise ValueError(
            "this is not the name of an image: write one such as debian:12 or "
            "registry.example.org/team/image:tag, in small letters, without a blank or http://"
        )
    return name


def _argument(word: str) -> str:
    if "\0" in word:
        raise ValueError("no program can be given a NUL character")
    _check_length(word)
    return word


def _command(words: list[str]) -> list[str]:
    if words and not words[0]:
        raise ValueError("its first word is the program, and is empty")
    return words


def _variables(variables: dict[str, str]) -> dict[str, str]:
    for name, value in variables.items():
        if not name or "=" in name or "\0" in name:
            raise ValueError(
                f'"{name[:40]}" cannot be the name of a variable: it has a character, and no = or NUL'
            )
        if "\0" in value:
            raise ValueError(f"{name[:40]} has a NUL character, which no environment variable can hold")
        _check_length(f"{name}={value}", of=f"{name[:40]} and its value have ")
    return variables


def _check_length(text: str, *, of: str = "") -> None:
    length = len(text.encode(errors="surrogatepass"))
    if length > _LONGEST:
        raise ValueError(
            f"{of}{length} bytes: Linux gives a program at most {_LONGEST} in one; mount a file instead"
        )


ImageName = Annotated[str, pydantic.Field(min_length=1, max_length=512), pydantic.AfterValidator(_image)]
Command = Annotated[
    list[Annotated[str, pydantic.AfterValidator(_argument)]], pydantic.AfterValidator(_command)
]
Variables = Annotated[dict[str, str], pydantic.AfterValidator(_variables)]

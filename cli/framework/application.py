"""The typer application: commands are imported when they are called, help is plain text. Knows no exit code.

Help of the whole is printed from the catalogue; help of a command opens with its examples, which stand in the
command's file as EXAMPLES: a text, or one for each of its commands.

The one file that stands on typer's insides (the classes in typer.core); pyproject.toml caps typer for it.
"""

import importlib
import inspect
import shlex
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer
import typer.core

from kohakuriver.cli import failures, screen
from kohakuriver.cli.framework import catalogue, coercion, declared, dry_run, front, global_options
from kohakuriver.cli.framework.habits import options, placing, switches


class Command(typer.core.TyperCommand):
    """A command whose help opens with examples and ends with the global options."""

    answers: Mapping[str, options.Answer] = {}  # to options that it does not have

    def get_params(self, ctx: Any) -> Any:
        return coercion.shorten(super().get_params(ctx))

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        args = switches.spelled_out(args, self.params)
        if any(dry_run.OPTION in parameter.opts for parameter in self.params):
            args = dry_run.spelled_out(args)
        if "--" in args and callable(answer := self.answers.get("--")):
            raise failures.UsageError(answer(_behind_its_name(args)))
        try:
            self._look_for_name(ctx, args)
            return list(super().parse_args(ctx, list(args)))
        except Exception as error:
            if type(error).__name__ != "NoSuchOption":
                raise
            raise options.answer(getattr(error, "option_name", ""), args, self.answers) or error from None

    def _look_for_name(self, ctx: Any, args: list[str]) -> None:
        """Of `exec NAME -- COMMAND` and its like, the first word behind `--` is not the NAME."""
        words = [one for one in self.params if one.param_type_name == "argument"]
        if len(words) != 2 or not str(words[1].metavar).startswith("-- "):
            return
        takes = {
            name: not one.is_flag for one in self.get_params(ctx) if one not in words for name in one.opts
        }
        inner = placing.second_word(args, takes)
        if inner is not None and any(one.startswith("-") for one in args[inner + 1 :]):
            whole = shlex.join([*ctx.command_path.split(), *args[:inner], "--", *args[inner:]])
            raise failures.UsageError(f"a command with options stands behind --: {whole}")
        if "--" not in args:
            return
        cut = args.index("--")
        read, _, _ = self.make_parser(ctx).parse_args(args[:cut])
        if not read.get(words[0].name):
            before = filter(None, args[:cut])  # the name may be an empty variable
            whole = shlex.join([*ctx.command_path.split(), *before, "NAME", *args[cut:]])
            raise failures.UsageError(f"the VPS is missing: {whole}")

    def format_help(self, ctx: Any, formatter: Any) -> None:
        self.format_usage(ctx, formatter)
        examples = inspect.cleandoc(self.epilog or "")
        if examples:
            with formatter.section("Examples"):
                for line in examples.splitlines():
                    formatter.write(f"{'':{formatter.current_indent}}{line}".rstrip() + "\n")
        self.format_help_text(ctx, formatter)
        own: list[Any] = []
        shared: list[Any] = []
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record is not None:
                panel = getattr(parameter, "rich_help_panel", None)
                (shared if panel == global_options.PANEL else own).append(record)
        for title, records in (("Arguments and options", own), (global_options.PANEL, shared)):
            if records:
                with formatter.section(title):
                    formatter.write_dl(records)


def _behind_its_name(words: Sequence[str]) -> str:
    """`dev -- ls` of `--session build dev -- ls`."""
    cut = words.index("--")
    name = next((word for word in reversed(words[:cut]) if not word.startswith("-")), "NAME")
    return shlex.join([name, *words[cut:]])


class Group(typer.core.TyperGroup):
    """Commands, each imported when it is called."""

    entry: catalogue.Entry | None = None  # None: all of kohakuriver

    @property
    def entries(self) -> Sequence[catalogue.Entry]:
        return self.entry.commands if self.entry else catalogue.ENTRIES

    def get_params(self, ctx: Any) -> Any:
        return coercion.shorten(super().get_params(ctx))

    def list_commands(self, ctx: Any) -> list[str]:
        return [entry.name for entry in self.entries]

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        if catalogue.find(args[0], self.entries) is None:
            from kohakuriver.cli.framework.habits import unknown

            before = ctx.find_root().ensure_object(dict).get(global_options.KEY, {})
            before = {
                **before,
                **global_options.given(ctx.params),
            }  # the callback notes them, and is called later
            raise unknown.command(self.entry.name if self.entry else "", args, before)
        return super().resolve_command(ctx, args)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        entry = catalogue.find(cmd_name, self.entries)
        if entry is None:
            return None
        return _group(entry) if entry.is_group else load(entry)

    def format_help(self, ctx: Any, formatter: Any) -> None:
        if self.entry is not None:
            formatter.write(front.of_group(self.entry))
            return
        formatter.write(front.whole())


def build() -> Any:
    """The application, ready to be called."""
    app = typer.Typer(cls=Group, add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
    settings = {"help_option_names": ["-h", "--help"]}
    app.callback(invoke_without_command=True, context_settings=settings)(_in_typers_words(_root))
    return typer.main.get_command(app)


def _in_typers_words(function: Any) -> Any:
    """The function itself, with the parameters that it declares as typer knows them."""
    known = inspect.signature(function)
    parameters = [
        one.replace(annotation=declared.as_typer(one.annotation)) for one in known.parameters.values()
    ]
    function.__annotations__ = {one.name: one.annotation for one in parameters}
    function.__signature__ = known.replace(parameters=parameters)
    return function


def _root(
    ctx: typer.Context,
    *,
    config: global_options.Config = None,
    context: global_options.Context = None,
    namespace: global_options.Namespace = None,
    request_timeout: global_options.RequestTimeout = None,
    verbose: global_options.Verbose = False,
    version: Annotated[bool, typer.Option("--version")] = False,
) -> int:
    values = {
        "config": config,
        "context": context,
        "namespace": namespace,
        "request_timeout": request_timeout,
        "verbose": verbose,
    }
    ctx.ensure_object(dict)[global_options.KEY] = global_options.given(values)
    if version:
        screen.out(front.VERSION, end="")
        raise typer.Exit()
    if ctx.invoked_subcommand is None:
        screen.out(ctx.get_help())
    return 0


def _group(entry: catalogue.Entry) -> Any:
    """A group of commands; global options may stand between its name and theirs."""
    app = typer.Typer(cls=Group, add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
    settings = {"help_option_names": ["-h", "--help"]}
    app.callback(invoke_without_command=True, context_settings=settings)(_in_typers_words(_between))
    made = typer.main.get_command(app)
    made.name = entry.name
    made.entry = entry  # type: ignore[attr-defined]
    return made


def _between(
    ctx: typer.Context,
    *,
    config: global_options.Config = None,
    context: global_options.Context = None,
    namespace: global_options.Namespace = None,
    request_timeout: global_options.RequestTimeout = None,
    verbose: global_options.Verbose = False,
) -> int:
    values = {
        "config": config,
        "context": context,
        "namespace": namespace,
        "request_timeout": request_timeout,
        "verbose": verbose,
    }
    before = ctx.find_root().ensure_object(dict)
    before[global_options.KEY] = {**before.get(global_options.KEY, {}), **global_options.given(values)}
    if ctx.invoked_subcommand is None:
        screen.out(ctx.get_help())
    return 0


def examples(entry: catalogue.Entry) -> str:
    """The command lines that its help opens with; a file with several commands has them by their names."""
    found = getattr(importlib.import_module(entry.path), "EXAMPLES", "")
    return str(found[entry.name] if isinstance(found, Mapping) else found)


def load(entry: catalogue.Entry) -> Any:
    """The command, its file imported."""
    module = importlib.import_module(entry.path)
    function = getattr(module, entry.function or entry.name)
    wrap = global_options.with_globals if entry.remote else global_options.without_globals
    settings: dict[str, Any] = {"help_option_names": ["-h", "--help"], "max_content_width": 110}
    if entry.passthrough:
        settings = {
            "help_option_names": [],
            "ignore_unknown_options": True,
            "allow_interspersed_args": False,
        }
    app = typer.Typer(rich_markup_mode=None, add_completion=False, pretty_exceptions_enable=False)
    app.command(
        entry.name,
        cls=Command,
        epilog=examples(entry),
        context_settings=settings,
        add_help_option=not entry.passthrough,
    )(wrap(function))
    made = typer.main.get_command(app)
    made.answers = getattr(module, "ANSWERS", {})  # type: ignore[attr-defined]
    return made

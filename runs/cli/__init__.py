"""The command line: ``thermopolis run FILE`` and what belongs to it.

Exit codes: 0 done, 1 the run failed, 2 the call or the file was wrong, 130 interrupted (what is finished is
kept). JAX, xarray and pydantic are imported only by the commands that need them, so that ``--help`` answers at
once.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from thermopolis.runs.cli.guard import debugging, guarded

app = typer.Typer(
    name="thermopolis",
    help="Agent-based active inference on a simulated thermodynamic computer, from experiment files.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _named(text: str | None) -> str | None:
    """Refuses the empty name that an unset variable of the shell leaves."""
    if text == "":
        raise typer.BadParameter("expected a name, got ''")
    return text


File = Annotated[str, typer.Argument(metavar="FILE", help="An experiment file (YAML).", callback=_named)]
Directory = Annotated[
    str,
    typer.Argument(metavar="DIR", help="A results directory; its hash may be left out.", callback=_named),
]
Changes = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="PATH=VALUE", help="Change a setting, as in agents.0.temperature=2."),
]
Out = Annotated[
    str | None,
    typer.Option("--out", metavar="DIR", help="Results directory [results/NAME-HASH].", callback=_named),
]
Engine = Annotated[
    str,
    typer.Option(
        metavar="auto|compiled|pettingzoo", help="auto: compiled unless a player or world can't be."
    ),
]
Shown = Annotated[
    str, typer.Option("--progress", metavar="auto|bar|lines|json|none", help="How progress is shown.")
]
Executor = Annotated[
    str | None,
    typer.Option(metavar="local|dask|dask://HOST:PORT", help="Who computes [this process]."),
]
Workers = Annotated[int | None, typer.Option(metavar="N", help="Workers of the executor [one a core].")]
Memory = Annotated[
    str | None, typer.Option(metavar="SIZE", help="What a worker may use, as 4GiB [half of all].")
]
Quiet = Annotated[
    bool, typer.Option("--quiet", "-q", help="Print nothing but errors and where the results are.")
]


def _version(wanted: bool) -> None:
    if wanted:
        from thermopolis import __version__

        print(f"thermopolis {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print it.")
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks (anywhere on the line).")] = False,
) -> None:
    if debug:
        debugging(True)


@app.command()
@guarded
def run(
    file: File,
    changes: Changes = None,
    out: Out = None,
    engine: Engine = "auto",
    executor: Executor = None,
    workers: Workers = None,
    memory: Memory = None,
    progress: Shown = "auto",
    quiet: Quiet = False,
) -> None:
    """Run an experiment (with the sweep it holds); finished points are not redone."""
    from thermopolis.runs.cli.running import How, execute

    how = How(engine, executor, workers, memory, progress, quiet)
    execute(file, changes or [], [], Path(out) if out else None, how)


@app.command()
@guarded
def sweep(
    file: File,
    over: Annotated[
        list[str] | None,
        typer.Option(
            "--over",
            metavar="PATH=SPEC",
            help="Sweep a path: 0.1,1,10 or {geomspace: [0.1, 10, 5]}; repeatable.",
        ),
    ] = None,
    changes: Changes = None,
    out: Out = None,
    engine: Engine = "auto",
    executor: Executor = None,
    workers: Workers = None,
    memory: Memory = None,
    progress: Shown = "auto",
    quiet: Quiet = False,
) -> None:
    """Run an experiment at every combination of swept values."""
    from thermopolis.runs.cli.running import How, execute

    how = How(engine, executor, workers, memory, progress, quiet)
    execute(file, changes or [], over or [], Path(out) if out else None, how, swept=True)


@app.command()
@guarded
def plot(
    directory: Directory,
    figures: Annotated[
        list[str] | None,
        typer.Argument(metavar="[FIGURE]…", help="Which (see: list figures); all by default."),
    ] = None,
) -> None:
    """Draw figures of a results directory into DIR/figures."""
    from thermopolis.runs.cli.looking import draw

    draw(directory, figures or [])


@app.command()
@guarded
def report(directory: Directory) -> None:
    """Write DIR/report.html: one self-contained page."""
    from thermopolis.runs.cli.looking import write_report

    write_report(directory)


@app.command()
@guarded
def view(
    directory: Directory,
    port: Annotated[int, typer.Option(min=0, max=65535, help="0: any that is free.")] = 0,
) -> None:
    """Serve a live page of a results directory on 127.0.0.1, until Ctrl-C."""
    from thermopolis.runs.cli.looking import serve_page

    serve_page(directory, port)


@app.command()
@guarded
def validate(file: File, changes: Changes = None) -> None:
    """Check an experiment file and every point of its sweep; run nothing."""
    from thermopolis.runs.cli.running import describe
    from thermopolis.runs.loading import load_plan

    laid_out = load_plan(file, changes or [])
    print(f"{file}: ok: {describe(laid_out)}")


@app.command()
@guarded
def schema() -> None:
    """Print the JSON schema of experiment files, for editors."""
    import json

    from thermopolis.runs.schema import Experiment

    print(json.dumps(Experiment.model_json_schema(), indent=2))


@app.command("list")
@guarded
def list_(
    what: Annotated[
        str, typer.Argument(metavar="environments|agents|devices|experiments|strategies|figures")
    ],
) -> None:
    """List what an experiment can be made of."""
    from thermopolis.runs.cli.listing import lines

    for line in lines(what):
        print(line)


@app.command()
@guarded
def doctor() -> None:
    """Say what is installed, on what machine, and what is missing."""
    from thermopolis.runs.cli.checkup import checkup

    checkup()


def main(arguments: list[str] | None = None) -> Any:
    """The console script."""
    given = sys.argv[1:] if arguments is None else arguments
    debugging("--debug" in given)
    try:
        words = [word for word in given if word != "--debug"]
        return sys.exit(app(args=words, prog_name="thermopolis", standalone_mode=False) or 0)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return sys.exit(130)
    except Exception as error:
        if not hasattr(error, "format_message"):  # none of click's, which typer may have a copy of
            raise
        return sys.exit(_wrong_call(error, given))


def _wrong_call(error: Any, given: list[str]) -> int:
    """Says in a line what is wrong with a call; its exit code."""
    if type(error).__name__ == "NoArgsIsHelpError":
        error.show()
        return 2
    known = [one.name or one.callback.__name__ for one in app.registered_commands if one.callback is not None]
    command = " ".join(["thermopolis", *(word for word in given[:1] if word in known)])
    what = error.format_message().rstrip(".").replace("Invalid value for ", "")
    print(f"{command}: {what[:1].lower()}{what[1:]} ({command} --help lists what there is)", file=sys.stderr)
    return 2

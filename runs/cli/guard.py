"""From an exception to a line on stderr and an exit code; a traceback only with ``--debug``."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable
from typing import Any, NoReturn, TypeVar

from thermopolis.errors import ExperimentError, ModelError, ThermopolisError

Command = TypeVar("Command", bound=Callable[..., Any])

_debug = False


class CallError(ThermopolisError):
    """The call itself was wrong: exit 2."""


def debugging(on: bool) -> None:
    """Whether tracebacks are shown."""
    global _debug
    _debug = on


def _leave(code: int) -> NoReturn:
    """Ends the process without waiting for threads that still compute."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def guarded(command: Command) -> Command:
    """A command whose exceptions become messages and exit codes."""

    @functools.wraps(command)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        try:
            return command(*args, **kwargs)
        except KeyboardInterrupt:
            print("interrupted", file=sys.stderr)
            _leave(130)
        except BrokenPipeError:
            # the reader of a pipe went away, as in `thermopolis list strategies | head`
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise SystemExit(0) from None
        except ThermopolisError as error:
            if _debug:
                raise
            print(error, file=sys.stderr)
            raise SystemExit(
                2 if isinstance(error, (ExperimentError, ModelError, CallError)) else 1
            ) from None
        except Exception as error:
            if _debug:
                raise
            what = " ".join(str(error).split()) or "no message"
            print(f"{type(error).__name__}: {what[:500]}", file=sys.stderr)
            print("this is a fault of thermopolis, not of your file; --debug shows where", file=sys.stderr)
            raise SystemExit(1) from None

    return wrapped  # type: ignore[return-value]

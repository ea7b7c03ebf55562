"""From an exception to one clear line, at most one line of advice, and the exit code."""

import os
import sys
import traceback
import warnings
from collections.abc import Callable

import typer

from attnviz import errors
from attnviz.errors import AttnvizError

BUG, REQUEST, INTERRUPTED = 1, 2, 130

# What to try, by what went wrong; the nearest class counts.
ADVICE: dict[type[AttnvizError], str] = {
    errors.RequestError: "attnviz --help lists the verbs, attnviz VERB --help what each takes",
    errors.OutOfRange: "numbers count from 0, negative ones from the end: --layer -1 is the last",
    errors.MissingInternals: "choose another --layer or --model; a saved record holds weights alone",
    errors.MissingWeights: "read the text again: with --model in place of --record",
    errors.EmptyText: 'give at least one word, such as "The quick brown fox"',
    errors.UnknownSuffix: "the suffix of the file name chooses the format",
    errors.OutputExists: "add --force to replace it, or choose another name",
    errors.Unwritable: "choose another place with -o",
    errors.HubUnreachable: "give a folder that holds the model instead: --model PATH",
    errors.NotFound: "check the spelling; --model takes builtin, a folder or a hub id",
    errors.Damaged: "make or download the file again",
    errors.UnsafeModel: "ask its author for safetensors, or convert it yourself if you trust it",
    errors.ForeignCode: "add --trust-remote-code if you trust its author",
    errors.IncompleteModel: "copy or download the whole model folder: weights, config and tokenizer files",
    errors.UnsupportedModel: "attnviz info MODEL says what it is; in Python, from_arrays takes any weights",
    errors.MissingPackage: "install it with pip, beside attnviz",
    errors.NoAttention: "choose a transformer: its layers look from token to token",
    errors.NoAnswer: "choose a model saved with the head that answers, such as a language model",
    errors.TextTooLong: "shorten the text, or use a model with more positions: the built-in one has no limit",
    errors.PageTooLarge: "pool its tokens with --pool, choose fewer heads, or allow more with --max-size",
    errors.BudgetError: "choose fewer heads (--layer, --head), or a part of the text (--from, --to)",
    errors.ModelTooLarge: "try --dtype bfloat16, another --device, or a smaller model",
}


def guarded(run: Callable[[], int | None], *, debug: bool) -> int:
    """Run a command; whatever it raises becomes a line on stderr and an exit code.

    Args:
        run: the command; what it returns is its exit code, None is success.
        debug: show tracebacks too.
    """
    try:
        with warnings.catch_warnings():
            warnings.showwarning = _note_warning
            code = run() or 0
        sys.stdout.flush()
        if code == INTERRUPTED:  # Typer turns a Ctrl-C into this code
            raise KeyboardInterrupt
        return code
    except AttnvizError as error:
        return _report_named(error, debug=debug)
    except typer.TyperException as error:
        return _report(error.format_message(), "see attnviz --help", REQUEST, debug=debug)
    except MemoryError:
        return _report_named(errors.BudgetError("out of memory: the weights do not fit"), debug=debug)
    except (KeyboardInterrupt, typer.Abort):
        return _report("interrupted", None, INTERRUPTED, debug=debug)
    except (
        BrokenPipeError,
        SystemExit,
    ):  # Typer exits by itself for a pipe that closes, and for nothing else
        return _reader_left()
    except Exception as error:  # the last line of defence: a fault of ours is still one line
        what = f"a fault of ours: {type(error).__name__}: {error}"
        return _report(what, "please report it, with what --debug prints", BUG, debug=debug)


def _note_warning(message: Warning | str, *_: object, **__: object) -> None:
    """Show a warning as a note, without the line of code it came from."""
    print(f"note: {_one_line(str(message))}", file=sys.stderr)


def _report_named(error: AttnvizError, *, debug: bool) -> int:
    advice = next((ADVICE[kind] for kind in type(error).__mro__ if kind in ADVICE), None)
    return _report(str(error), advice, error.exit_code, debug=debug)


def _report(what: str, advice: str | None, code: int, *, debug: bool) -> int:
    if debug:
        traceback.print_exc()
    print(f"attnviz: {_one_line(what)}", file=sys.stderr)
    if advice:
        print(f"try: {_one_line(advice)}", file=sys.stderr)
    return code


def _one_line(text: str) -> str:
    """Keep a message on one line, and whatever was typed from acting on the terminal."""
    words = " ".join(text.split())
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in words)


def _reader_left() -> int:
    """End quietly when the reader of our output has seen enough (`| head`)."""
    # Python flushes stdout once more as it exits: let that go nowhere.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0

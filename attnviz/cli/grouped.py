"""Option groups: a verb takes a few frozen dataclasses, Typer sees one option per field."""

import inspect
from collections.abc import Callable
from dataclasses import MISSING, fields, is_dataclass
from functools import wraps
from inspect import Parameter
from typing import Any, get_type_hints


def grouped(verb: Callable[..., None]) -> Callable[..., None]:
    """Spread a verb's dataclass parameters into one command-line option per field, and gather them again."""
    hints = get_type_hints(verb, include_extras=True)
    groups = {name: hint for name, hint in hints.items() if isinstance(hint, type) and is_dataclass(hint)}

    @wraps(verb)
    def run(**options: Any) -> None:  # noqa: ANN401
        gathered = {
            name: group(**{field.name: options.pop(field.name) for field in fields(group)})
            for name, group in groups.items()
        }
        verb(**gathered, **options)

    spread: list[Parameter] = []
    for name, parameter in inspect.signature(verb).parameters.items():
        if name in groups:
            spread += _options(groups[name])
        else:
            spread.append(parameter.replace(kind=Parameter.KEYWORD_ONLY, annotation=hints[name]))
    run.__signature__ = inspect.Signature(spread)  # type: ignore[attr-defined]
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in spread}
    return run


def _options(group: type) -> list[Parameter]:
    hints = get_type_hints(group, include_extras=True)
    return [
        Parameter(
            field.name,
            Parameter.KEYWORD_ONLY,
            default=Parameter.empty if field.default is MISSING else field.default,
            annotation=hints[field.name],
        )
        for field in fields(group)
    ]

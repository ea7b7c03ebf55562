"""Option groups: a verb takes frozen dataclasses, which may hold others; Typer sees one option per field."""

import inspect
from collections.abc import Callable, Iterator
from dataclasses import MISSING, fields, is_dataclass
from functools import wraps
from inspect import Parameter
from typing import Any, get_type_hints


def grouped(verb: Callable[..., None]) -> Callable[..., None]:
    """Spread a verb's dataclass parameters into one command-line option per field, and gather them again."""
    hints = get_type_hints(verb, include_extras=True)
    groups = {name: hint for name, hint in hints.items() if _is_group(hint)}

    @wraps(verb)
    def run(**options: Any) -> None:  # noqa: ANN401
        gathered = {name: _gathered(group, options) for name, group in groups.items()}
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


def _is_group(hint: object) -> bool:
    return isinstance(hint, type) and is_dataclass(hint)


def _gathered(group: type, options: dict[str, Any]) -> object:
    """Take the options of a group out of all, and make the group of them."""
    hints = get_type_hints(group)
    return group(
        **{
            name: _gathered(hint, options) if _is_group(hint) else options.pop(name)
            for name, hint in ((field.name, hints[field.name]) for field in fields(group))
        }
    )


def _options(group: type) -> Iterator[Parameter]:
    hints = get_type_hints(group, include_extras=True)
    for field in fields(group):
        if _is_group(hints[field.name]):
            yield from _options(hints[field.name])
        else:
            yield Parameter(
                field.name,
                Parameter.KEYWORD_ONLY,
                default=Parameter.empty if field.default is MISSING else field.default,
                annotation=hints[field.name],
            )

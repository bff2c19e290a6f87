"""Every wrong word of a command line in one answer: the parser of options stops at the first one.

Runs in: the operator's commands. Never: looks at what a command does.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import typer

USAGE: Any = typer.BadParameter.__base__
"""The error that ends a command line. Newer typers bring click's code along under a name of their own."""


def one_of(*words: str) -> Callable[[str], str]:
    """Return the reader of a choice, for an option's or an argument's `parser`."""

    def choice(text: str) -> str:
        if text not in words:
            raise typer.BadParameter(f"`{text[:40]}` is none of {', '.join(words)}")
        return text

    return choice


def network(text: str) -> str:
    """Return an address or a network as it was typed, or no text, for an option's or an argument's `parser`."""
    from superd.wishes import parse_prefix

    try:
        if text:
            parse_prefix(text)
    except ValueError as problem:
        raise typer.BadParameter(str(problem)) from None
    return text


def read(parse: Callable[[Any, list[str]], list[str]], context: Any, words: list[str]) -> list[str]:
    """Return what `parse` returns, or raise one usage error that names every wrong word."""
    try:
        return parse(context, list(words))
    except USAGE as first:
        texts = _every(parse, context, list(words), first)
        if len(texts) < 2:
            raise
        raise USAGE("\nError: ".join(texts), ctx=context) from None


def _every(parse: Callable[[Any, list[str]], list[str]], context: Any, words: list[str], wrong: Any) -> list[str]:
    """Read again and again without the word that was wrong. Each turn takes a word or a parameter away, so it ends."""
    texts: list[str] = []
    unknown = False
    passed: list[Any] = []
    try:
        for _ in range(len(words) + len(context.command.params) + 1):
            option, parameter = getattr(wrong, "option_name", None), getattr(wrong, "param", None)
            if option is not None:
                unknown = True
                texts.append(wrong.format_message())
                words = _without(words, option)
            elif parameter is not None:
                texts.append(wrong.format_message())
                parameter.process_value = _no_value
                passed.append(parameter)
            else:
                # Too many arguments: the last thing that is looked at. It may be the value of an unknown option.
                return texts if unknown else [*texts, wrong.format_message()]
            try:
                parse(context, list(words))
            except USAGE as again:
                wrong = again
            else:
                break
    finally:
        for parameter in passed:
            del parameter.process_value
    return texts


def _no_value(_context: Any, _value: Any) -> None:
    return None


def _without(words: Sequence[str], option: str) -> list[str]:
    for at, word in enumerate(words):
        if word == option or word.startswith(f"{option}="):
            return [*words[:at], *words[at + 1 :]]
    return [word for word in words if not word.startswith(option)] or list(words[:-1])

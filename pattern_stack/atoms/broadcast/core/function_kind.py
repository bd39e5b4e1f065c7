"""What an application hands over to be called: a coroutine function, or a plain function that runs in a thread."""

from functools import partial
from inspect import isasyncgenfunction, iscoroutinefunction, isgeneratorfunction, signature
from typing import Any


def runs_in_thread(call: Any, name: str) -> bool:
    """Whether it is a plain function, which may block. Raises TypeError, with this name, where it is neither of the two."""
    inner = call
    while isinstance(inner, partial):
        inner = inner.func
    inner = getattr(inner, "__func__", inner)
    if not isinstance(inner, type) and not hasattr(inner, "__code__") and callable(inner):
        inner = type(inner).__call__  # an object that can be called
        inner = getattr(inner, "__func__", inner)
    if iscoroutinefunction(inner):
        return False
    if not callable(call) or isinstance(call, type) or isgeneratorfunction(inner) or isasyncgenfunction(inner):
        raise TypeError(f"{name} has to be a coroutine function or a plain function, not {call!r:.120}")
    return True


def check_takes(call: Any, name: str, *arguments: str) -> None:
    """Raises TypeError, with this name, where it cannot be called with so many arguments."""
    try:
        parameters = signature(call)
    except ValueError:  # of some that are written in C nothing is known
        return
    try:
        parameters.bind(*arguments)
    except TypeError as error:
        raise TypeError(f"{name} has to take ({', '.join(arguments)}): {error}") from None

"""The one kind of error that a user is meant to read."""

import sys


class InputError(ValueError):
    """Something that the user gave is not what the workflow needs.

    Args:
        where: The file, folder or config key.
        found: What is there.
        expected: What should be there.
        remedy: What the user can do about it.
    """

    def __init__(self, where, found: str, expected: str, remedy: str):
        self.where, self.found, self.expected, self.remedy = str(where), found, expected, remedy
        super().__init__(f"{where}\n  found:    {found}\n  expected: {expected}\n  remedy:   {remedy}")

    def __reduce__(self):
        # Processes hand errors to each other as pickles, which would call the class with the message alone.
        return type(self), (self.where, self.found, self.expected, self.remedy)


def known_or_refused(value: str, known, where, what: str, remedy: str = "correct the config"):
    """Give `value` back if it is one of `known`; else refuse it, the nearest names first."""
    from difflib import get_close_matches

    known = [str(name) for name in known]
    if value in known:
        return value
    near = get_close_matches(value, known, n=len(known), cutoff=0.0)
    raise InputError(where, f"no {what} {value!r}", f"one of {', '.join(near)}", remedy)


def together(errors: list[InputError], where: str) -> InputError:
    """One error that says what several say, each on a line of its own."""
    if len(errors) == 1:
        return errors[0]

    def lines(part: str) -> str:
        if part != "found" and len({getattr(error, part) for error in errors}) == 1:
            return getattr(errors[0], part)
        return "".join(f"\n    {error.where.removeprefix('config key ')}: {getattr(error, part)}" for error in errors)

    return InputError(where, lines("found"), lines("expected"), lines("remedy"))


def attempts(*checks) -> list[InputError]:
    """The errors of several checks, each a function with its arguments, none of which hides another's."""
    errors = []
    for check, *arguments in checks:
        try:
            check(*arguments)
        except InputError as error:
            errors.append(error)
    return errors


def show_plainly(kind, error, trace):
    """An exception hook: an `InputError` is its message alone, anything else keeps its traceback."""
    if issubclass(kind, InputError):
        print(f"ERROR: {error}", file=sys.stderr)
    else:
        sys.__excepthook__(kind, error, trace)

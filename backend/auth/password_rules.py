"""Which passwords nobody may choose: those that are guessed first (NIST SP 800-63B section 3.1.1.2)."""

from collections.abc import Iterable
from functools import cache
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from itertools import pairwise
from pathlib import Path
from string import digits, punctuation, whitespace
from typing import Final

from backend.domain.errors import Fault, InvalidInput

SHORTEST: Final = 8
"""Characters that a password has at least; what is shorter never comes this far."""

_LONGEST_ROW: Final = 16
"""Characters of a row that is guessed: nobody tries a hundred."""

_SERVICE: Final = "donewell"
_PUNCTUATION: Final = punctuation + whitespace
_DECORATION: Final = digits + _PUNCTUATION


def refuse_guessable(password: str, about: Iterable[str], field: str) -> None:
    """Raises `InvalidInput`, naming `field`, for a common password or one made of what is known about its owner.

    `about` is what others may know: the e-mail address, the name. Case does not count, nor digits and punctuation
    around a word: `Donewell2027!` is the name of this service, and `Password1!` is `password`.
    """
    folded = password.casefold()
    words = {folded, folded.strip(_PUNCTUATION), folded.strip(_DECORATION)}
    if words & common_passwords() or any(map(_is_a_row, words)):
        raise InvalidInput([Fault(field, "common_password", "This is one of the passwords that are guessed first")])
    if words & set(_known(about)):
        message = "Choose something other than your name, your address or the name of this service"
        raise InvalidInput([Fault(field, "guessable_password", message)])


def _is_a_row(password: str) -> bool:
    """Whether it is characters in their order, or some of them over and over: the lists leave such out."""
    repeats = password in (password + password)[1:-1]
    ordered = {ord(after) - ord(before) for before, after in pairwise(password)} in ({-1}, {1})
    return SHORTEST <= len(password) <= _LONGEST_ROW and (repeats or ordered)


def _known(about: Iterable[str]) -> Iterable[str]:
    yield _SERVICE
    for text in about:
        words = text.casefold().replace("@", " ").split()
        yield from (text.casefold(), "".join(words), *words)


@cache
def common_passwords() -> frozenset[str]:
    """The common passwords that are long enough to be chosen, in lower case. Read when first needed, in 14 ms.

    With words and names: what is commoner as such is in none of the others, so that `jennifer` is no password there.
    """
    package = find_spec("zxcvbn")
    if package is None or package.origin is None:
        raise ModuleNotFoundError("zxcvbn")
    # Its lists alone: importing the package ranks them as well, which takes 8 MB more.
    spec = spec_from_file_location("common_passwords", Path(package.origin).with_name("frequency_lists.py"))
    if spec is None or spec.loader is None:
        raise ModuleNotFoundError("zxcvbn.frequency_lists")
    lists = module_from_spec(spec)
    spec.loader.exec_module(lists)
    return frozenset(word for words in lists.FREQUENCY_LISTS.values() for word in words if len(word) >= SHORTEST)

"""A keyword or the code of a mistake in, the text that `kvmgen explain` prints out."""

from __future__ import annotations

from dataclasses import dataclass
from textwrap import fill, indent

from gen.codes import CODES, Explanation
from gen.diagnostics import suggest
from gen.lint_ifcfg.codes import CODES as IFCFG_CODES
from gen.vocabulary import CONTEXTS, KEYWORDS, SECOND_RING, Keyword, grammar, keywords_in, keywords_named, literals

WORDS = sorted(
    {
        *(word for keyword in KEYWORDS for word in (keyword.word, *literals(grammar(keyword).nodes))),
        *CODES,
        *IFCFG_CODES,
        *SECOND_RING,
    }
)
"""Every word that there is an explanation for."""


@dataclass(frozen=True, slots=True)
class Unknown:
    """There is no explanation; `nearest` is the word that may have been meant."""

    nearest: str | None


def explain(word: str) -> str | Unknown:
    """All that there is to say about the word."""
    parts = [_keyword(keyword) for keyword in keywords_named(word)]
    uses = [keyword for keyword in KEYWORDS if word in literals(grammar(keyword).nodes)]
    if uses:
        parts.append(_part_of(word, uses))
    for codes in (CODES, IFCFG_CODES):
        if word in codes:
            parts.append(_code(word, codes[word]))
    if word in SECOND_RING and not parts:
        parts.append(f"{word}\n    A word of a later version.\n")
    return "\n".join(parts) if parts else Unknown(suggest(word, WORDS))


def _keyword(keyword: Keyword) -> str:
    where = ", ".join(CONTEXTS[context] for context in keyword.contexts)
    lines = [keyword.shape, _wrapped(f"{keyword.doc[0].upper()}{keyword.doc[1:]}."), f"    Stands {where}."]
    if keyword.block is not None:
        inside = [f"        {inner.pattern}" for shapes in keywords_in(keyword.block).values() for inner in shapes]
        if inside and keyword.block != "anywhere":
            lines += ["    Its block holds:", *inside]
    return "\n".join(lines) + "\n"


def _part_of(word: str, keywords: list[Keyword]) -> str:
    lines = [word, "    A word of:"]
    lines += [f"        {keyword.pattern}\n{_wrapped(keyword.doc, 12)}" for keyword in keywords]
    return "\n".join(lines) + "\n"


def _code(code: str, explanation: Explanation) -> str:
    lines = [f"{code}: {explanation.title}", _wrapped(explanation.text)]
    for heading, example in (("Wrong", explanation.wrong), ("Right", explanation.right)):
        if example:
            lines += ["", f"    {heading}:", indent(example, "        ")]
    return "\n".join(lines) + "\n"


def _wrapped(text: str, margin: int = 4) -> str:
    return fill(text, 96, initial_indent=" " * margin, subsequent_indent=" " * margin, break_on_hyphens=False)

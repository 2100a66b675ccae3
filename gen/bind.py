"""In: statements after expansion. Out: a tree of `Directive`s: keywords recognised, values typed, defaults applied.

Everything it knows of the language is the vocabulary and the value types. It looks up no name.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from gen.diagnostics import Diagnostics, Label, did_you_mean
from gen.source import Span
from gen.syntax.tree import Statement, Word
from gen.values import TYPES
from gen.vocabulary import (
    CONTEXTS,
    SECOND_RING,
    Either,
    Keyword,
    Maybe,
    Node,
    Term,
    grammar,
    keywords_in,
    keywords_named,
)


@dataclass(frozen=True, slots=True)
class Value:
    """A typed value and where it stands; of a placeholder with `...`, a tuple of Values."""

    value: Any
    span: Span


@dataclass(frozen=True, slots=True)
class Directive:
    """A statement understood: one value a slot of the keyword's pattern, None where the slot was left out."""

    keyword: Keyword
    values: tuple[Value | None, ...]
    block: tuple[Directive, ...]
    span: Span

    def all(self, word: str) -> list[Directive]:
        """The statements of the block that start with the word."""
        return [directive for directive in self.block if directive.keyword.word == word]

    def get(self, word: str) -> Directive | None:
        """The statement of the block that starts with the word, for those that stand at most once."""
        return next(iter(self.all(word)), None)

    def value(self, word: str, default: Any = None) -> Any:
        """The first value of the statement that starts with the word."""
        directive = self.get(word)
        return default if directive is None or directive.values[0] is None else directive.values[0].value

    def value_at(self, word: str) -> Span | None:
        """Where that value stands."""
        directive = self.get(word)
        return None if directive is None or directive.values[0] is None else directive.values[0].span

    def flag(self, word: str) -> bool | None:
        """The `on` or `off` of the statement that starts with the word; None where it was not said."""
        value = self.value(word)
        return None if value is None else value == "on"


def bind(statements: Iterable[Statement], diagnostics: Diagnostics) -> tuple[Directive, ...]:
    """Recognise every statement. Statements with a mistake are reported and left out."""
    directives = _Binder(diagnostics).block(statements, "top")
    defaults = {directive.keyword.block: directive.block for directive in directives if _is_defaults(directive)}
    return tuple(
        _with_defaults(directive, defaults.get(directive.keyword.block, ()))
        for directive in directives
        if not _is_defaults(directive)
    )


def split(words: Sequence[Word]) -> list[int]:
    """Where each statement of a line starts, as indexes into its words, whatever block the line stands in."""
    starts = [0]
    while starts[-1] < len(words):
        ends = [
            match.end
            for keyword in keywords_named(words[starts[-1]].text)
            for match in _matches(keyword, words, starts[-1])
        ]
        end = max(ends, default=len(words))
        if end == len(words) or not any(_matches(keyword, words, end) for keyword in keywords_named(words[end].text)):
            break
        starts.append(end)
    return starts


def _is_defaults(directive: Directive) -> bool:
    return directive.keyword.word == "defaults"


def _with_defaults(directive: Directive, defaults: tuple[Directive, ...]) -> Directive:
    """The directive with those defaults for which its block has no statement of the same keyword."""
    if not defaults:
        return directive
    own = {statement.keyword.word for statement in directive.block}
    added = tuple(statement for statement in defaults if statement.keyword.word not in own)
    return replace(directive, block=(*directive.block, *added))


# Matching words against a pattern


@dataclass(frozen=True, slots=True)
class _Match:
    keyword: Keyword
    end: int
    slots: list[Any]


class _Matcher:
    """Matches words against nodes of a pattern, with backtracking; keeps what it would have liked furthest on."""

    def __init__(self, words: Sequence[Word], keywords: Iterable[str] | None) -> None:
        self._words = words
        self._keywords = keywords
        self.furthest = 0
        self.expected: dict[Term, None] = {}
        self.slots: list[Any] = []

    def match(self, keyword: Keyword, start: int) -> _Match | None:
        """The longest match of the statement that starts here, or None."""
        pattern = grammar(keyword)
        self.slots = [None] * pattern.slots
        for end in self._walk(pattern.nodes, start + 1):
            return _Match(keyword, end, self.slots)
        return None

    def _walk(self, nodes: tuple[Node, ...], at: int) -> Iterator[int]:
        if not nodes:
            yield at
            return
        node, rest = nodes[0], nodes[1:]
        if isinstance(node, Term):
            if at < len(self._words) and self._fits(node, self._words[at]):
                end = len(self._words) if node.repeated else at + 1
                if node.slot is not None:
                    self.slots[node.slot] = (node, self._words[at:end])
                yield from self._walk(rest, end)
                if node.slot is not None:
                    self.slots[node.slot] = None
            elif at >= self.furthest:
                if at > self.furthest:
                    self.furthest, self.expected = at, {}
                self.expected[node] = None
        elif isinstance(node, Either):
            for branch in node.branches:
                yield from self._walk(branch + rest, at)
        else:
            # Options that stand side by side may come in any order.
            count = next((index for index, other in enumerate(nodes) if not isinstance(other, Maybe)), len(nodes))
            for index in range(count):
                option = nodes[index]
                assert isinstance(option, Maybe)
                yield from self._walk(option.nodes + nodes[:index] + nodes[index + 1 :], at)
            yield from self._walk(nodes[count:], at)

    def _fits(self, term: Term, word: Word) -> bool:
        """Whether the word may be meant for the term. A strict matcher (no keywords) also wants it to look like it."""
        if word.text in term.literals:
            return True
        if term.placeholder is None:
            return False
        if TYPES[term.placeholder].looks(word.text):
            return True
        return self._keywords is not None and word.text not in self._keywords


def _matches(keyword: Keyword, words: Sequence[Word], start: int) -> list[_Match]:
    match = _Matcher(words, None).match(keyword, start)
    return [match] if match else []


# Binding


class _Binder:
    def __init__(self, diagnostics: Diagnostics) -> None:
        self._diagnostics = diagnostics

    def block(self, statements: Iterable[Statement], context: str) -> tuple[Directive, ...]:
        """The directives of one block; reports those that may not stand twice in it."""
        first: dict[Keyword, Directive] = {}
        directives = []
        for statement in statements:
            for directive in self._line(statement, context):
                keyword = directive.keyword
                if not keyword.repeat and first.setdefault(keyword, directive) is not directive:
                    self._diagnostics.error(
                        "repeated-keyword",
                        f"`{keyword.word}` stands twice in the same block",
                        directive.span,
                        "again here",
                        also=[Label(first[keyword].span, "first here")],
                        help=["keep one of the two"],
                    )
                else:
                    directives.append(directive)
        return tuple(directives)

    def _line(self, line: Statement, context: str) -> Iterator[Directive]:
        """The directives of one line; its block belongs to the last of them."""
        words = line.words
        start = 0
        while start < len(words):
            candidates = keywords_in(context).get(words[start].text, ())
            match = self._match(candidates, words, start, context)
            if match is None:
                start = self._resume(words, start + 1, context)
                if start == len(words) and line.block and candidates:
                    self._block(next((other for other in candidates if other.block), candidates[0]), line)
                continue
            keyword, end = match.keyword, match.end
            resume = end
            if end < len(words) and words[end].text not in keywords_in(context):
                self._word_too_many(keyword, words, start, end, context)
                resume = self._resume(words, end + 1, context)
            block = self._block(keyword, line) if resume == len(words) and line.block else None
            span = words[start].span.to(words[end - 1].span)
            if block is None and not keyword.bare:
                self._missing_block(keyword, span)
            values = self._values(match)
            if values is not None:
                yield Directive(keyword, values, block or (), span)
            start = resume

    def _block(self, keyword: Keyword, line: Statement) -> tuple[Directive, ...]:
        assert line.block is not None
        if keyword.block is not None:
            return self.block(line.block.statements, keyword.block)
        brace = Span(line.block.span.source, line.block.span.start, line.block.span.start + 1)
        self._diagnostics.error(
            "block-not-allowed", f"`{keyword.word}` has no block", brace, "unexpected block", help=[_shape(keyword)]
        )
        return ()

    def _missing_block(self, keyword: Keyword, span: Span) -> None:
        self._diagnostics.error(
            "missing-block", f"`{keyword.word}` needs a block", span, "expected `{` after this", help=[_shape(keyword)]
        )

    def _match(self, candidates: tuple[Keyword, ...], words: Sequence[Word], start: int, context: str) -> _Match | None:
        """The longest match of any candidate; reports when there is none."""
        if not candidates:
            self._unknown_keyword(words[start], context)
            return None
        strict = [match for keyword in candidates for match in _matches(keyword, words, start)]
        if strict:
            return max(strict, key=lambda match: match.end)
        loose = _Matcher(words, keywords_in(context))
        found = [match for keyword in candidates if (match := loose.match(keyword, start))]
        if found:
            return max(found, key=lambda match: match.end)
        self._mismatch(candidates, words, loose, context)
        return None

    def _mismatch(
        self, candidates: tuple[Keyword, ...], words: Sequence[Word], matcher: _Matcher, context: str
    ) -> None:
        at = matcher.furthest
        expected = _any_of(_described(matcher.expected))
        help = [_shape(keyword) for keyword in candidates]
        if at == len(words) or words[at].text in keywords_in(context):
            self._diagnostics.error(
                "missing-value",
                f"`{candidates[0].word}` is not complete",
                words[at - 1].span,
                f"expected {expected} after this",
                help=help,
            )
            return
        word = words[at]
        literals = [literal for term in matcher.expected for literal in term.literals]
        self._diagnostics.error(
            "wrong-value",
            f"`{word.text}` is not what `{candidates[0].word}` needs here",
            word.span,
            f"expected {expected}",
            help=[*did_you_mean(word.text, literals), *help],
        )

    def _resume(self, words: Sequence[Word], start: int, context: str) -> int:
        """Where the first complete statement after a mistake starts, so that one mistake gives one message."""
        keywords = keywords_in(context)
        for index in range(start, len(words)):
            if any(_matches(keyword, words, index) for keyword in keywords.get(words[index].text, ())):
                return index
        return len(words)

    def _values(self, match: _Match) -> tuple[Value | None, ...] | None:
        """The typed values of a match, or None when one was wrong."""
        values = [self._value(*slot) if slot else None for slot in match.slots]
        wrong = any(slot and value is None for slot, value in zip(match.slots, values, strict=True))
        return None if wrong else tuple(values)

    def _value(self, term: Term, words: Sequence[Word]) -> Value | None:
        if term.repeated:
            values = tuple(self._one_value(term, word) for word in words)
            return None if None in values else Value(values, words[0].span.to(words[-1].span))
        return self._one_value(term, words[0])

    def _one_value(self, term: Term, word: Word) -> Value | None:
        if term.placeholder is None or word.text in term.literals:
            return Value(word.text, word.span)
        value = TYPES[term.placeholder].parse(word, self._diagnostics)
        return None if value is None else Value(value, word.span)

    def _unknown_keyword(self, word: Word, context: str) -> None:
        text = word.text
        places = dict.fromkeys(CONTEXTS[place] for keyword in keywords_named(text) for place in keyword.contexts)
        if places:
            help = [f"`{text}` belongs {_any_of(places)}"]
        elif text in SECOND_RING:
            help = [f"`{text}` is not in this version"]
        else:
            help = [*did_you_mean(text, [*keywords_in(context), *keywords_in("anywhere")])]
        self._diagnostics.error(
            "unknown-keyword", f"unknown keyword `{text}`", word.span, f"not known {CONTEXTS[context]}", help=help
        )

    def _word_too_many(self, keyword: Keyword, words: Sequence[Word], start: int, end: int, context: str) -> None:
        """Report a word after a complete statement that neither continues it nor starts another."""
        word = words[end]
        matcher = _Matcher(words, None)
        matcher.match(keyword, start)
        if matcher.furthest > end:
            self._mismatch((keyword,), words, matcher, context)
            return
        options = [literal for term in matcher.expected for literal in term.literals] if matcher.furthest == end else []
        meant = did_you_mean(word.text, options)
        # One or two letters resemble many keywords.
        misspelt = len(word.text) > 2 and did_you_mean(word.text, keywords_in(context))
        if not meant and (misspelt or keywords_named(word.text) or word.text in SECOND_RING):
            self._unknown_keyword(word, context)
            return
        self._diagnostics.error(
            "word-too-many",
            f"`{word.text}` is one word too many for `{keyword.word}`",
            word.span,
            "unexpected word",
            help=[*meant, _shape(keyword)],
        )


def _shape(keyword: Keyword) -> str:
    return f"the statement is `{keyword.shape}`"


def _described(terms: Iterable[Term]) -> list[str]:
    described = []
    for term in terms:
        if term.placeholder is not None:
            described.append(TYPES[term.placeholder].noun)
        described += [f"`{literal}`" for literal in term.literals]
    return described


def _any_of(choices: Iterable[str]) -> str:
    """`a, b or c`"""
    *most, last = dict.fromkeys(choices)
    return f"{', '.join(most)} or {last}" if most else last

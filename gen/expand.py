"""In: statements with `let`, `for`, `include` and `$name`. Out: statements without; what these mean is not looked at.

    let NAME VALUE              NAME stands for VALUE from here to the end of the block
    for NAME in 1..9 { ... }    the block once for each number, both ends included; `01..12` keeps two digits
    for NAME in a b c { ... }   the block once for each word; ranges and words mix
    include PATH                the statements of another file, in place; PATH is relative to the file that it stands in

A directive is known by its first word, so a vm may be called `for`. In words `$i` and `${i}` are replaced, `$$` is a
dollar. `${i+1}`, `${i-1}`, `${i*2}` calculate with whole numbers, either side may be a variable, and `${i:03}`,
`${i+1:03}` write at least three digits. A value is one word however many blanks it holds. Spans still point at what was
typed.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from gen.diagnostics import Diagnostics, did_you_mean
from gen.source import Source, Span, UnreadableSource
from gen.syntax import DIRECTIVES
from gen.syntax.parser import MAX_DEPTH, parse
from gen.syntax.tree import Block, Statement, Word

MAX_STATEMENTS = 100_000
"""Statements and rounds of loops in all: what a mistyped range may cost."""

MAX_WORD = 4096
"""Characters of one word once its variables are replaced."""

Scope = Mapping[str, str]
"""What each variable stands for. Never changed in place: an inner block gets a new one."""

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_FORMS = {"let": "let NAME VALUE", "for": "for NAME in 1..9 { ... }", "include": "include PATH"}
_LIKE_RANGE = re.compile(r"[\w-]*\.\.[\w-]*")
_RANGE = re.compile(r"(-?[0-9]{1,18})\.\.(-?[0-9]{1,18})")
_VARIABLE = re.compile(r"\$(?:(?P<dollar>\$)|(?P<name>[A-Za-z_][A-Za-z0-9_]*)|\{(?P<expression>[^{}]*)\})?")
_ATOM = r"\s*([A-Za-z_][A-Za-z0-9_]*|[0-9]{1,18})\s*"
_EXPRESSION = re.compile(rf"{_ATOM}(?:([-+*]){_ATOM})?(?::0([0-9]{{1,2}}))?\s*")
_NUMBER = re.compile(r"-?[0-9]{1,18}")


def expand(
    statements: tuple[Statement, ...], diagnostics: Diagnostics, read: Callable[[str], Source] = Source.read
) -> tuple[Statement, ...]:
    """The statements with every directive carried out. `read` gives an included file or raises UnreadableSource.

    Reports all faults of directives and variables, of included files those of their syntax too.
    """
    try:
        return _Expansion(diagnostics, read).block(statements, {}, 0)[0]
    except _TooMany:
        return ()


class _TooMany(Exception):
    """The ceiling is reached, and that has been reported."""


@dataclass(slots=True)
class _Expansion:
    diagnostics: Diagnostics
    read: Callable[[str], Source]
    count: int = 0
    parsed: dict[str, tuple[Statement, ...]] = field(default_factory=dict)
    chain: list[str] = field(default_factory=list)
    """The files that are being read, outermost first."""

    def block(self, statements: tuple[Statement, ...], scope: Scope, depth: int) -> tuple[tuple[Statement, ...], Scope]:
        """The block's statements (the very tuple if nothing in it changes), and the scope at its end."""
        expanded: list[Statement] = []
        changed = False
        for statement in statements:
            self.spend(statement)
            first = statement.words[0]
            if first.text in DIRECTIVES and not first.quoted:
                changed = True
                if first.text == "let":
                    scope = self.let(statement, scope)
                elif first.text == "for":
                    expanded += self.loop(statement, scope, depth)
                else:
                    included, scope = self.include(statement, scope, depth)
                    expanded += included
                continue
            words, block = self.words(statement.words, scope), statement.block
            if block is not None:
                block = self.inner_block(block, scope, depth)
            if words is not statement.words or block is not statement.block:
                statement, changed = Statement(words, block), True
            expanded.append(statement)
        return (tuple(expanded) if changed else statements), scope

    def inner_block(self, block: Block, scope: Scope, depth: int) -> Block:
        if depth == MAX_DEPTH:
            self.diagnostics.error(
                "blocks-too-deep",
                f"blocks are nested more than {MAX_DEPTH} deep",
                block.span,
                "one too many, the blocks around its `include` counted",
            )
            return block
        statements, _ = self.block(block.statements, scope, depth + 1)
        return block if statements is block.statements else Block(statements, block.span)

    def spend(self, statement: Statement) -> None:
        self.count += 1
        if self.count > MAX_STATEMENTS:
            self.diagnostics.error(
                "too-many-statements",
                f"the lab has more than {MAX_STATEMENTS:,} statements once its loops are written out",
                statement.span,
                "the limit is reached here",
                help=("check the ranges of the `for` loops",),
            )
            raise _TooMany

    def let(self, statement: Statement, scope: Scope) -> Scope:
        match statement.words[1:]:
            case (name, value) if statement.block is None and _is_name(name):
                return {**scope, name.text: self.word(value, scope).text}
        self.report_form(statement)
        return {**scope, **_stand_in(statement)}

    def loop(self, statement: Statement, scope: Scope, depth: int) -> list[Statement]:
        expanded: list[Statement] = []
        body = statement.block.statements if statement.block else ()
        for scope_of_round in self.rounds(statement, scope):
            self.spend(statement)
            found_before = len(self.diagnostics)
            expanded += self.block(body, scope_of_round, depth)[0]
            if len(self.diagnostics) > found_before:
                # The other rounds would say the same again, for each of their numbers.
                break
        return expanded

    def rounds(self, statement: Statement, scope: Scope) -> Iterator[Scope]:
        match statement.words[1:]:
            case (name, Word(text="in"), first, *more) if statement.block and _is_name(name):
                for word in self.words((first, *more), scope):
                    for value in self.values(word):
                        yield {**scope, name.text: value}
            case _:
                self.report_form(statement)
                # The block is looked at all the same, for what else is wrong in it.
                yield {**scope, **_stand_in(statement)}

    def values(self, word: Word) -> Iterator[str]:
        """What a word of a `for` stands for: the numbers of a range, or itself."""
        ends = None if word.quoted else _RANGE.fullmatch(word.text)
        if ends is None:
            if _LIKE_RANGE.fullmatch(word.text) and not word.quoted:
                self.diagnostics.error(
                    "malformed-range",
                    f"`{word.text}` is not a range of whole numbers",
                    word.span,
                    "both ends must be whole numbers",
                    help=("write it like `1..100` or `1..$n`; a word that is meant as such needs quotes",),
                )
            yield word.text
            return
        first, last = int(ends[1]), int(ends[2])
        if first > last:
            self.diagnostics.error(
                "empty-range",
                f"the range `{word.text}` is empty",
                word.span,
                f"{first} is greater than {last}",
                help=(f"a range counts upwards: `{ends[2]}..{ends[1]}`",),
            )
        padded = any(end.lstrip("-").startswith("0") and end != "0" for end in ends.groups())
        digits = max(map(len, ends.groups())) if padded else 0
        for number in range(first, last + 1):
            yield f"{number:0{digits}d}"

    def include(self, statement: Statement, scope: Scope, depth: int) -> tuple[tuple[Statement, ...], Scope]:
        if len(statement.words) != 2 or statement.block:
            self.report_form(statement)
            return (), scope
        word = self.word(statement.words[1], scope)
        path = os.path.normpath(os.path.join(os.path.dirname(word.span.source.name), word.text))
        chain = self.chain or [os.path.normpath(word.span.source.name)]
        if path in chain:
            steps = " -> ".join(f"`{name}`" for name in (*chain[chain.index(path) :], path))
            self.diagnostics.error("include-cycle", "a file includes itself", word.span, steps)
            return (), scope
        if len(chain) == MAX_DEPTH:
            self.diagnostics.error(
                "blocks-too-deep", f"files include files more than {MAX_DEPTH} deep", word.span, "one too many"
            )
            return (), scope
        if path not in self.parsed:
            try:
                source = self.read(path if path != "-" else "./-")
            except UnreadableSource as error:
                self.diagnostics.error("unreadable-include", str(error), word.span, "included here")
                return (), scope
            self.parsed[path] = parse(source, self.diagnostics)
        outer, self.chain = self.chain, [*chain, path]
        try:
            return self.block(self.parsed[path], scope, depth)
        finally:
            self.chain = outer

    def report_form(self, statement: Statement) -> None:
        directive = statement.words[0].text
        if directive != "include" and len(statement.words) > 1 and not _is_name(name := statement.words[1]):
            self.diagnostics.error(
                "malformed-directive",
                f"`{name.span.text}` cannot be the name of a variable",
                name.span,
                "a name is letters, digits and `_`, and starts with none of the digits",
            )
            return
        self.diagnostics.error(
            "malformed-directive",
            f"`{directive}` is not written as it must be",
            statement.span,
            f"expected `{_FORMS[directive]}`",
            help=("a value with blanks needs quotes; another statement needs its own line, or `;` before it",),
        )

    def words(self, words: tuple[Word, ...], scope: Scope) -> tuple[Word, ...]:
        for word in words:
            if "$" in word.text:
                return tuple([self.word(word, scope) for word in words])
        return words

    def word(self, word: Word, scope: Scope) -> Word:
        """The word with its variables replaced."""
        if "$" not in word.text:
            return word
        text = _VARIABLE.sub(lambda use: self.value(use, word, scope), word.text)
        if len(text) > MAX_WORD:
            self.diagnostics.error(
                "word-too-long",
                f"a word is longer than {MAX_WORD} characters once its variables are replaced",
                word.span,
                f"{len(text)} characters",
            )
            text = text[:MAX_WORD]
        return Word(text, word.span, word.quoted)

    def value(self, use: re.Match[str], word: Word, scope: Scope) -> str:
        """What one `$...` of a word stands for."""
        if use["dollar"]:
            return "$"
        if use["name"] is not None and use["name"] in scope:
            return scope[use["name"]]
        # Escapes make a string's text shorter than what was typed, so only of a bare word a part can be pointed at.
        start = word.span.start
        span = word.span if word.quoted else Span(word.span.source, start + use.start(), start + use.end())
        if use["name"] is not None:
            return self.look_up(use["name"], span, scope)
        expression = _EXPRESSION.fullmatch(use["expression"] or "")
        if expression is None:
            self.report_use(use, span)
            return ""
        left, operator, right, digits = expression.groups()
        if operator is None and digits is None:
            return left if left.isdigit() else self.look_up(left, span, scope)
        number = self.number(left, span, scope)
        if operator is not None:
            operand = self.number(right, span, scope)
            number = {"+": number + operand, "-": number - operand, "*": number * operand}[operator]
        return f"{number:0{int(digits or 0)}d}"

    def number(self, atom: str, span: Span, scope: Scope) -> int:
        value = atom if atom.isdigit() else self.look_up(atom, span, scope)
        if _NUMBER.fullmatch(value):
            return int(value)
        self.diagnostics.error(
            "not-a-number",
            f"`{atom}` is `{value}`, not a whole number",
            span,
            "only whole numbers can be calculated with and padded",
        )
        return 1

    def look_up(self, name: str, span: Span, scope: Scope) -> str:
        if name in scope:
            return scope[name]
        self.diagnostics.error(
            "unknown-variable",
            f"the variable `{name}` is not defined",
            span,
            "no `let` or `for` around this gives it a value",
            help=did_you_mean(name, scope) or (f"define it further up: `let {name} VALUE`",),
        )
        return "1"

    def report_use(self, use: re.Match[str], span: Span) -> None:
        if use["expression"] is not None:
            message = f"`{use[0]}` is not a variable"
            help = "write `${i}`, `${i+1}`, `${i*2}` or `${i:03}`"
        elif use.string.startswith("{", use.end()):
            message, help = "`${` is never closed", "end it with `}`"
        else:
            message, help = "`$` has no name after it", "write `$$` for a dollar, or put the word between '...'"
        self.diagnostics.error("malformed-variable", message, span, help=(help,))


def _is_name(word: Word) -> bool:
    return not word.quoted and _NAME.fullmatch(word.text) is not None


def _stand_in(statement: Statement) -> Scope:
    """A value for the variable of a faulty directive, so that its uses are not reported as well."""
    return {word.text: "1" for word in statement.words[1:2] if _is_name(word)}

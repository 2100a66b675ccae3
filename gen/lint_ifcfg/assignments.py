"""In: the text of an ifcfg file. Out: its variables, and diagnostics about what is more than a plain assignment.

network-scripts run the file as bash (`source_config` of network-functions), while NetworkManager reads it line by line
(shvar.c: `line_new_parse`, `svUnescape`). Both agree on lines of `NAME=value`, blank lines and comments; the value is
bare, in single or in double quotes, or in $'...'. Nothing is ever run here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from gen.diagnostics import Diagnostics
from gen.source import Source, Span

_NAME = r"[A-Za-z_][A-Za-z0-9_]*"
_ASSIGNMENT = re.compile(rf"({_NAME})=")
_DECLARED = re.compile(rf"((?:export|readonly|declare|local|typeset)\b(?:[ \t]+-\w+)*[ \t]+){_NAME}=")
_BLANK_BEFORE_EQUALS = re.compile(rf"({_NAME})([ \t]+)=(?!=)")
_NOT_PLAIN = "|&()<>"


@dataclass(frozen=True, slots=True)
class Assignment:
    """`value` is None where only running the file could tell it. `at` is the value as written, or the name if empty."""

    key: str
    value: str | None
    named: Span
    at: Span


@dataclass(slots=True)
class Assignments:
    """What a file sets. `whole` is False where a quote that is not closed hides the rest of it."""

    source: Source
    all: list[Assignment] = field(default_factory=list)
    comments: list[Span] = field(default_factory=list)
    whole: bool = True
    _last: dict[str, Assignment] = field(default_factory=dict)

    def add(self, assignment: Assignment) -> None:
        """What is added later counts."""
        self.all.append(assignment)
        self._last[assignment.key] = assignment

    def get(self, key: str) -> Assignment | None:
        """The assignment that counts. An empty value is as good as none, for all readers."""
        found = self._last.get(key)
        return found if found is not None and found.value != "" else None

    def value(self, key: str) -> str:
        """The value as it is known; empty where there is none or it is not known."""
        found = self.get(key)
        return (found.value or "") if found else ""

    def lacks(self, *keys: str) -> bool:
        """Whether it is certain that none of them is set."""
        return self.whole and not any(self.get(key) for key in keys)


def lines(source: Source) -> Iterator[tuple[int, str]]:
    """Each line with the offset at which it starts, without its line end."""
    start = 0
    for line in source.text.split("\n"):
        if line or start < len(source.text):
            yield start, line.removesuffix("\r")
        start += len(line) + 1


def check_line_ends(source: Source, diagnostics: Diagnostics) -> None:
    """Carriage returns, and a last line that is not ended."""
    text = source.text
    at = text.find("\r\n") if "\r\n" in text else len(text) - 1 if text.endswith("\r") else -1
    if at >= 0:
        diagnostics.error(
            "ifcfg-crlf",
            "the file has the line ends of Windows",
            Span(source, at, at),
            "the carriage return becomes the last character of the value",
            help=["`sed -i 's/\\r$//' FILE` removes them"],
        )
    if text and not text.endswith("\n"):
        diagnostics.note(
            "ifcfg-no-final-newline",
            "the last line has no line end",
            Span(source, len(text), len(text)),
            "what is appended to the file later is glued to this line",
            help=["end the file with a line end"],
        )


def parse(source: Source, diagnostics: Diagnostics) -> Assignments:
    """All assignments of the file, also those that are reported."""
    check_line_ends(source, diagnostics)
    found = Assignments(source)
    parser = _Parser(source, diagnostics, found)
    for start, line in lines(source):
        if parser.continued:
            parser.continued = False
            continue
        parser.line(start, line)
        if not found.whole:
            break
    return found


class _Parser:
    def __init__(self, source: Source, diagnostics: Diagnostics, found: Assignments) -> None:
        self.source, self.diagnostics, self.found = source, diagnostics, found
        self.continued = False

    def span(self, start: int, end: int) -> Span:
        return Span(self.source, self.start + start, self.start + end)

    def line(self, start: int, text: str) -> None:
        self.start, self.text = start, text
        at = len(text) - len(text.lstrip(" \t"))
        if at == len(text):
            return
        if text[at] == "#":
            self.found.comments.append(self.span(at, len(text)))
            return
        declared = _DECLARED.match(text, at)
        if declared is not None:
            self.diagnostics.warning(
                "ifcfg-not-an-assignment",
                f"`{declared[1].split()[0]}` before an assignment",
                self.span(at, declared.end(1)),
                "NetworkManager passes the line over",
                help=["the name and `=` alone are enough"],
            )
            at = declared.end(1)
        statement: int | None = at
        while statement is not None:
            statement = self.statement(statement)

    def statement(self, at: int) -> int | None:
        """Read the assignment that starts here; where the next one on this line starts, if there is one."""
        text = self.text
        name = _ASSIGNMENT.match(text, at)
        if name is None:
            self.no_assignment(at)
            return None
        value, end = self.read_value(name.end())
        if not self.found.whole:
            return None
        rest = text[end:].lstrip(" \t")
        follows = len(text) - len(rest)
        if rest.startswith(";"):
            rest = rest[1:].lstrip(" \t")
            follows = len(text) - len(rest)
        another = _ASSIGNMENT.match(text, follows)
        if rest.startswith("#") and follows > end:
            self.found.comments.append(self.span(follows, len(text)))
        elif another:
            self.second_assignment(name[1], follows)
        elif rest:
            value = None
            self.command(name, end, follows)
        named = self.span(at, name.end(1))
        written = self.span(name.end(), end) if end > name.end() else named
        self.found.add(Assignment(name[1], value, named, written))
        return follows if another else None

    def no_assignment(self, at: int) -> None:
        text = self.text
        spaced = _BLANK_BEFORE_EQUALS.match(text, at)
        if spaced is not None:
            self.blank_around_equals(self.span(spaced.end(1), spaced.end()), spaced[1])
            named = self.span(at, spaced.end(1))
            self.found.add(Assignment(spaced[1], None, named, named))
            return
        label, help = "bash runs it as a command, NetworkManager passes it over", ["write `NAME=value`, or delete it"]
        if text[at:].startswith("["):
            help = ["files with `[sections]` are keyfiles: they live in /etc/NetworkManager/system-connections"]
        self.diagnostics.error(
            "ifcfg-not-an-assignment",
            "a line that assigns nothing",
            self.span(at, len(text.rstrip())),
            label,
            help=help,
        )

    def blank_around_equals(self, at: Span, name: str) -> None:
        self.diagnostics.error(
            "ifcfg-blank-around-equals",
            f"a blank beside the `=` of `{name}`",
            at,
            "bash takes the words apart, and the variable is not set",
            help=[f"write `{name}=value`, without blanks"],
        )

    def second_assignment(self, name: str, at: int) -> None:
        self.diagnostics.warning(
            "ifcfg-second-statement",
            "two assignments on one line",
            self.word(at),
            f"NetworkManager takes all of it for the value of `{name}`, and then for none",
            help=["give each variable its own line"],
        )

    def word(self, at: int) -> Span:
        word = re.compile(r"[^\s;]+").match(self.text, at)
        return self.span(at, word.end() if word else len(self.text))

    def command(self, name: re.Match[str], end: int, follows: int) -> None:
        """Report what stands after the value that ends at `end`, and is no assignment."""
        text, word = self.text, self.word(follows)
        if text[end] in _NOT_PLAIN:
            self.diagnostics.error(
                "ifcfg-shell-syntax",
                f"`{text[end]}` outside quotes",
                self.span(end, end + 1),
                "bash acts upon it, NetworkManager takes the value for empty",
                help=["put the value in quotes"],
            )
        elif end == name.end() and text[end] in " \t":
            self.blank_around_equals(self.span(name.end(1), follows), name[1])
        elif text[end] in " \t":
            self.diagnostics.error(
                "ifcfg-runs-command",
                f"`{word.text}` after the value of `{name[1]}`",
                word,
                f"bash runs it as a command, as root, and `{name[1]}` stays unset",
                help=[f'put the value in quotes: `{name[1]}="{text[name.end() :].strip()}"`']
                if '"' not in text
                else ["put the whole value in quotes"],
            )
        else:
            self.diagnostics.error(
                "ifcfg-runs-command",
                f"a command after the value of `{name[1]}`",
                self.span(follows, len(text.rstrip())),
                "bash runs it, as root, whenever the file is read",
                help=["delete it: a file of settings is no place for commands"],
            )

    def read_value(self, at: int) -> tuple[str | None, int]:
        """The value that starts here, and where it ends. None is a value that only bash could tell."""
        text, taken, known = self.text, list[str](), True
        first = at
        while at < len(text) and text[at] not in " \t;" + _NOT_PLAIN:
            char = text[at]
            if char == "\\":
                if at + 1 == len(text):
                    self.continued, known = True, False
                    self.diagnostics.warning(
                        "ifcfg-continued-line",
                        "a value that goes on on the next line",
                        self.span(at, at + 1),
                        "NetworkManager ends it here, and takes it for empty",
                        help=["write it on one line"],
                    )
                    at += 1
                else:
                    taken.append(text[at + 1])
                    at += 2
            elif char == "'":
                end = text.find("'", at + 1)
                if end < 0:
                    return self.unclosed(at)
                taken.append(text[at + 1 : end])
                at = end + 1
            elif char == '"':
                inside, at, plain = self.double_quoted(at)
                if not self.found.whole:
                    return None, at
                known = known and plain
                taken.append(inside)
            elif text.startswith("$'", at):
                quoted = re.compile(r"\$'(?:[^'\\]|\\.)*'").match(text, at)
                if quoted is None:
                    return self.unclosed(at)
                known, at = False, quoted.end()
            elif char in "$`" or (char == "~" and at == first):
                known, at = False, self.expansion(at)
            else:
                taken.append(char)
                at += 1
        return "".join(taken) if known else None, at

    def double_quoted(self, at: int) -> tuple[str, int, bool]:
        """The text between the quotes, where it ends, and whether bash would leave it as it is."""
        text, taken, plain, opened = self.text, list[str](), True, at
        at += 1
        while at < len(text):
            char = text[at]
            if char == '"':
                return "".join(taken), at + 1, plain
            if char in "$`":
                plain, at = False, self.expansion(at)
            elif char == "\\" and at + 1 < len(text):
                taken.append(text[at + 1] if text[at + 1] in '$`"\\' else text[at : at + 2])
                at += 2
            else:
                taken.append(char)
                at += 1
        self.unclosed(opened)
        return "", len(text), False

    def expansion(self, at: int) -> int:
        """Report what bash would replace here; the offset after it."""
        text = self.text
        end = _end_of_expansion(text, at)
        written = text[at:end]
        if "$(" in written or "`" in written:
            self.diagnostics.error(
                "ifcfg-command-substitution",
                "a command inside a value",
                self.span(at, end),
                "bash runs it, as root, whenever the file is read; NetworkManager takes the value for empty",
                help=["write the value itself"],
            )
        else:
            self.diagnostics.warning(
                "ifcfg-expansion",
                f"`{written}` in a value",
                self.span(at, end),
                "bash replaces it, NetworkManager does not",
                help=["write the value itself, or put it in single quotes where it is meant as it stands"],
            )
        return end

    def unclosed(self, at: int) -> tuple[None, int]:
        self.found.whole = False
        self.diagnostics.error(
            "ifcfg-unclosed-quote",
            "a quote that is not closed on its line",
            self.span(at, len(self.text)),
            "bash reads on to the next quote, NetworkManager takes the value for empty",
            help=["close it on this line"],
        )
        return None, len(self.text)


def _end_of_expansion(text: str, at: int) -> int:
    """Where `$NAME`, `${...}`, `$(...)`, backticks or `~user` end; the line's end where they are not closed."""
    if text[at] == "`":
        end = text.find("`", at + 1)
        return end + 1 if end >= 0 else len(text)
    opening = text[at + 1 : at + 2] if text[at] == "$" else ""
    if opening and opening in "({":
        depth, closing = 0, ")" if opening == "(" else "}"
        for offset in range(at + 1, len(text)):
            depth += (text[offset] == opening) - (text[offset] == closing)
            if depth == 0:
                return offset + 1
        return len(text)
    name = re.compile(r"\$(?:\w+|[@*#?$!-])?|~[\w.-]*").match(text, at)
    return name.end() if name else at + 1

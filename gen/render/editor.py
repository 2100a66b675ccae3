"""The vocabulary in, syntax files for editors out."""

from __future__ import annotations

from collections.abc import Iterable

from gen.vocabulary import KEYWORDS, Either, Maybe, Node, Term, grammar

VARIABLE = r"\$(\w+|\{[^}]*\})"
ADDRESS = r"\d{1,3}(\.\d{1,3}){3}(/\d{1,2})?(:\d+)?"
MAC = r"\h{2}(:\h{2}){5}"
QUANTITY = r"\d+(\.\.\d+|[kKMGT]?i?B?|[kmg]?bit|[smhd])"


def vim() -> str:
    """A syntax/kvmgen.vim."""
    return "\n".join(
        [
            '" Vim syntax file for kvmgen labs; made by `kvmgen editor vim`.',
            '" Save it as ~/.vim/syntax/kvmgen.vim and add to ~/.vim/ftdetect/kvmgen.vim:',
            '"   autocmd BufNewFile,BufRead *.dsl setfiletype kvmgen',
            "if exists('b:current_syntax')",
            "  finish",
            "endif",
            "setlocal commentstring=#\\ %s iskeyword+=-,.",
            # A keyword is one where a statement starts; everywhere else the word may be a name.
            f"syntax match kvmgenKeyword /\\v(^|[{{;}}]|\\S\\s{{2,}})\\s*\\zs<({'|'.join(_first_words())})>/",
            f"syntax match kvmgenWord /\\v\\s\\zs<({'|'.join(_later_words())})>/",
            f"syntax match kvmgenAddress /\\v<{ADDRESS.replace(chr(92) + 'd', '[0-9]')}>/",
            "syntax match kvmgenMac /\\v<[0-9a-fA-F]{2}(:[0-9a-fA-F]{2}){5}>/",
            "syntax match kvmgenVariable /\\v\\$(\\w+|\\{[^}]*\\})/ containedin=kvmgenString",
            'syntax region kvmgenString start=/"/ skip=/\\\\./ end=/"/ oneline',
            "syntax region kvmgenRaw start=/\\v(^|\\s)\\zs'/ end=/'/ oneline",
            "syntax match kvmgenComment /#.*$/ contains=@Spell",
            "highlight default link kvmgenKeyword Statement",
            "highlight default link kvmgenWord Keyword",
            "highlight default link kvmgenAddress Number",
            "highlight default link kvmgenMac Number",
            "highlight default link kvmgenVariable Identifier",
            "highlight default link kvmgenString String",
            "highlight default link kvmgenRaw String",
            "highlight default link kvmgenComment Comment",
            "let b:current_syntax = 'kvmgen'",
            "",
        ]
    )


def textmate() -> str:
    """A kvmgen.tmLanguage.json, which VS Code, Sublime Text and others read."""
    import json

    patterns: list[dict[str, object]] = [
        {"name": "comment.line.number-sign.kvmgen", "match": "#.*$"},
        {
            "name": "string.quoted.double.kvmgen",
            "begin": '"',
            "end": '"',
            "patterns": [
                {"name": "constant.character.escape.kvmgen", "match": r"\\."},
                {"name": "variable.other.kvmgen", "match": VARIABLE},
            ],
        },
        {"name": "string.quoted.single.kvmgen", "begin": r"(?<=^|\s)'", "end": "'"},
        {
            "name": "keyword.control.kvmgen",
            "match": rf"(?:(?<=^|[{{;}}])\s*|(?<=\s\s))\b({'|'.join(_first_words())})(?![\w.-])",
        },
        {"name": "keyword.other.kvmgen", "match": rf"(?<=\s)({'|'.join(_later_words())})(?![\w.-])"},
        {"name": "constant.numeric.address.kvmgen", "match": rf"(?<![\w.-]){ADDRESS}(?![\w.-])"},
        {"name": "constant.numeric.mac.kvmgen", "match": rf"(?<![\w:]){MAC}(?![\w:])"},
        {"name": "constant.numeric.kvmgen", "match": rf"(?<![\w.-]){QUANTITY}(?![\w.-])"},
        {"name": "variable.other.kvmgen", "match": VARIABLE},
        {"name": "punctuation.section.block.kvmgen", "match": "[{};]"},
    ]
    language = {
        "$schema": "https://raw.githubusercontent.com/martinring/tmlanguage/master/tmlanguage.json",
        "name": "kvmgen lab",
        "scopeName": "source.kvmgen",
        "fileTypes": ["dsl"],
        "patterns": patterns,
    }
    return json.dumps(language, indent=2) + "\n"


def _first_words() -> list[str]:
    return sorted({keyword.word for keyword in KEYWORDS})


def _later_words() -> list[str]:
    """The words that stand for themselves further on in a statement: `on`, `via`, `isolated` ..."""
    words = {word for keyword in KEYWORDS for word in _literals(grammar(keyword).nodes) if word.isalnum()}
    return sorted(words)


def _literals(nodes: Iterable[Node]) -> Iterable[str]:
    for node in nodes:
        match node:
            case Term(literals=literals):
                yield from literals
            case Maybe(inner):
                yield from _literals(inner)
            case Either(branches):
                for branch in branches:
                    yield from _literals(branch)

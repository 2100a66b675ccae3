"""The vocabulary in, syntax files for editors out.

A keyword is coloured where a statement can start: at the start of a line, after `{`, `}` or `;`, and after two blanks,
which is how `fmt` parts the statements of one line. Elsewhere the same word may be a name.
"""

from __future__ import annotations

from gen.vocabulary import KEYWORDS, grammar, literals

FIRST_WORDS = sorted({keyword.word for keyword in KEYWORDS})
LATER_WORDS = sorted({word for keyword in KEYWORDS for word in literals(grammar(keyword).nodes) if word != "-"})
"""The words that stand for themselves further on in a statement: `on`, `via`, `isolated` ..."""

# What TextMate's engine and Python's `re` read alike: look-behind of a fixed width, no `\h`.
KEYWORD = rf"(?:^|(?<=^\s)|(?<=\s\s)|(?<=[{{}};])|(?<=[{{}};]\s))({'|'.join(FIRST_WORDS)})(?![\w.:-])"
WORD = rf"(?<=\s)({'|'.join(LATER_WORDS)})(?![\w.:-])"
VARIABLE = r"\$(?:\$|\w+|\{[^{}]*\})"
ADDRESS = r"(?<![\w.:])\d{1,3}(?:\.\d{1,3}){3}(?:/\d{1,2})?(?![\w.])"
MAC = r"(?<![\w:])[0-9A-Fa-f]{2}(?::[0-9A-Fa-f]{2}){5}(?![\w:])"
QUANTITY = r"(?<=\s)-?\d+(?:\.\.-?\d+|[KMGTkmgt]|[kmg]?bit|[smhdw])?(?![\w./:-])"


def vim() -> str:
    """A syntax/kvmgen.vim. Where several items match, vim takes the last one defined."""
    return "\n".join(
        [
            '" Vim syntax file for kvmgen labs, made by `kvmgen editor vim`.',
            '" Save it as ~/.vim/syntax/kvmgen.vim, and this line as ~/.vim/ftdetect/kvmgen.vim:',
            '"   autocmd BufNewFile,BufRead *.dsl set filetype=kvmgen',
            "if exists('b:current_syntax')",
            "  finish",
            "endif",
            r"setlocal commentstring=#\ %s",
            "syntax iskeyword @,48-57,_,-,.,:",
            rf"syntax match kvmgenWord '\v\s\zs<({'|'.join(LATER_WORDS)})>'",
            rf"syntax match kvmgenKeyword '\v(^\s*|[{{}};]\s*|\s\s)\zs<({'|'.join(FIRST_WORDS)})>'",
            r"syntax match kvmgenQuantity '\v\s\zs-?\d+(\.\.-?\d+|[KMGTkmgt]|[kmg]?bit|[smhdw])?>/@!'",
            r"syntax match kvmgenAddress '\v<\d{1,3}(\.\d{1,3}){3}(/\d{1,2})?\ze([: ;}]|$)'",
            r"syntax match kvmgenMac '\v<\x{2}(:\x{2}){5}>'",
            r"syntax match kvmgenVariable '\v\$(\$|\w+|\{[^{}]*\})'",
            r"syntax match kvmgenEscape '\\.' contained",
            r"""syntax region kvmgenString start='"' skip='\\.' end='"' oneline contains=kvmgenEscape,kvmgenVariable""",
            r"""syntax region kvmgenRaw start="\v(^|[ \t{};])\zs'" end="'" oneline""",
            "syntax match kvmgenComment '#.*$' contains=@Spell",
            "highlight default link kvmgenKeyword Statement",
            "highlight default link kvmgenWord Type",
            "highlight default link kvmgenQuantity Number",
            "highlight default link kvmgenAddress Number",
            "highlight default link kvmgenMac Number",
            "highlight default link kvmgenVariable Identifier",
            "highlight default link kvmgenEscape Special",
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

    matches = (
        ("comment.line.number-sign", "#.*$"),
        ("keyword.control", KEYWORD),
        ("keyword.other", WORD),
        ("constant.numeric.mac", MAC),
        ("constant.numeric.address", ADDRESS),
        ("constant.numeric", QUANTITY),
        ("variable.other", VARIABLE),
        ("punctuation.section.block", "[{};]"),
    )
    patterns: list[dict[str, object]] = [{"name": f"{name}.kvmgen", "match": match} for name, match in matches]
    patterns += [
        {
            "name": "string.quoted.double.kvmgen",
            "begin": '"',
            "end": '"|$',
            "patterns": [
                {"name": "constant.character.escape.kvmgen", "match": r"\\."},
                {"name": "variable.other.kvmgen", "match": VARIABLE},
            ],
        },
        {"name": "string.quoted.single.kvmgen", "begin": r"(?:^|(?<=[\s{};]))'", "end": "'|$"},
    ]
    language = {
        "$schema": "https://raw.githubusercontent.com/martinring/tmlanguage/master/tmlanguage.json",
        "name": "kvmgen lab",
        "scopeName": "source.kvmgen",
        "fileTypes": ["dsl"],
        "patterns": patterns,
    }
    return json.dumps(language, indent=2) + "\n"

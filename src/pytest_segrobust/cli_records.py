"""The commands about records: freeze what is claimed, bundle what was found, verify that it is unchanged."""

from __future__ import annotations

from pathlib import Path

import click

from .errors import EvidenceError


@click.command()
@click.argument("spec", type=click.Path(path_type=Path), default=Path("segrobust.toml"))
@click.option("--approver", required=True, help="who approves the requirements; stands in the lock and in every report")
@click.option("--reason", default="", help="why they changed; needed to freeze a changed file")
def freeze(spec: Path, approver: str, reason: str) -> None:
    """Freeze the requirements of a spec before they are tested, in a lock beside it; changes become amendments.

    Commit the lock, or keep its last hash elsewhere: it shows that the requirements existed no later than then.
    """
    from .freezing import freeze as freeze_spec

    lock, written = freeze_spec(spec, approver=approver, reason=reason)
    last = lock.last
    if not written:
        click.echo(f"{spec.name} is frozen already, since {last.time} by {last.approver}; nothing was written")
    else:
        for line in last.diff:
            click.echo(line)
        what = "frozen" if last.number == 1 else f"amendment {last.number - 1}"
        click.echo(f"{what}: {spec.name}, requirements {last.sha256[:12]}, by {last.approver} at {last.time}")
    click.echo(f"last hash of the lock: {last.entry_sha256}")


@click.command()
@click.argument("directory", type=click.Path(path_type=Path), default=Path("segrobust-report"))
@click.option("--output", type=click.Path(path_type=Path), help="the zip to write  [default: DIRECTORY.zip]")
@click.option("--sign", "key", type=click.Path(path_type=Path), help="private key of segrobust keygen to sign with")
def bundle(directory: Path, output: Path | None, key: Path | None) -> None:
    """Pack a run's report folder into one zip with a manifest, for the archive; check it with segrobust verify."""
    from .bundling.packing import pack
    from .bundling.signature import Signer

    directory = directory.resolve()
    signer = Signer(key, lambda: str(click.prompt("passphrase", hide_input=True))) if key else None
    packed = pack(directory, output or directory.with_name(f"{directory.name}.zip"), signer)
    click.echo(packed.path)
    click.echo(f"{packed.files} files; SHA-256 of the manifest: {packed.manifest_sha256}")
    click.echo(f"signed by the key {packed.signer}" if packed.signer else "not signed")


@click.command()
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--key", default="", help="public key file or fingerprint that must have signed it")
def verify(path: Path, key: str) -> None:
    """Check a bundle, the folder it was unpacked to, or a report folder, for any change.

    Exit code 0: nothing has changed. 1: something has, each said in a line. 2: nothing there that can be checked.
    """
    from .bundling.checking import check
    from .comparison.printed import printable

    try:
        checked = check(path, key)
    except EvidenceError as error:
        click.echo(printable(f"Error: {error}"), err=True)
        raise SystemExit(2) from None
    for text in (*checked.facts, *(f"note: {text}" for text in checked.untold)):
        click.echo(printable(text))
    for text in checked.changes:
        click.echo(printable(f"CHANGED: {text}"))
    click.echo("unchanged" if checked.intact else f"NOT as it was made: {len(checked.changes)} findings")
    if not checked.intact:
        raise SystemExit(1)


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--passphrase", is_flag=True, help="ask for a passphrase that the private key is encrypted with")
def keygen(file: Path, *, passphrase: bool) -> None:
    """Make a key pair to sign bundles with: FILE, to be kept secret, and FILE.pub, to be given away."""
    from .bundling.signature import make_key

    secret = str(click.prompt("passphrase", hide_input=True, confirmation_prompt=True)) if passphrase else ""
    public, fingerprint = make_key(file, secret)
    click.echo(f"wrote {file} and {public}")
    click.echo(f"fingerprint: {fingerprint}")


COMMANDS = (freeze, bundle, verify, keygen)

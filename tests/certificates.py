"""A CA of a test's own, and certificates that it issues."""

from __future__ import annotations

import ssl
from pathlib import Path

import trustme


class Authority:
    """A CA; its files are in ``folder``."""

    def __init__(self, folder: Path) -> None:
        self._ca = trustme.CA()
        self._folder = folder
        self.file = folder / "ca.pem"
        self.file.write_bytes(self._ca.cert_pem.bytes())

    def issue(self, name: str, *names: str) -> tuple[Path, Path]:
        """The files of a new certificate and its key, which replace those of the same first name."""
        made = self._ca.issue_cert(name, *names, common_name=name)
        cert, key = self._folder / f"{name}.pem", self._folder / f"{name}.key"
        for path, data in ((cert, b"".join(blob.bytes() for blob in made.cert_chain_pems)), (key, made.private_key_pem.bytes())):
            fresh = path.with_suffix(".new")
            fresh.write_bytes(data)
            fresh.rename(path)
        return cert, key

    def client(self, *names: str) -> ssl.SSLContext:
        """What a client trusts this CA with; with ``names`` it has a certificate of these."""
        context = ssl.create_default_context(cafile=self.file)
        if names:
            cert, key = self.issue(*names)
            context.load_cert_chain(cert, key)
        return context

"""The key and the certificate of this device, in one file; a program of its own, so that the server need not hold it.

    python -m isthmus_web.certificate FILE NAME...

Made at the first start, and the certificate anew (under the same key) when the names of the device have changed. The
key is of this device alone (P-256), mode 0600. The first line of the file says which names the certificate has. It is
valid whatever the clock says: routers boot without one.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import ipaddress
import os
import ssl
import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

FIRST_LINE = "isthmus-web: "
FROM, UNTIL = (2024, 1, 1), (2049, 12, 31)
CERTIFICATE = "-----BEGIN CERTIFICATE-----"


def ensure(path: str, names: list[str]) -> None:
    """See that the file is there and has these names. Raises OSError, subprocess.SubprocessError."""
    if read_names(path) == names:
        return
    subprocess.run([sys.executable, "-I", "-m", "isthmus_web.certificate", path, *names], check=True, timeout=300)  # noqa: S603


def read_names(path: str) -> list[str] | None:
    """Which names the certificate has; None: there is none, or it is not ours alone."""
    try:
        with open(path, encoding="ascii") as file:
            if os.fstat(file.fileno()).st_mode & 0o077:
                return None
            first = file.readline().strip()
            rest = file.read()
    except (OSError, ValueError):
        return None
    if not first.startswith(FIRST_LINE) or CERTIFICATE not in rest:
        return None
    return first[len(FIRST_LINE) :].split()


def fingerprint(path: str) -> str:
    """SHA-256 of the certificate, as browsers show it. Raises OSError, ValueError."""
    with open(path, encoding="ascii") as file:
        text = file.read()
    raw = ssl.PEM_cert_to_DER_cert(text[text.index(CERTIFICATE) :])
    digits = hashlib.sha256(raw).hexdigest().upper()
    return ":".join(digits[at : at + 2] for at in range(0, len(digits), 2))


def make(path: str, names: list[str]) -> None:
    """Write the file, with the key that it has or else a new one. Raises OSError."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    key = _old_key(path)
    if key is None:
        from cryptography.hazmat.primitives.asymmetric import ec

        key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, (names or ["isthmus"])[0][:64])])
    others: list[x509.GeneralName] = []
    for name in names:
        try:
            others.append(x509.IPAddress(ipaddress.ip_address(name)))
        except ValueError:
            others.append(x509.DNSName(name))
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(dt.datetime(*FROM, tzinfo=dt.UTC))
        .not_valid_after(dt.datetime(*UNTIL, tzinfo=dt.UTC))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
    )
    if others:
        builder = builder.add_extension(x509.SubjectAlternativeName(others), critical=False)
    certificate = builder.sign(key, hashes.SHA256())
    pem = serialization.Encoding.PEM
    bare = serialization.NoEncryption()
    text = (FIRST_LINE + " ".join(names) + "\n").encode("ascii")
    text += key.private_bytes(pem, serialization.PrivateFormat.PKCS8, bare) + certificate.public_bytes(pem)
    _write(path, text)


def _write(path: str, data: bytes) -> None:
    """The old file or the new one, whole, and never readable by others. Raises OSError."""
    temporary = path + ".new"
    if os.path.lexists(temporary):
        os.unlink(temporary)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with open(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(descriptor)
    os.replace(temporary, path)


def _old_key(path: str) -> EllipticCurvePrivateKey | None:
    """The key in the file, if nobody else can have read it."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    try:
        with open(path, "rb") as file:
            if os.fstat(file.fileno()).st_mode & 0o077:
                return None
            key = serialization.load_pem_private_key(file.read(), None)
    except (OSError, ValueError, TypeError):
        return None
    return key if isinstance(key, ec.EllipticCurvePrivateKey) else None


if __name__ == "__main__":
    make(sys.argv[1], sys.argv[2:])

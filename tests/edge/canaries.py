"""Secrets that can be recognised: planted or caught as they are made, and looked for in every form a text can have."""

from __future__ import annotations

import base64

from isthmus.crypto import dh, ecp, modp, suites
from isthmus.proto import actions
from isthmus.proto.ike2 import keys

SHORTEST = 8  # bytes of a secret that must not be seen in a row


def forms(secret):
    """Every way in which the first bytes of a secret may stand in a text."""
    piece = bytes(secret[:SHORTEST])
    digits = piece.hex()
    yield piece.decode("latin-1")
    yield digits
    yield digits.upper()
    yield ":".join([digits[at : at + 2] for at in range(0, len(digits), 2)])
    yield " ".join([digits[at : at + 2] for at in range(0, len(digits), 2)])
    yield "".join(["\\x" + digits[at : at + 2] for at in range(0, len(digits), 2)])
    yield repr(piece)[2:-1]
    yield ", ".join([str(byte) for byte in piece])
    yield ",".join([str(byte) for byte in piece])
    yield " ".join([str(byte) for byte in piece])
    yield base64.b64encode(piece).decode().rstrip("=")[:-1]
    yield base64.urlsafe_b64encode(piece).decode().rstrip("=")[:-1]
    yield str(int.from_bytes(piece, "big"))


class Canaries:
    """All secrets of a test. `leaks(text)` names those that stand in it."""

    def __init__(self, test, *planted):
        self.test = test
        self.copies = [bytes(secret) for secret in planted]  # what to look for
        self.kept = []  # (name, bytearray) of the objects themselves, to see whether they are wiped
        self._catch(keys.IkeKeys, "__init__", self._ike_keys)
        self._catch(actions.SaKeys, "__init__", self._sa_keys)
        for kind in (dh.X25519, modp.Modp, ecp.Ecp):
            self._catch(kind, "compute", None, self._secret)
        self._catch(suites.Prf, "expand", self._seed, self._expanded)

    def _catch(self, owner, name, before=None, after=None):
        inner = getattr(owner, name)

        def caught(*arguments, **named):
            if before is not None:
                before(*arguments)
            result = inner(*arguments, **named)
            if after is not None:
                after(result)
            return result

        setattr(owner, name, caught)
        self.test.addCleanup(setattr, owner, name, inner)

    def add(self, name, secret):
        if len(secret) >= SHORTEST and any(secret):
            self.copies.append(bytes(secret))
            if isinstance(secret, bytearray):
                self.kept.append((name, secret))

    def _ike_keys(self, _self, parts, *_rest):
        for part in parts:
            self.add("an IKE key", part)

    def _sa_keys(self, _self, encryption, integrity):
        self.add("an ESP key", encryption)
        self.add("an ESP key", integrity)

    def _secret(self, secret):
        self.add("a shared secret", secret)

    def _seed(self, _prf, key, *_rest):
        self.copies.append(bytes(key))

    def _expanded(self, stream):
        self.add("an expanded key", stream)

    def leaks(self, text):
        """The forms of secrets that stand in this text."""
        found = []
        for secret in self.copies:
            found += [form for form in forms(secret) if form in text]
        return found

    def find(self, texts):
        """(form, text around it) of the first secret in any of many texts, None if there is none."""
        whole = "\n".join(texts)
        for form in self.leaks(whole):
            at = whole.index(form)
            return form, whole[max(0, at - 100) : at + 100]
        return None

    def alive(self):
        """Names of the secrets of which something is left."""
        return [name for name, secret in self.kept if any(secret)]

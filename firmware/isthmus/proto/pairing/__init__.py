"""Pairing: an invite and two approvals become a tunnel's keys. Sans-IO; design.md "Pairing"; the argument: SECURITY.md.

    joiner (IKE initiator)                            inviter (IKE responder)
      invite: version, name, endpoints, S, H = SHA-256(PKi), expiry   <- by mail, chat, QR
      IKE_SA_INIT, IKE_AUTH under keys of S           the first to prove S owns the invite
      HELLO  PKj                          ---->       fixed before it knows PKi
                                          <----       OPEN   PKi: the joiner checks it against H
      both know the words = f(invite, PKj, PKi): nothing that is chosen after OPEN goes into them
      INFO   name, networks, ...          ---->
                                          <----       INFO   the same, and the aliases where networks overlap
      transcript = hash(invite, HELLO, OPEN, INFO, INFO), root = HKDF(S | exporter of SK_d | ECDH, transcript)
      APPROVE tag under root              <--->       APPROVE tag under root, each when its administrator has approved
                                          <----       KEEP tag: the inviter has an unconfirmed entry
      keeps its entry, calls under the new keys; the first IKE_AUTH under them proves both entries

Each message is one INFORMATIONAL request with a private notify; they arrive once and in order, or the SA has ended.
"""

"""The routes of the sealed log: public, save the proof of an entry, which its readers alone get."""

from __future__ import annotations

from typing import Protocol

from dmp.edge.http import TEXT, Answer, Api, Request
from dmp.use_cases.journal import Journal
from dmp.use_cases.proofs import Proofs


class PublicKey(Protocol):
    """The key that checkpoints are signed with."""

    def pem(self) -> bytes:
        """Its public half."""


def serve_proofs(api: Api, proofs: Proofs, log_key: PublicKey, journal: Journal) -> None:
    """Register them."""

    @api.route("/journal/proof/{id}", ["GET"])
    def proof(request: Request) -> Answer:
        """That an entry is in the sealed log, for whoever may read the entry."""
        name = request.parameters["id"]
        journal.leaf(request.authenticated(), request.request_id, name)
        return _text(proofs.entry(name))

    @api.route("/journal/key", ["GET"])
    def key(_: Request) -> Answer:
        """The public key that checkpoints are signed with."""
        return Answer(200, log_key.pem(), media_type="application/x-pem-file")

    @api.route("/journal/checkpoint", ["GET"])
    def checkpoint(_: Request) -> Answer:
        """The newest signed note, its witnesses below."""
        return _text(proofs.checkpoint())

    @api.route("/journal/checkpoint", ["POST"], (TEXT,))
    def cosign(request: Request) -> Answer:
        """A witness adds its line to the newest note."""
        return _text(proofs.cosign(request.body.decode("utf-8", "replace")))

    @api.route("/journal/consistency/{size}", ["GET"])
    def consistency(request: Request) -> Answer:
        """That the log of that size begins today's."""
        return _text(proofs.since(request.parameters["size"]))


def _text(text: str) -> Answer:
    return Answer(200, text.encode(), media_type=f"{TEXT}; charset=utf-8")

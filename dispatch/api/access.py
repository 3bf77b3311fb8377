"""How commands of a depot's folder come to its gateway: the tokens' files, the address, and the trust."""

from __future__ import annotations

from pathlib import Path

from dispatch.address import parse_address
from dispatch.api.client import ApiStations
from dispatch.api.token import ApiTokens, Role, read_or_create_token, read_or_create_tokens, token_file
from dispatch.tls import trusting
from optimiser.depot import Depot

TOKEN_FILE = "api-token"  # noqa: S105
"""Where the dispatcher's token lies in a depot's folder, if ``depot.yaml`` names no other file."""


def tokens_of(depot: Depot, folder: Path) -> ApiTokens:
    """The tokens that a gateway of this folder honours, made where there are none. Raises OSError."""
    return read_or_create_tokens(_dispatch_file(depot, folder))


def stations_of(depot: Depot, folder: Path, *, role: Role = Role.DISPATCH) -> ApiStations:
    """The stations of a depot's folder, over the API of the gateway that runs for it.

    Raises OSError for a token's file and TlsError for a certificate that cannot be read.
    """
    address = parse_address(depot.gateway.api)
    token = read_or_create_token(token_file(_dispatch_file(depot, folder), role))
    if address.is_loopback or depot.gateway.tls is None:
        return ApiStations(address, token=token)
    trust = trusting(folder / depot.gateway.tls.certificate)
    return ApiStations(address.from_here, token=token, trust=trust)


def _dispatch_file(depot: Depot, folder: Path) -> Path:
    return folder / (depot.gateway.api_token_file or TOKEN_FILE)

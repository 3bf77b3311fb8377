"""What may stand under ``gateway`` in ``depot.yaml``: where it listens, and how chargers prove who they are."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from optimiser import depot as domain
from optimiser.inputs.keys import Address, Door, wrong
from optimiser.inputs.mqtt import MqttKeys


class TlsKeys(Door):
    """Files of the gateway's encryption, relative to the depot folder."""

    certificate: str = Field(min_length=1, description="Certificate of the gateway, a PEM file")
    key: str = Field(min_length=1, description="Its private key, a PEM file")
    second_certificate: str | None = Field(
        default=None,
        min_length=1,
        description="Another one for chargers that cannot use the first: RSA beside ECDSA (OCPP 2.0.1 A00.FR.318)",
    )
    second_key: str | None = Field(default=None, min_length=1, description="Its private key, a PEM file")
    client_ca: str | None = Field(
        default=None, description="Authority of the chargers' certificates, a PEM file"
    )
    client_organization: str | None = Field(
        default=None,
        min_length=1,
        description="O of the chargers' certificates: whoever else the authority serves stays out",
    )

    @model_validator(mode="after")
    def _has_both(self) -> TlsKeys:
        if (self.second_certificate is None) != (self.second_key is None):
            raise wrong(found="only one of second_certificate and second_key", allowed="both, or none")
        return self


class GatewayKeys(Door):
    """Where the gateway listens and how chargers prove who they are."""

    listen: Address = Field(
        default=domain.GatewaySettings.listen, description="Address for chargers, host:port"
    )
    api: Address = Field(
        default=domain.GatewaySettings.api, description="Address of the local API, host:port"
    )
    security_profile: Literal[0, 1, 2, 3] = Field(
        default=1,
        description="OCPP security: 0 none, 1 password, 2 TLS and password, 3 TLS with client certificates",
    )
    allow_unauthenticated: bool = Field(
        default=False,
        description="Let security_profile 0 listen where others than this machine can reach it",
    )
    tls: TlsKeys | None = Field(
        default=None,
        description="Files of the encryption, for security profiles 2 and 3 and an API beyond this machine",
    )
    credentials: str | None = Field(
        default=None,
        description="File with the chargers' hashed passwords, relative to the folder; see depot credentials",
    )
    certificate_names: dict[str, Annotated[str, Field(min_length=1)]] = Field(
        default_factory=dict,
        description="CN of a charger's certificate by charger id, its serial number, where it is not the id",
    )
    api_token_file: str | None = Field(
        default=None,
        description="File with the API's token for dispatch, relative to the folder; those for the other roles lie "
        "beside it, with -read and -admin at the end of their names",
    )

    mqtt: MqttKeys | None = Field(
        default=None, description="A broker on which the site's meter and vehicles' telematics speak"
    )

    @model_validator(mode="after")
    def _has_its_files(self) -> GatewayKeys:
        if self.security_profile >= 2 and self.tls is None:
            raise wrong(
                found=f"security_profile {self.security_profile} without tls",
                allowed="tls.certificate and tls.key",
            )
        if self.security_profile == 3 and self.tls is not None and self.tls.client_ca is None:
            raise wrong(found="security_profile 3 without tls.client_ca", allowed="tls.client_ca")
        return self

    def to_domain(self) -> domain.GatewaySettings:
        """The settings, with the files of the encryption and the broker."""
        tls = None if self.tls is None else domain.TlsFiles(**self.tls.model_dump())
        mqtt = None if self.mqtt is None else self.mqtt.to_domain()
        return domain.GatewaySettings(**self.model_dump(exclude={"tls", "mqtt"}), tls=tls, mqtt=mqtt)

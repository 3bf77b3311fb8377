"""What may stand under ``gateway.mqtt`` in ``depot.yaml``: a broker and its topics, as a pydantic model."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from optimiser.inputs.keys import Address, Door, is_this_machine, wrong
from optimiser.inputs.secrets import EnvName, FileName, secret_of
from optimiser.links import MqttSettings

Topic = Annotated[str, Field(min_length=1, max_length=500, pattern=r"^[^#+\x00-\x1f]+$")]
"""A topic without wildcards (MQTT 5.0 §4.7.1)."""


class MqttKeys(Door):
    """A broker and its topics. Payloads are told in dispatch/handbook/mqtt.md."""

    broker: Address = Field(description="The broker, host:port; by custom port 1883, with tls 8883")
    tls: bool = Field(default=False, description="Encrypt; needed for a broker that is not on this machine")
    ca: str | None = Field(
        default=None,
        min_length=1,
        description="Authority of the broker's certificate, a PEM file; else those that the system trusts",
    )
    user: str | None = Field(default=None, min_length=1, description="Name to log in with")
    password_file: FileName = Field(
        default=None, description="File with its password, relative to the folder"
    )
    password_env: EnvName = Field(default=None, description="Variable of the environment with its password")
    client_id: Annotated[str, Field(min_length=1, max_length=65)] | None = Field(
        default=None, description="Identity at the broker, once there; else one is chosen"
    )
    site_topic: Topic | None = Field(
        default=None,
        description="Topic of the meter that shows all that the site draws, chargers included; no # and +",
    )
    base_load_topic: Topic | None = Field(
        default=None,
        description="Topic of the meter that shows what the site draws beside its chargers; no # and +",
    )
    vehicle_topic: Annotated[Topic, Field(pattern=r"^([^#+{}]+/)?\{vehicle_id\}(/[^#+{}]+)?$")] | None = (
        Field(
            default=None,
            description="Topic of a vehicle's state of charge, with {vehicle_id} as one whole level: "
            "fleet/{vehicle_id}/soc",
        )
    )
    power_unit: Literal["kW", "W"] = Field(
        default="kW", description="Unit of power where a message does not say one"
    )

    @model_validator(mode="after")
    def _is_whole(self) -> MqttKeys:
        if self.site_topic is None and self.base_load_topic is None and self.vehicle_topic is None:
            raise wrong(found="no topic", allowed="site_topic, base_load_topic or vehicle_topic")
        if not self.tls and not is_this_machine(self.broker.rpartition(":")[0]):
            raise wrong(found=f"{self.broker} without tls", allowed="tls: true beyond this machine")
        if self.ca is not None and not self.tls:
            raise wrong(found="ca without tls", allowed="tls: true beside it")
        if (self.password_file or self.password_env) and self.user is None:
            raise wrong(found="a password without user", allowed="user beside it")
        secret_of("password", file=self.password_file, env=self.password_env)
        return self

    def to_domain(self) -> MqttSettings:
        """The settings; the password is only named."""
        keys = self.model_dump(exclude={"password_file", "password_env"})
        return MqttSettings(
            **keys, password=secret_of("password", file=self.password_file, env=self.password_env)
        )

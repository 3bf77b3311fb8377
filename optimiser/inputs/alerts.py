"""What may stand under ``alerts:`` in ``depot.yaml``: who is told, and by which way, as pydantic models."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from optimiser.inputs.keys import Door, is_this_machine, wrong
from optimiser.inputs.secrets import EnvName, FileName, secret_of
from optimiser.links import AlertSettings, EmailSettings, Secret

MailAddress = Annotated[str, Field(pattern=r"^[^@\s<>,]+@[^@\s<>,]+$")]


class WebhookKeys(Door):
    """Where alerts are posted as JSON. The address is a secret: whoever knows it can post there."""

    url_file: FileName = Field(default=None, description="File with the address, relative to the folder")
    url_env: EnvName = Field(default=None, description="Variable of the environment with the address")

    @model_validator(mode="after")
    def _is_named(self) -> WebhookKeys:
        if self.to_domain() is None:
            raise wrong(found="no address", allowed="url_file or url_env")
        return self

    def to_domain(self) -> Secret | None:
        """Where the address is found."""
        return secret_of("url", file=self.url_file, env=self.url_env)


class EmailKeys(Door):
    """A mail server and the addresses between which alerts go."""

    host: str = Field(pattern=r"^[^\s:/@]+$", description="The mail server")
    port: Annotated[int, Field(ge=1, le=65535)] = Field(
        default=587, description="Its port: 587 for starttls, 465 for tls"
    )
    encryption: Literal["starttls", "tls", "none"] = Field(
        default="starttls", description="How mail is encrypted; none only on this machine"
    )
    ca: str | None = Field(
        default=None,
        min_length=1,
        description="Authority of the server's certificate, a PEM file; else those that the system trusts",
    )
    user: str | None = Field(default=None, min_length=1, description="Name to log in with")
    password_file: FileName = Field(
        default=None, description="File with its password, relative to the folder"
    )
    password_env: EnvName = Field(default=None, description="Variable of the environment with its password")
    sender: MailAddress = Field(alias="from", description="Address from which alerts come: name@host")
    to: list[Annotated[MailAddress, Field(description="An address, name@host")]] = Field(
        min_length=1, description="Addresses to which they go, each name@host"
    )

    @model_validator(mode="after")
    def _is_whole(self) -> EmailKeys:
        if self.encryption == "none" and not is_this_machine(self.host):
            raise wrong(
                found=f"{self.host} without encryption", allowed="starttls or tls beyond this machine"
            )
        if self.ca is not None and self.encryption == "none":
            raise wrong(found="ca without encryption", allowed="starttls or tls beside it")
        password = secret_of("password", file=self.password_file, env=self.password_env)
        if (password is None) != (self.user is None):
            raise wrong(found="only one of user and a password", allowed="both, or none")
        return self

    def to_domain(self) -> EmailSettings:
        """The settings; the password is only named."""
        keys = self.model_dump(exclude={"password_file", "password_env", "to"})
        password = secret_of("password", file=self.password_file, env=self.password_env)
        return EmailSettings(**keys, to=tuple(self.to), password=password)


class AlertKeys(Door):
    """Who is told when something needs a person, and how often."""

    webhook: WebhookKeys | None = Field(
        default=None, description="An address to which alerts are posted as JSON"
    )
    email: EmailKeys | None = Field(default=None, description="A mail server and who gets mail")
    repeat_minutes: Annotated[int, Field(ge=0, le=1440)] = Field(
        default=AlertSettings.repeat_minutes,
        description="How often an alert is told until somebody acknowledges it; 0: once [min]",
    )

    def to_domain(self) -> AlertSettings:
        """The settings of both ways."""
        return AlertSettings(
            webhook=None if self.webhook is None else self.webhook.to_domain(),
            email=None if self.email is None else self.email.to_domain(),
            repeat_minutes=self.repeat_minutes,
        )

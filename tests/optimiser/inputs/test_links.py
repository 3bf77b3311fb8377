"""Who is told and which broker is listened to, as depot.yaml says it: strictly, and without a secret in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from optimiser.inputs import InputError, load_depot
from optimiser.links import AlertSettings, EmailSettings, MqttSettings, Secret
from tests.optimiser.folder_builders import write_depot_folder


def written(path: Path, *, mqtt: str = "", alerts: str = "") -> Path:
    replace = [("depot.yaml", "name:", f"alerts: {{{alerts}}}\nname:")]
    if mqtt:
        replace.append(("depot.yaml", "gateway: {", f"gateway: {{mqtt: {{{mqtt}}}, "))
    return write_depot_folder(path, replace=replace)


def test_a_depot_that_says_nothing_tells_nobody_and_listens_to_no_broker(tmp_path: Path) -> None:
    depot = load_depot(write_depot_folder(tmp_path))
    assert depot.alerts == AlertSettings()
    assert depot.gateway.mqtt is None


def test_what_is_written_is_what_is_meant_and_secrets_are_only_named(tmp_path: Path) -> None:
    depot = load_depot(
        written(
            tmp_path,
            mqtt="broker: 'broker.example.org:8883', tls: true, user: depot, password_file: mqtt-password, "
            "site_topic: site/power, vehicle_topic: 'fleet/{vehicle_id}/soc', power_unit: W",
            alerts="webhook: {url_env: HOOK}, repeat_minutes: 60, "
            "email: {host: mail.example.org, from: d@example.org, to: [n@example.org], user: d, password_env: P}",
        )
    )
    assert depot.gateway.mqtt == MqttSettings(
        broker="broker.example.org:8883",
        tls=True,
        user="depot",
        password=Secret(file="mqtt-password"),
        site_topic="site/power",
        vehicle_topic="fleet/{vehicle_id}/soc",
        power_unit="W",
    )
    assert depot.alerts == AlertSettings(
        webhook=Secret(env="HOOK"),
        email=EmailSettings(
            host="mail.example.org",
            port=587,
            encryption="starttls",
            sender="d@example.org",
            to=("n@example.org",),
            user="d",
            password=Secret(env="P"),
        ),
        repeat_minutes=60,
    )


@pytest.mark.parametrize(
    ("mqtt", "alerts", "said"),
    [
        ("broker: '127.0.0.1:1883'", "", "no topic; allowed|found no topic, allowed site_topic"),
        ("broker: '10.0.0.3:1883', site_topic: a", "", "10.0.0.3:1883 without tls, allowed tls: true"),
        ("broker: '127.0.0.1:1883', site_topic: 'a/#'", "", "'a/#', allowed .*no # and"),
        ("broker: '127.0.0.1:1883', vehicle_topic: fleet/soc", "", "with {vehicle_id} as one whole level"),
        ("broker: '127.0.0.1:1883', site_topic: a, power_unit: MW", "", 'one of "kW", "W"'),
        ("broker: '127.0.0.1:1883', site_topic: a, password_env: P", "", "a password without user"),
        (
            "broker: '127.0.0.1:1883', site_topic: a, user: u, password_env: P, password_file: p",
            "",
            "password_file beside password_env, allowed one of the two",
        ),
        ("broker: '127.0.0.1:1883', site_topic: a, password: hush", "", "unknown key 'password'"),
        ("", "webhook: {url: 'https://example.org'}", "unknown key 'url', allowed one of url_file, url_env"),
        ("", "webhook: {}", "no address, allowed url_file or url_env"),
        (
            "",
            "email: {host: mail.example.org, encryption: none, from: a@b, to: [c@d]}",
            "mail.example.org without encryption",
        ),
        ("", "email: {host: localhost, from: a@b, to: [nobody]}", "name@host"),
        ("", "email: {host: localhost, from: a@b, to: [c@d], user: u}", "only one of user and a password"),
    ],
)
def test_what_cannot_be_meant_is_one_problem_with_its_place(
    tmp_path: Path, mqtt: str, alerts: str, said: str
) -> None:
    with pytest.raises(InputError, match=said) as caught:
        load_depot(written(tmp_path, mqtt=mqtt, alerts=alerts))
    (problem,) = caught.value.problems
    assert problem.where.startswith("depot.yaml line")

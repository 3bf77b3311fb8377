// The strict charge point in OCPP 1.6.

const { aChargePoint, now, report, run } = require('./strict');

const installed = [];

const client = aChargePoint('ocpp1.6', {
    GetConfiguration: ({ key }) => ({
        configurationKey: key.slice(0, 1).map((name) => ({ key: name, readonly: true, value: '10' })),
        unknownKey: key.slice(1),
    }),
    SetChargingProfile: ({ csChargingProfiles }) => {
        installed.push(csChargingProfiles);
        return { status: 'Accepted' };
    },
    ClearChargingProfile: () => ({ status: 'Accepted' }),
    TriggerMessage: () => ({ status: 'Accepted' }),
    GetCompositeSchedule: ({ connectorId, duration }) => ({
        status: 'Accepted',
        connectorId,
        scheduleStart: now(),
        chargingSchedule: { ...installed.at(-1).chargingSchedule, duration },
    }),
});

function meterValues(transactionId) {
    const sampledValue = [
        { value: '11040.0', measurand: 'Power.Active.Import', unit: 'W' },
        { value: '15.9', measurand: 'Current.Import', unit: 'A', phase: 'L1' },
        { value: '42', measurand: 'SoC', unit: 'Percent', location: 'EV' },
    ];
    return { connectorId: 1, transactionId, meterValue: [{ timestamp: now(), sampledValue }] };
}

async function begin() {
    await client.call('BootNotification', { chargePointVendor: 'ocpp-rpc', chargePointModel: 'strict' });
    for (const connectorId of [0, 1]) {
        await client.call('StatusNotification', {
            connectorId, errorCode: 'NoError', status: 'Available', timestamp: now(),
        });
    }
    await client.call('Heartbeat', {});
    await client.call('Authorize', { idTag: 'TAG-V1' });
    const started = await client.call('StartTransaction', {
        connectorId: 1, idTag: 'TAG-V1', meterStart: 1000, timestamp: now(),
    });
    await client.call('MeterValues', meterValues(started.transactionId));
    await client.call('DataTransfer', { vendorId: 'ocpp-rpc' });
    await client.call('FirmwareStatusNotification', { status: 'Idle' });
    await client.call('DiagnosticsStatusNotification', { status: 'Idle' });
    return started.transactionId;
}

async function end() {
    await client.call('StopTransaction', {
        transactionId: report.transactionId, meterStop: 2000, timestamp: now(), idTag: 'TAG-V1',
    });
}

run(client, { begin, end });

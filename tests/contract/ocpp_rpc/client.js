// A charge point by other people (npm package ocpp-rpc) in strict mode: it validates every frame that the
// gateway sends, calls and answers alike, against the OCPP 1.6 JSON schemas with another validator than ours.
//
// Environment: ENDPOINT, IDENTITY, PASSWORD. Prints {"ready": …} when its session runs, then serves calls until
// its standard input is closed, then prints a report: validation failures, bad messages, calls it has answered.

const { RPCClient } = require('ocpp-rpc');

const report = { failures: [], badMessages: [], answered: [], protocol: null, transactionId: null };

const client = new RPCClient({
    endpoint: process.env.ENDPOINT,
    identity: process.env.IDENTITY,
    password: process.env.PASSWORD,
    protocols: ['ocpp1.6'],
    strictMode: true,
    reconnect: false,
});

client.on('strictValidationFailure', ({ messageId, method, params, result, error, outbound, isCall }) => {
    report.failures.push({ messageId, method, params, result, outbound, isCall, error: String(error) });
});
client.on('badMessage', ({ error }) => report.badMessages.push(String(error)));

const installed = [];

function answers(method, answer) {
    client.handle(method, ({ params }) => {
        report.answered.push({ method, params });
        return answer(params);
    });
}

answers('GetConfiguration', ({ key }) => ({
    configurationKey: key.slice(0, 1).map((name) => ({ key: name, readonly: true, value: '10' })),
    unknownKey: key.slice(1),
}));
answers('SetChargingProfile', ({ csChargingProfiles }) => {
    installed.push(csChargingProfiles);
    return { status: 'Accepted' };
});
answers('ClearChargingProfile', () => ({ status: 'Accepted' }));
answers('TriggerMessage', () => ({ status: 'Accepted' }));
answers('GetCompositeSchedule', ({ connectorId, duration }) => ({
    status: 'Accepted',
    connectorId,
    scheduleStart: new Date().toISOString(),
    chargingSchedule: { ...installed.at(-1).chargingSchedule, duration },
}));

const now = () => new Date().toISOString();

function meterValues(transactionId) {
    const sampledValue = [
        { value: '11040.0', measurand: 'Power.Active.Import', unit: 'W' },
        { value: '15.9', measurand: 'Current.Import', unit: 'A', phase: 'L1' },
        { value: '42', measurand: 'SoC', unit: 'Percent', location: 'EV' },
    ];
    return { connectorId: 1, transactionId, meterValue: [{ timestamp: now(), sampledValue }] };
}

async function begin() {
    await client.connect();
    report.protocol = client.protocol;
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
    report.transactionId = started.transactionId;
    await client.call('MeterValues', meterValues(started.transactionId));
    await client.call('DataTransfer', { vendorId: 'ocpp-rpc' });
    await client.call('FirmwareStatusNotification', { status: 'Idle' });
    await client.call('DiagnosticsStatusNotification', { status: 'Idle' });
    console.log(JSON.stringify({ ready: true, transactionId: started.transactionId }));
}

async function end() {
    await client.call('StopTransaction', {
        transactionId: report.transactionId, meterStop: 2000, timestamp: now(), idTag: 'TAG-V1',
    });
    await client.close();
    console.log(JSON.stringify(report));
}

function fail(error) {
    console.error(error);
    process.exit(1);
}

begin().then(() => {
    process.stdin.on('end', () => end().catch(fail));
    process.stdin.resume();
}).catch(fail);

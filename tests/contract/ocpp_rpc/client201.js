// The strict charge point in OCPP 2.0.1. It says one after the other which profiles it has accepted, one in each
// report, the way a station does that cannot say all at once.

const { aChargePoint, now, report, run } = require('./strict');

const EVSE = { id: 1, connectorId: 1 };
const TRANSACTION = 'c2c1d6c1-6d5b-4a0e-9e55-3d7d1c1f0a01';
const installed = new Map();

async function reportProfiles(requestId) {
    const profiles = [...installed.values()];
    for (const [index, { evseId, chargingProfile }] of profiles.entries()) {
        await client.call('ReportChargingProfiles', {
            requestId,
            chargingLimitSource: 'CSO',
            evseId,
            chargingProfile: [chargingProfile],
            tbc: index < profiles.length - 1,
        });
    }
}

const client = aChargePoint('ocpp2.0.1', {
    GetVariables: ({ getVariableData }) => ({
        getVariableResult: getVariableData.map(({ component, variable }, index) => (index === 0
            ? { attributeStatus: 'Accepted', component, variable, attributeValue: 'true' }
            : { attributeStatus: 'UnknownVariable', component, variable })),
    }),
    SetVariables: ({ setVariableData }) => ({
        setVariableResult: setVariableData.map(({ component, variable }) => (
            { attributeStatus: 'RebootRequired', component, variable })),
    }),
    SetChargingProfile: (params) => {
        installed.set(params.chargingProfile.id, params);
        return { status: 'Accepted' };
    },
    ClearChargingProfile: ({ chargingProfileId }) => (
        { status: installed.delete(chargingProfileId) ? 'Accepted' : 'Unknown' }),
    GetChargingProfiles: ({ requestId }) => {
        setTimeout(() => reportProfiles(requestId), 10);
        return { status: installed.size ? 'Accepted' : 'NoProfiles' };
    },
    GetCompositeSchedule: ({ evseId, duration }) => {
        const [schedule] = [...installed.values()].at(-1).chargingProfile.chargingSchedule;
        const { chargingRateUnit, chargingSchedulePeriod } = schedule;
        return {
            status: 'Accepted',
            schedule: { evseId, duration, scheduleStart: now(), chargingRateUnit, chargingSchedulePeriod },
        };
    },
    TriggerMessage: () => ({ status: 'Accepted' }),
    RequestStartTransaction: () => ({ status: 'Accepted', transactionId: TRANSACTION }),
    Reset: () => ({ status: 'Scheduled' }),
});

let seqNo = 0;

function event(eventType, triggerReason, more = {}) {
    const sampledValue = [
        { value: 11.04, measurand: 'Power.Active.Import', unitOfMeasure: { unit: 'W', multiplier: 3 } },
        { value: 15.9, measurand: 'Current.Import', phase: 'L1', unitOfMeasure: { unit: 'A' } },
        { value: 42, measurand: 'SoC', location: 'EV', unitOfMeasure: { unit: 'Percent' } },
    ];
    return client.call('TransactionEvent', {
        eventType,
        triggerReason,
        timestamp: now(),
        seqNo: seqNo++,
        transactionInfo: { transactionId: TRANSACTION, chargingState: 'Charging' },
        meterValue: [{ timestamp: now(), sampledValue }],
        ...more,
    });
}

async function begin() {
    await client.call('BootNotification', {
        reason: 'PowerUp', chargingStation: { vendorName: 'ocpp-rpc', model: 'strict' },
    });
    const idToken = { idToken: 'TAG-V1', type: 'ISO14443' };
    const status = { evseId: 1, connectorId: 1, timestamp: now() };
    await client.call('StatusNotification', { ...status, connectorStatus: 'Available' });
    await client.call('Heartbeat', {});
    await client.call('Authorize', { idToken });
    await client.call('StatusNotification', { ...status, timestamp: now(), connectorStatus: 'Occupied' });
    await event('Started', 'CablePluggedIn', { evse: EVSE, idToken });
    await event('Updated', 'MeterValuePeriodic');
    await client.call('NotifyEVChargingNeeds', {
        evseId: 1,
        chargingNeeds: {
            requestedEnergyTransfer: 'AC_three_phase',
            acChargingParameters: { energyAmount: 30000, evMinCurrent: 6, evMaxCurrent: 16, evMaxVoltage: 400 },
        },
    });
    await client.call('NotifyChargingLimit', { evseId: 1, chargingLimit: { chargingLimitSource: 'SO' } });
    await client.call('ClearedChargingLimit', { evseId: 1, chargingLimitSource: 'SO' });
    await client.call('SecurityEventNotification', { type: 'StartupOfTheDevice', timestamp: now() });
    await client.call('FirmwareStatusNotification', { status: 'Idle' });
    await client.call('DataTransfer', { vendorId: 'ocpp-rpc' });
    return TRANSACTION;
}

async function end() {
    const transactionInfo = { transactionId: TRANSACTION, stoppedReason: 'EVDisconnected' };
    await event('Ended', 'EVDeparted', { transactionInfo });
}

run(client, { begin, end });

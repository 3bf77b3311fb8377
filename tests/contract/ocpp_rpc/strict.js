// A charge point by other people (npm package ocpp-rpc) in strict mode: it validates every frame that the
// gateway sends, calls and answers alike, against the standard's JSON schemas with another validator than ours.
//
// Environment: ENDPOINT, IDENTITY, PASSWORD. Prints {"ready": …} when its session runs, then serves calls until
// its standard input is closed, then prints a report: validation failures, bad messages, calls it has answered.

const { RPCClient } = require('ocpp-rpc');

const report = { failures: [], badMessages: [], answered: [], protocol: null, transactionId: null };

const now = () => new Date().toISOString();

// A charge point that speaks one protocol. `answers` says for each action what is answered to its parameters.
function aChargePoint(protocol, answers) {
    const client = new RPCClient({
        endpoint: process.env.ENDPOINT,
        identity: process.env.IDENTITY,
        password: process.env.PASSWORD,
        protocols: [protocol],
        strictMode: true,
        reconnect: false,
    });
    client.on('strictValidationFailure', ({ messageId, method, params, result, error, outbound, isCall }) => {
        report.failures.push({ messageId, method, params, result, outbound, isCall, error: String(error) });
    });
    client.on('badMessage', ({ error }) => report.badMessages.push(String(error)));
    for (const [method, answer] of Object.entries(answers)) {
        client.handle(method, ({ params }) => {
            report.answered.push({ method, params });
            return answer(params);
        });
    }
    return client;
}

function fail(error) {
    console.error(error);
    process.exit(1);
}

// Connect and `begin` a session, serve calls, and `end` it when nobody speaks to this process any more.
function run(client, { begin, end }) {
    const whole = async () => {
        await client.connect();
        report.protocol = client.protocol;
        report.transactionId = await begin();
        console.log(JSON.stringify({ ready: true, transactionId: report.transactionId }));
        process.stdin.on('end', () => finish().catch(fail));
        process.stdin.resume();
    };
    const finish = async () => {
        await end();
        await client.close();
        console.log(JSON.stringify(report));
    };
    whole().catch(fail);
}

module.exports = { aChargePoint, now, report, run };

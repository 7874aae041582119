// A charging station on ocpp-rpc in strict mode: every payload, in both directions, is checked against the official schema.
// node station.js ENDPOINT IDENTITY PROTOCOL. Takes JSON lines on stdin, tells what happens in JSON lines on stdout:
//   {"answers": {"Reset": {"status": "Accepted"}}}           what to answer commands with
//   {"id": 1, "call": "Heartbeat", "params": {}}             -> {"id": 1, "result": {...}} or {"id": 1, "error": "...", "code": "..."}
// and by itself {"connected": "ocpp1.6"}, {"asked": "Reset", "params": {...}}, {"invalid": "what breaks the schema"}.
const readline = require('node:readline');
const { RPCClient, createRPCError } = require('ocpp-rpc');

const [endpoint, identity, protocol] = process.argv.slice(2);
const tell = (event) => process.stdout.write(JSON.stringify(event) + '\n');
const answers = {};
const station = new RPCClient({ endpoint, identity, protocols: [protocol], strictMode: true, reconnect: false });

station.on('strictValidationFailure', ({ method, error, isCall, outbound }) =>
    tell({ invalid: `${outbound ? 'sent' : 'received'} ${isCall ? 'call' : 'result'} ${method}: ${error.message}` }));
station.on('badMessage', ({ error }) => tell({ invalid: `bad message: ${error.message}` }));
station.handle(({ method, params }) => {
    tell({ asked: method, params });
    if (!(method in answers)) {
        throw createRPCError('NotImplemented', `${method} is not known here`);
    }
    return answers[method];
});

async function call({ id, call, params }) {
    try {
        tell({ id, result: await station.call(call, params) });
    } catch (error) {
        tell({ id, error: error.message, code: error.rpcErrorCode });
    }
}

readline.createInterface({ input: process.stdin })
    .on('line', (line) => {
        const order = JSON.parse(line);
        if (order.answers) {
            Object.assign(answers, order.answers);
        } else {
            call(order);
        }
    })
    .on('close', () => station.close({ code: 1000, force: true }));

station.connect()
    .then(() => tell({ connected: station.protocol }))
    .catch((error) => { tell({ failed: error.message }); process.exit(1); });

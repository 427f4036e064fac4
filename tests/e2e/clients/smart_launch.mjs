// The SMART JS client's standalone launch, in two steps with a person's answer between them; prints
// what it saw as one JSON object. On stdin: {base, client, scope, back} for the way to the
// authorization server, then {url, kept} for what it does with the answer.
import { readFileSync } from 'node:fs';
import smart from 'fhirclient';

const given = JSON.parse(readFileSync(0, 'utf-8'));
const held = new Map(Object.entries(given.kept ?? {}));
const storage = {
  get: async (key) => held.get(key),
  set: async (key, value) => held.set(key, value),
  unset: async (key) => held.delete(key),
};
const sent = {};
const response = { writeHead: (status, headers) => Object.assign(sent, { status, ...headers }), end: () => {} };
const at = new URL(given.url ?? given.back);
const request = { url: at.pathname + at.search, headers: { host: at.host }, socket: {} };
const page = smart(request, response, storage);
if (given.base) {
  await page.authorize({ iss: given.base, clientId: given.client, scope: given.scope, redirectUri: given.back });
  console.log(JSON.stringify({ way: sent.location, kept: Object.fromEntries(held) }));
} else {
  const client = await page.ready();
  const first = client.state.tokenResponse.access_token;
  const seen = { patient: client.patient.id, read: (await client.patient.read()).id, user: client.user.fhirUser };
  seen.total = (await client.patient.request('Observation')).total;
  await client.refresh();
  seen.renewed = client.state.tokenResponse.access_token !== first;
  seen.again = (await client.patient.read()).id;
  const early = client.state.tokenResponse.refresh_token;
  await client.refresh();
  seen.rotated = client.state.tokenResponse.refresh_token !== early;
  console.log(JSON.stringify(seen));
}

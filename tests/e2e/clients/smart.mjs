// The SMART JS client does what its users do; prints what it saw as one JSON object. On stdin:
// {base, token, patient, observation}
import { readFileSync } from 'node:fs';
import smart from 'fhirclient';

const { base, token, patient, observation } = JSON.parse(readFileSync(0, 'utf-8'));
const held = new Map();
const storage = {
  get: async (key) => held.get(key),
  set: async (key, value) => held.set(key, value),
  unset: async (key) => held.delete(key),
};
const sent = {};
const response = { writeHead: (status, headers) => Object.assign(sent, { status, ...headers }), end: () => {} };
const request = { url: '/launch', headers: { host: 'app.example.org' }, socket: { encrypted: true } };
const page = smart(request, response, storage);
const seen = {};

// what an app does first: discovery, then the way to the authorization server
const asked = { iss: base, clientId: 'app', scope: 'launch/patient openid patient/*.rs', redirectUri: 'https://app.example.org/back' };
await page.authorize(asked);
const way = new URL(sent.location);
seen.status = sent.status;
seen.way = way.origin + way.pathname;
seen.query = Object.fromEntries(way.searchParams);
const kept = held.get(held.get('SMART_KEY'));
seen.tokenUri = kept.tokenUri;

// what it does with a token
const client = page.client({ serverUrl: base, tokenResponse: { access_token: token, patient } });
seen.version = await client.getFhirVersion();
seen.release = await client.getFhirRelease();
seen.patientId = client.patient.id;
seen.patient = (await client.patient.read()).id;
const made = await client.create(observation);
seen.created = made.meta.versionId;
seen.updated = (await client.update({ ...made, status: 'amended' })).meta.versionId;
const patched = await client.patch(`Observation/${made.id}`, [
  { op: 'replace', path: '/status', value: 'corrected' },
]);
seen.patched = patched.status;
for (const _ of [1, 2]) await client.create(observation);
const all = await client.patient.request('Observation?_count=2', { pageLimit: 0, flat: true });
seen.pages = all.length;
seen.found = all.some((o) => o.id === made.id);
const resolved = await client.request(`Observation/${made.id}`, { resolveReferences: ['subject'] });
seen.resolved = resolved.subject.id ?? resolved.subject.resourceType;
const graph = await client.request(
  { url: `Observation?patient=${patient}&_count=2` },
  { graph: true, flat: true, resolveReferences: 'subject' },
);
seen.graph = graph[0].subject.resourceType;
const whole = await client.request({ url: `Observation/${made.id}`, includeResponse: true });
seen.etag = whole.response.headers.get('etag');
await client.delete(`Observation/${made.id}`);
const gone = await client.request(`Observation/${made.id}`).catch((error) => error);
seen.gone = { status: gone.statusCode ?? gone.status, text: gone.message };
const bad = page.client({ serverUrl: base, tokenResponse: { access_token: 'no token', patient } });
const out = await bad.patient.read().catch((error) => error);
seen.out = { status: out.statusCode ?? out.status, text: out.message };
console.log(JSON.stringify(seen));

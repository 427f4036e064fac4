// @medplum/core does what its users do; prints what it saw as one JSON object. On stdin:
// {base, tokenUrl, assertion, token, patient, other, observation}
import { readFileSync } from 'node:fs';
import { MedplumClient } from '@medplum/core';

const told = JSON.parse(readFileSync(0, 'utf-8'));
const { base, tokenUrl, patient, other, observation } = told;
const root = base.replace(/fhir$/, '');
const asked = [];
const watched = (url, init) => {
  asked.push(`${init.method} ${new URL(url).href.replace(root, '/')}`);
  return fetch(url, init);
};
const medplum = (more) => new MedplumClient({ baseUrl: root, fhirUrlPath: 'fhir', tokenUrl, ...more });
const code = observation.code.coding[0].code;
const seen = {};

const refused = async (promise) => {
  try {
    await promise;
    return null;
  } catch (error) {
    return { id: error.outcome?.id, text: error.message, code: error.outcome?.issue?.[0]?.code };
  }
};
seen.secret = await refused(medplum().startClientLogin('clinic', 'a secret in the body'));

const partner = medplum();
await partner.startJwtAssertionLogin(told.assertion);
seen.signedIn = (await partner.readResource('Patient', patient)).id === patient;

const client = medplum({ accessToken: told.token, fetch: watched });
const made = await client.createResource(observation);
const id = made.id;
seen.created = made.meta.versionId;
seen.read = (await client.readResource('Observation', id)).valueQuantity.value;
seen.reference = (await client.readReference({ reference: `Observation/${id}` })).id === id;
seen.updated = (await client.updateResource({ ...made, status: 'amended' })).meta.versionId;
seen.patched = (
  await client.patchResource('Observation', id, [{ op: 'replace', path: '/status', value: 'corrected' }])
).status;
seen.version = (await client.readVersion('Observation', id, '1')).status;
seen.history = (await client.readHistory('Observation', id)).entry.length;
client.invalidateAll();

for (const _ of [1, 2]) await client.createResource(observation);
const bundle = await client.search('Observation', { patient, code, _count: 2 });
seen.bundle = bundle.type;
seen.found = (await client.searchResources('Observation', { patient, code })).some((o) => o.id === id);
seen.one = (await client.searchOne('Observation', { patient, code, _id: id }))?.id === id;
const paged = new Set();
for await (const page of client.searchResourcePages('Observation', { patient, _count: 2 })) {
  for (const one of page) paged.add(one.id);
}
seen.paged = paged.size;

const identifier = [{ system: 'urn:example:medplum', value: 'first' }];
const query = { patient, identifier: 'urn:example:medplum|first' };
const once = await client.createResourceIfNoneExist({ ...observation, identifier }, new URLSearchParams(query).toString());
const again = await client.createResourceIfNoneExist({ ...observation, identifier }, new URLSearchParams(query).toString());
seen.once = once.id === again.id;
const upserted = await client.upsertResource({ ...observation, identifier, status: 'amended' }, query);
seen.upserted = upserted.id === once.id && upserted.status;

const entry = [1, 2].map(() => ({ resource: observation, request: { method: 'POST', url: 'Observation' } }));
for (const type of ['batch', 'transaction']) {
  const answered = await client.executeBatch({ resourceType: 'Bundle', type, entry });
  seen[type] = answered.entry.map((e) => e.response.status.slice(0, 3));
}
seen.bundleUrl = asked.at(-1);

const batching = medplum({ accessToken: told.token, fetch: watched, autoBatchTime: 50 });
const before = asked.length;
const both = await Promise.all([
  batching.readResource('Observation', id),
  batching.readResource('Patient', patient),
]);
seen.batched = both.map((r) => r.resourceType);
seen.batchedBy = asked.slice(before);

seen.everything = (await client.readPatientEverything(patient)).entry.some((e) => e.resource.id === id);
seen.validated = (await client.validateResource(observation)).issue.every((i) => i.severity !== 'error');
seen.invalid = await refused(client.createResource({ ...observation, status: 'nonsense' }));
seen.stranger = await refused(client.readResource('Patient', other));
await client.deleteResource('Observation', once.id);
seen.deleted = await refused(client.readResource('Observation', once.id));
console.log(JSON.stringify(seen));

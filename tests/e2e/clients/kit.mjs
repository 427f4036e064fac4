// fhir-kit-client does what its users do; prints what it saw as one JSON object.
// In the folder where the clients are installed: {base, token, patient, other, observation} on stdin.
import { readFileSync } from 'node:fs';
import { Client } from 'fhir-kit-client';

const { base, token, patient, other, observation } = JSON.parse(readFileSync(0, 'utf-8'));
const client = new Client({ baseUrl: base, bearerToken: token });
const resourceType = 'Observation';
const seen = {};

const statement = await client.capabilityStatement();
seen.fhirVersion = statement.fhirVersion;
seen.tokenUrl = (await client.smartAuthMetadata()).tokenUrl?.href;

const made = await client.create({ resourceType, body: observation });
const id = made.id;
seen.created = made.meta.versionId;
seen.read = (await client.read({ resourceType, id })).valueQuantity.value;
seen.vread = (await client.vread({ resourceType, id, version: '1' })).status;

const searchParams = { patient, code: observation.code.coding[0].code };
const found = await client.search({ resourceType, searchParams });
seen.found = found.entry.map((e) => e.resource.id).includes(id);
const posted = await client.search({ resourceType, searchParams, options: { postSearch: true } });
seen.posted = posted.total === found.total;

const updated = await client.update({ resourceType, id, body: { ...made, status: 'amended' } });
seen.updated = updated.meta.versionId;
const history = await client.history({ resourceType, id });
seen.history = history.entry.map((e) => e.resource.meta.versionId);

const transaction = {
  resourceType: 'Bundle',
  type: 'transaction',
  entry: [1, 2, 3].map(() => ({
    resource: observation,
    request: { method: 'POST', url: resourceType },
  })),
};
const answered = await client.transaction({ body: transaction });
seen.transaction = answered.entry.map((e) => e.response.status.slice(0, 3));

const batch = await client.batch({ body: { ...transaction, type: 'batch' } });
seen.batch = batch.entry.map((e) => e.response.status.slice(0, 3));

let page = await client.search({ resourceType, searchParams: { patient, _count: '2' } });
const ids = new Set();
while (page) {
  for (const e of page.entry ?? []) ids.add(e.resource.id);
  page = page.link.some((l) => l.relation === 'next') ? await client.nextPage({ bundle: page }) : null;
}
seen.paged = ids.size >= 4 && ids.has(id);

const everything = { name: '$everything', resourceType: 'Patient', id: patient };
seen.everything = (await client.operation({ ...everything, method: 'GET' })).entry.length > 4;
seen.everythingPosted = (await client.operation(everything)).type;

const refused = async (promise) => {
  try {
    await promise;
    return null;
  } catch (error) {
    const { status, data } = error.response;
    return { status, type: data.resourceType, text: data.issue?.[0]?.details?.text };
  }
};
seen.stranger = await refused(client.read({ resourceType: 'Patient', id: other }));
seen.merge = await refused(
  client.request(`${resourceType}/${id}`, {
    method: 'PATCH',
    body: { status: 'final' },
    options: { headers: { 'content-type': 'application/json' } },
  }),
);
seen.unknown = await refused(client.search({ resourceType, searchParams: { patient, colour: 'red' } }));
seen.unchanged = (await client.read({ resourceType, id })).status;
const jsonPatch = [{ op: 'replace', path: '/status', value: 'corrected' }];
seen.patched = (await client.patch({ resourceType, id, jsonPatch })).status;
seen.status = (await client.read({ resourceType, id })).status;
console.log(JSON.stringify(seen));

"use strict";
// A form is sent once, however often it is pressed; the page works without this.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (!form.hasAttribute("data-once")) return;
  if (form.dataset.sent) event.preventDefault();
  form.dataset.sent = "yes";
});
addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent;
});
// Passkeys: what the server asks is handed to the device, and its answer to the server.
const bytes = (text) =>
  Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
const words = (buffer) =>
  btoa(String.fromCharCode(...new Uint8Array(buffer)))
    .replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
const listed = (list) => (list || []).map((one) => ({ ...one, id: bytes(one.id) }));
const asked = (options) => ({
  ...options,
  challenge: bytes(options.challenge),
  allowCredentials: listed(options.allowCredentials),
  ...(options.user && { user: { ...options.user, id: bytes(options.user.id) } }),
  excludeCredentials: listed(options.excludeCredentials),
});
const told = (made) => {
  const response = {};
  for (const name of ["clientDataJSON", "attestationObject", "authenticatorData", "signature", "userHandle"])
    if (made.response[name]) response[name] = words(made.response[name]);
  return { id: made.id, rawId: words(made.rawId), type: made.type, response, clientExtensionResults: {} };
};
const send = async (address, body) => {
  const answer = await fetch(address, {
    method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body),
  });
  if (answer.ok) return answer.json();
  throw { said: { 400: "refused", 410: "gone", 422: "refused" }[answer.status] || "failed" };
};
const ask = async (form) => {
  const doors = form.dataset.passkey;
  const { ceremony, publicKey } = await send(`${doors}/assertion`, {});
  const credential = told(await navigator.credentials.get({ publicKey: asked(publicKey) }));
  const { session, refresh_token } = await send(`${doors}/sign-in`, { ceremony, credential });
  form.elements.proof.value = session || refresh_token;
  form.submit();
};
const enrol = async (form) => {
  const doors = form.dataset.enrolment;
  const enrolment = form.elements.enrolment.value.trim();
  const { ceremony, publicKey } = await send(`${doors}/registration`, { enrolment });
  const credential = told(await navigator.credentials.create({ publicKey: asked(publicKey) }));
  const name = form.elements.name.value;
  await send(`${doors}/passkeys`, { enrolment, ceremony, credential, name });
  form.hidden = true;
  document.querySelector("[data-done]").hidden = false;
};
const add = async (form) => {
  const publicKey = asked(JSON.parse(form.dataset.creation));
  form.elements.credential.value = JSON.stringify(told(await navigator.credentials.create({ publicKey })));
  form.submit();
};
const on = (form, act) => {
  const button = form.querySelector("button");
  const box = form.querySelector("[role=alert]");
  form.hidden = !window.PublicKeyCredential;
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    box.hidden = button.disabled = true;
    try {
      await act(form);
    } catch (error) {
      const name = error.said || { NotAllowedError: "cancelled", InvalidStateError: "known" }[error.name];
      for (const text of box.children) text.hidden = text.dataset.said !== (name || "failed");
      if (![...box.children].some((text) => !text.hidden)) box.querySelector("[data-said=failed]").hidden = false;
      box.hidden = false;
    }
    button.disabled = false;
  });
};
for (const form of document.querySelectorAll("form[data-passkey]")) on(form, ask);
for (const form of document.querySelectorAll("form[data-enrolment]")) on(form, enrol);
for (const form of document.querySelectorAll("form[data-creation]")) on(form, add);

"use strict";
// Was this line in the region's log? The same check as dmp-verify, done by the browser itself:
// RFC 9162 section 2.1.3 for the path, C2SP signed-note, checkpoint and tlog-proof for the texts,
// ECDSA with SHA-256 on P-256 by WebCrypto. Every text that does not fit ends in an error.
const check = (() => {
  const DASH = "\u2014", HASH_BYTES = 32, HALF = 32;
  const no = (why) => { throw new Error(why); };
  const utf8 = (text) => new TextEncoder().encode(text);
  const joined = (...parts) => {
    const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
    parts.reduce((at, part) => { all.set(part, at); return at + part.length; }, 0);
    return all;
  };
  const sha256 = async (bytes) => new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  const same = (a, b) => a.length === b.length && a.every((byte, i) => byte === b[i]);
  const number = (text) => (/^[0-9]{1,15}$/.test(text) ? Number(text) : no("not a number"));

  function decoded(text) {
    let binary;
    try { binary = atob(text); } catch { return no("not base64"); }
    if (btoa(binary) !== text) no("not base64");
    return Uint8Array.from(binary, (c) => c.charCodeAt(0));
  }

  const leafHash = (entry) => sha256(joined([0], entry));
  const node = (left, right) => sha256(joined([1], left, right));

  async function inclusion(index, size, leaf, path, root) {
    if ([leaf, root, ...path].some((hash) => hash.length !== HASH_BYTES)) no("not a hash");
    if (!(index >= 0 && index < size)) no("no such index");
    let fn = BigInt(index), sn = BigInt(size) - 1n, reached = leaf;
    for (const step of path) {
      if (sn === 0n) no("the proof is too long");
      if (fn & 1n || fn === sn) {
        reached = await node(step, reached);
        while (!(fn & 1n) && fn) { fn >>= 1n; sn >>= 1n; }
      } else {
        reached = await node(reached, step);
      }
      fn >>= 1n; sn >>= 1n;
    }
    if (sn) no("the proof is too short");
    if (!same(reached, root)) no("not in the log");
  }

  // SEQUENCE of two INTEGERs, as the key service signs, to the 64 bytes that WebCrypto takes.
  function raw(der) {
    let at = 0;
    const taken = (tag) => {
      if (der[at] !== tag || !(der[at + 1] < 128) || at + 2 + der[at + 1] > der.length) no("not DER");
      const found = der.subarray(at + 2, at + 2 + der[at + 1]);
      at += 2 + found.length;
      return found;
    };
    const whole = taken(0x30);
    if (at !== der.length) no("not DER");
    der = whole;
    at = 0;
    const halves = [taken(2), taken(2)].map((half) => {
      if (!half.length || half[0] > 127) no("not DER");
      if (half.length > 1 && half[0] === 0 && half[1] < 128) no("not DER");
      const bytes = half[0] === 0 ? half.subarray(1) : half;
      if (bytes.length > HALF) no("not DER");
      return joined(new Uint8Array(HALF - bytes.length), bytes);
    });
    if (at !== der.length) no("not DER");
    return joined(...halves);
  }

  async function checkpoint(note, pem) {
    const [body, ...rest] = note.split("\n\n");
    const lines = body.split("\n");
    if (!rest.length || lines.length < 3) no("not a checkpoint");
    const size = number(lines[1]);
    const inside = /^-----BEGIN PUBLIC KEY-----([\sA-Za-z0-9+/=]+)-----END PUBLIC KEY-----\s*$/.exec(pem);
    const spki = decoded((inside ? inside[1] : no("not a key")).replace(/\s/g, ""));
    const kind = { name: "ECDSA", namedCurve: "P-256" };
    const key = await crypto.subtle.importKey("spki", spki, kind, false, ["verify"]);
    const id = (await sha256(spki)).subarray(0, 4);
    for (const line of rest.join("\n\n").split("\n")) {
      const words = line.split(" ");
      if (words.length !== 3 || words[0] !== DASH || words[1] !== lines[0]) continue;
      const signed = decoded(words[2]);
      if (!same(signed.subarray(0, 4), id)) continue;
      const how = { name: "ECDSA", hash: "SHA-256" };
      if (!await crypto.subtle.verify(how, key, raw(signed.subarray(4)), utf8(`${body}\n`))) {
        no("the signature is false");
      }
      return { origin: lines[0], size, root: decoded(lines[2]) };
    }
    return no("not signed by this key");
  }

  async function verify(entry, proof, pem) {
    const cut = proof.indexOf("\n\n");
    if (cut < 0) no("not a proof");
    const lines = proof.slice(0, cut).split("\n").filter((line) => !line.startsWith("extra "));
    if (lines[0] !== "c2sp.org/tlog-proof@v1" || !/^index /.test(lines[1] || "")) no("not a proof");
    const index = number(lines[1].slice("index ".length));
    const signed = await checkpoint(proof.slice(cut + 2), pem);
    const path = lines.slice(2).filter((line) => line).map(decoded);
    await inclusion(index, signed.size, await leafHash(entry), path, signed.root);
    return { index, size: signed.size, origin: signed.origin };
  }

  return { verify, inclusion, raw, decoded };
})();

if (typeof document !== "undefined" && document.getElementById("check")) {
  const place = document.getElementById("check");
  const button = place.querySelector("button"), told = place.querySelector("p");
  const say = (text, kind) => { told.textContent = text; told.className = kind; };
  const fetched = async (address) => {
    const answer = await fetch(address, { cache: "no-store", redirect: "error" });
    if (answer.status === 404) throw new RangeError("early");
    if (!answer.ok) throw new TypeError("lost");
    return new Uint8Array(await answer.arrayBuffer());
  };
  const text = (bytes) => new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  place.hidden = false;
  button.addEventListener("click", async () => {
    if (!globalThis.crypto || !crypto.subtle) { say(place.dataset.old, "fails"); return; }
    button.disabled = true;
    say(place.dataset.busy, "");
    let files;
    try {
      files = await Promise.all(["entry", "proof", "key"].map((name) => fetched(place.dataset[name])));
    } catch (reason) {
      say(reason instanceof RangeError ? place.dataset.early : place.dataset.lost, "");
    }
    try {
      if (files) {
        const found = await check.verify(files[0], text(files[1]), text(files[2]));
        let words = place.dataset.holds;
        for (const [name, value] of Object.entries({ ...found, index: found.index + 1 })) {
          words = words.replace(`%${name}%`, () => value);
        }
        say(words, "holds");
      }
    } catch {
      say(place.dataset.fails, "fails");
    }
    button.disabled = false;
  });
}

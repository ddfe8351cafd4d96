/* Keeps the pages on the phone: the build's files by name, the document for when there is no signal. What
   people write and read is no business of this file; it never touches /api/. */
"use strict";

const CACHE = `phone-${"VERSION"}`;
const FILES = ["FILES"];
const DOCUMENT = "/m/";
const PATIENCE_MS = 4000;

self.addEventListener("install", (event) => {
  event.waitUntil(
    caches
      .open(CACHE)
      .then((cache) => cache.addAll([DOCUMENT, ...FILES.map((name) => DOCUMENT + name)]))
      .then(() => self.skipWaiting()),
  );
});

self.addEventListener("activate", (event) => {
  event.waitUntil(
    caches
      .keys()
      .then((names) => Promise.all(names.filter((name) => name !== CACHE).map((name) => caches.delete(name))))
      .then(() => self.clients.claim()),
  );
});

self.addEventListener("fetch", (event) => {
  const url = new URL(event.request.url);
  if (event.request.method !== "GET" || url.origin !== location.origin || !url.pathname.startsWith(DOCUMENT)) return;
  if (event.request.mode === "navigate") event.respondWith(page(event.request));
  else event.respondWith(file(event.request));
});

/** A page comes from the service while it answers in time; a link is sent on there as well. */
async function page(request) {
  const soon = new AbortController();
  const patience = setTimeout(() => soon.abort(), PATIENCE_MS);
  try {
    return await fetch(request, { signal: soon.signal });
  } catch {
    // Where a message's link leads is known to the service only; the first page shows what the phone has.
    if (!/^\/m\/(pages\/|$)/.test(new URL(request.url).pathname)) return Response.redirect(DOCUMENT);
    return (await caches.match(DOCUMENT)) ?? Response.error();
  } finally {
    clearTimeout(patience);
  }
}

async function file(request) {
  return (await caches.match(request)) ?? fetch(request);
}

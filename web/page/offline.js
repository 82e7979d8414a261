// Service worker: opens the page where no network answers. What the server gives comes first, so a new version of the
// page is never held back; the copy made here is for the rest.

const KEPT = "page";

self.addEventListener("install", (event) => event.waitUntil(keep()));
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));
self.addEventListener("fetch", (event) => {
  const { method, url } = event.request;
  if (method === "GET" && new URL(url).origin === self.location.origin) event.respondWith(answer(event.request));
});

async function keep() {
  // bundle.mjs puts in the page's files.
  const files = FILES.map((file) => new Request(file, { cache: "reload" }));
  await (await caches.open(KEPT)).addAll(files);
  await self.skipWaiting();
}

async function answer(request) {
  try {
    // File names say nothing of versions, so the server is asked whether its copy is still the one at hand.
    return await (request.mode === "navigate" ? fetch(request) : fetch(request, { cache: "no-cache" }));
  } catch (error) {
    const copy = await caches.match(request, { cacheName: KEPT, ignoreSearch: true });
    if (copy) return copy;
    throw error;
  }
}

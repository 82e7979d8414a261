// Service worker: opens the page where no network answers. What the server gives comes first, so a new version of the
// page is never held back; the copy made here is for the rest.

const KEPT = "page";
// Milliseconds in which a server begins to answer; some connections hang for minutes.
const PATIENCE = 5000;

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

// File names say nothing of versions, so the server is asked whether what the browser has at hand is still its own.
function anew(request) {
  try {
    return new Request(request, { cache: "no-cache" });
  } catch {
    // An older browser makes no other request of a navigation.
    return request;
  }
}

async function answer(request) {
  const asked = fetch(anew(request));
  const late = new Promise((resolve) => setTimeout(resolve, PATIENCE));
  const soon = await Promise.race([asked, late]).catch(() => undefined);
  // A server that fails says nothing of its files.
  if (soon && soon.status < 500) return soon;
  const copy = await caches.match(request, { cacheName: KEPT, ignoreSearch: true });
  return copy ?? asked;
}

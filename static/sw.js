// The service worker: keeps the app's shell, shows incoming calls as system notifications.
//
// The page itself comes from the network when that answers in time, else from the last copy.
// Files with a hash in their name never change, so a kept copy is as good as a fresh one; the few
// others are fetched anew whenever the page is. What the phone says to its server (/api, /sip)
// never passes through here.

const SHELL = "shell";
const PATIENCE = 3000;
const HASHED = /-[0-9a-f]{8,}(_bg)?\.(js|wasm|css)$/;
const PLAIN = ["/timer.js", "/manifest.webmanifest", "/icons/icon.svg"];

addEventListener("install", (event) => event.waitUntil(keepShell()));

addEventListener("activate", (event) => event.waitUntil(clients.claim()));

addEventListener("fetch", (event) => {
  const { request } = event;
  const url = new URL(request.url);
  if (request.method !== "GET" || url.origin !== location.origin) return;
  if (request.mode === "navigate" && url.pathname === "/") event.respondWith(page(event));
  else if (HASHED.test(url.pathname) || PLAIN.includes(url.pathname)) {
    event.respondWith(kept(request));
  }
});

// Keeps the page and all it refers to; what the page no longer refers to is let go.
async function keepShell(page) {
  page ??= await fetch("/", { cache: "no-store" });
  if (!page.ok || page.redirected) return;
  const text = await page.clone().text();
  const hashed = [...text.matchAll(/["'=](\/[^"'\s>]+)/g)]
    .map((match) => match[1])
    .filter((path) => HASHED.test(path));
  if (hashed.length === 0) return;
  const wanted = new Set([...hashed, ...PLAIN]);
  const cache = await caches.open(SHELL);
  const kept = new Set((await cache.keys()).map((request) => new URL(request.url).pathname));
  await cache.addAll([...wanted].filter((path) => !kept.has(path) || !HASHED.test(path)));
  // Last, so that a kept page never refers to a file that isn't kept.
  await cache.put("/", page);
  const gone = [...kept].filter((path) => path !== "/" && !wanted.has(path));
  await Promise.all(gone.map((path) => cache.delete(path)));
}

async function page(event) {
  const fresh = fetch(event.request);
  // Not awaited by the answer, but by the worker's lifetime; a network error is dealt with below.
  event.waitUntil(fresh.then((response) => keepShell(response.clone())).catch(() => {}));
  const tooLate = new Promise((resolve) => setTimeout(resolve, PATIENCE));
  const response = await Promise.race([fresh, tooLate]).catch(() => undefined);
  return response ?? (await caches.match("/")) ?? fresh;
}

async function kept(request) {
  return (await caches.match(request.url)) ?? fetch(request);
}

addEventListener("message", (event) => {
  if (event.data === "skip-waiting") skipWaiting();
  else if (event.data?.kind === "ring") event.waitUntil(ring(event.source, event.data));
  else if (event.data?.kind === "stop") event.waitUntil(stop(event.source, event.data));
});

const tagOf = (client, call) => `call-${client}-${call}`;

function ring(client, { call, title, body }) {
  return registration.showNotification(title, {
    body,
    tag: tagOf(client.id, call),
    icon: "/icons/icon-192.png",
    badge: "/icons/icon-192.png",
    requireInteraction: true,
    data: { client: client.id, call },
    actions: [
      { action: "answer", title: "Answer" },
      { action: "reject", title: "Reject" },
    ],
  });
}

async function stop(client, { call }) {
  const shown = await registration.getNotifications({ tag: tagOf(client.id, call) });
  for (const notification of shown) notification.close();
}

// A button hands its choice to the tab that rings; a click beside the buttons just shows the tab.
addEventListener("notificationclick", (event) => {
  event.notification.close();
  event.waitUntil(choose(event.notification.data, event.action));
});

async function choose({ client, call }, choice) {
  const tab = await clients.get(client);
  if (!tab) return;
  tab.postMessage({ choice, call });
  if (choice !== "reject") await tab.focus();
}

// Runs before the first paint, and before the app has loaded. What takes a while is begun here; the
// app finds it under `sidetone` (src/platform/early.rs).
{
  const kept = (storage, key) => {
    try {
      return globalThis[storage].getItem(key);
    } catch {
      return null; // Storage is blocked.
    }
  };

  // The theme the user chose, so that nothing flashes; the app writes the same key.
  const theme = kept("localStorage", "theme");
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;

  const done = (request) =>
    new Promise((resolve, reject) => {
      request.onsuccess = () => resolve(request.result);
      request.onerror = () => reject(request.error);
    });

  // The database of what is remembered.
  const vault = () => {
    const opening = indexedDB.open("sidetone", 1);
    opening.onupgradeneeded = () => opening.result.createObjectStore("vault");
    return done(opening).then((database) => {
      // Nothing of ours holds up a newer version in another tab.
      database.onversionchange = () => database.close();
      return database;
    });
  };

  // The sign-in that is remembered, as bytes; what it holds is the app's business.
  const signIn = async () => {
    const store = (await vault()).transaction("vault").objectStore("vault");
    const record = await done(store.get("sign-in"));
    if (!record) return undefined;
    return crypto.subtle.decrypt({ name: "AES-GCM", iv: record.iv }, record.key, record.cipher);
  };

  // Holds the lock `name` until the page is left; false if another tab has it. Where there are no
  // locks (a page over plain HTTP) every tab believes it is alone.
  const hold = (name) =>
    new Promise((told) => {
      const granted = (lock) => {
        told(lock !== null);
        // The lock is held until this promise is settled: never.
        return lock && new Promise(() => {});
      };
      if (!navigator.locks) told(true);
      else navigator.locks.request(name, { ifAvailable: true }, granted).catch(() => told(true));
    });

  // A question to the gateway. What refuses it is its status.
  const send = async ([path, method, body]) => {
    const headers = { "content-type": "application/json" };
    const keepalive = method === "DELETE"; // The page may be left.
    const signal = AbortSignal.timeout?.(15_000); // Who waits is told.
    const answer = await fetch("/api/v1/" + path, { method, headers, keepalive, signal, body: body && JSON.stringify(body) });
    if (!answer.ok) throw answer.status;
    return answer.status === 204 ? null : answer.json();
  };

  // Those about the session are put one after the other: who leaves must not take away what the next
  // one is given.
  let turn = Promise.resolve();
  const ask = (question) => {
    const next = () => send(question);
    return question[0] === "session" ? (turn = turn.then(next, next)) : next();
  };

  // What helps to find a way for sound, for who has signed in; asked for again before its credentials
  // expire.
  let again;
  const askIce = () =>
    ask(["ice-servers"])
      .then(
        ({ ice_servers, lifetime }) => {
          if (ice_servers.length) sidetone.ice = ice_servers;
          return lifetime * 500;
        },
        // Who is refused asks when signed in again.
        (why) => why !== 401 && 60_000,
      )
      .then((pause) => {
        clearTimeout(again);
        if (pause) again = setTimeout(askIce, pause);
      });

  // Who is remembered will be signed in: the connection to the server can be made meanwhile.
  const server = kept("localStorage", "connect-early");
  const tab = kept("sessionStorage", "instance");
  const orNothing = (promise) => promise.catch(() => undefined);
  globalThis.sidetone = {
    vault,
    hold,
    ask,
    askIce,
    socket: server ? new WebSocket(server, "sip") : undefined,
    signIn: orNothing(signIn()),
    about: orNothing(ask(["about"])),
    session: kept("localStorage", "session") ? orNothing(ask(["session"])) : undefined,
    tab: tab ? hold(tab) : undefined,
  };

  // The browser offers installation once, maybe before the app listens.
  addEventListener("beforeinstallprompt", (event) => {
    event.preventDefault();
    sidetone.install = event;
  });
}

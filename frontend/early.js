// Runs before the first paint, and before the app has loaded.
{
  const kept = (key) => {
    try {
      return localStorage.getItem(key);
    } catch {
      return null; // Storage is blocked.
    }
  };

  // The theme the user chose, so that nothing flashes; the app writes the same key.
  const theme = kept("theme");
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;

  // Who is remembered will be signed in: the connection to the server can be made meanwhile.
  const server = kept("connect-early");
  if (server) globalThis.sidetoneSocket = new WebSocket(server, "sip");

  // The browser offers installation once, maybe before the app listens; the app picks it up here.
  addEventListener("beforeinstallprompt", (event) => {
    event.preventDefault();
    globalThis.sidetoneInstall = event;
  });
}

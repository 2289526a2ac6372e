// Runs before the first paint, and before the app has loaded.
// The theme the user chose, so that nothing flashes; the app writes the same key.
try {
  const theme = localStorage.getItem("theme");
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
} catch {
  // Storage is blocked: the system's theme it is.
}
// The browser offers installation once, maybe before the app listens; the app picks it up here.
addEventListener("beforeinstallprompt", (event) => {
  event.preventDefault();
  globalThis.sidetoneInstall = event;
});

// Applies the chosen theme before the first paint; without a choice the system's preference holds.
(() => {
  "use strict";
  const root = document.documentElement;
  const read = () => { try { return localStorage.getItem("seamwatch.theme"); } catch { return null; } };
  const write = (theme) => { try { localStorage.setItem("seamwatch.theme", theme); } catch { /* private mode */ } };
  const systemIsDark = matchMedia("(prefers-color-scheme: dark)");
  const current = () => {
    const chosen = root.dataset.theme;
    return chosen === "light" || chosen === "dark" ? chosen : systemIsDark.matches ? "dark" : "light";
  };

  const stored = read();
  if (stored === "light" || stored === "dark") root.dataset.theme = stored;

  document.addEventListener("DOMContentLoaded", () => {
    const button = document.querySelector("[data-theme-toggle]");
    if (!button) return;
    const label = button.querySelector("[data-theme-label]");
    const describe = () => {
      const text = `Switch to the ${current() === "dark" ? "light" : "dark"} theme`;
      label.textContent = text;
      button.title = text;
    };
    button.hidden = false;
    button.addEventListener("click", () => {
      const next = current() === "dark" ? "light" : "dark";
      root.dataset.theme = next;
      write(next);
      describe();
    });
    systemIsDark.addEventListener("change", describe);
    describe();
  });
})();

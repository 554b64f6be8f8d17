// The switch between light and dark. Without it, a page looks as the system asks.
"use strict";
(() => {
  const key = "kvreplay-colours";
  const select = document.createElement("select");
  for (const [value, text] of [["light dark", "as the system"], ["light", "light"], ["dark", "dark"]]) {
    select.add(new Option(text, value));
  }
  const label = document.createElement("label");
  label.className = "theme";
  label.append("Colours ", select);
  document.body.prepend(label);
  select.addEventListener("change", () => {
    document.documentElement.style.colorScheme = select.value;
    try { localStorage.setItem(key, select.value); } catch { /* a browser that keeps nothing */ }
  });
  try { select.value = localStorage.getItem(key) ?? "light dark"; } catch { /* the same */ }
  document.documentElement.style.colorScheme = select.value;
})();

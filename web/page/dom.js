// Small helpers for the document.

export const $ = (id) => document.getElementById(id);

// An element with properties and children; text is text, never markup.
export function element(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.startsWith("aria-") || name.startsWith("data-") || name === "for") made.setAttribute(name, value);
    else made[name] = value;
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

// Puts new content into a place; a control with the name of the one that had the focus gets it.
export function replace(place, ...children) {
  const name = place.contains(document.activeElement) && document.activeElement.getAttribute("aria-label");
  place.replaceChildren(...children);
  if (name) [...place.querySelectorAll("[aria-label]")].find((control) => control.getAttribute("aria-label") === name)?.focus();
}

export function duration(seconds) {
  if (!Number.isFinite(seconds)) return "?";
  if (seconds < 1) return `${Math.max(0, seconds).toFixed(1)} s`;
  if (seconds < 90) return `${Math.round(seconds)} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  return `${(seconds / 3600).toFixed(1)} h`;
}

export function bytes(count) {
  return count < 2 ** 30 ? `${Math.max(1, Math.round(count / 2 ** 20))} MB` : `${(count / 2 ** 30).toFixed(1)} GB`;
}

export function when(milliseconds) {
  return new Date(milliseconds).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" });
}

// Lets a file of the page be saved, or not.
export function enable(file, on = true) {
  document.querySelector(`[data-file=${file}]`).disabled = !on;
}

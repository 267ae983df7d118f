// Small ways to reach and build elements. Text only ever goes in as text, so names of files cannot become markup.

export const $ = (id) => document.getElementById(id);

/** An element with properties, attributes (names with a dash or `role`), and children. */
export function el(name, properties = {}, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (value === undefined || value === null) continue;
    if (key.includes("-") || key === "role" || key === "scope") node.setAttribute(key, value);
    else node[key] = value;
  }
  node.append(...children.filter((child) => child !== null));
  return node;
}

export function button(text, properties, pressed) {
  const node = el("button", { type: "button", textContent: text, ...properties });
  node.addEventListener("click", pressed);
  return node;
}

/** Do what draws controls anew, and give the focus back to the one of the same id. */
export async function keepingFocus(draw) {
  const id = document.activeElement?.id;
  await draw();
  if (id && document.activeElement === document.body) $(id)?.focus({ preventScroll: true });
}

export function percent(x) {
  return `${Math.round(100 * x)} %`;
}

export function clock(seconds) {
  const s = Math.max(0, Math.round(seconds));
  return `${Math.floor(s / 60)}:${String(s % 60).padStart(2, "0")}`;
}

export function moment(iso) {
  return new Date(iso).toLocaleString([], { dateStyle: "medium", timeStyle: "short" });
}

/** 1 → "1 bar", 2 → "2 bars". */
export function counted(n, noun) {
  return `${n} ${noun}${n === 1 ? "" : "s"}`;
}

/** +1.5, −2, 0: with a sign, and no more decimals than it has. */
export function signed(x, decimals = 1) {
  const rounded = Number(x.toFixed(decimals));
  return rounded > 0 ? `+${rounded}` : rounded < 0 ? `−${-rounded}` : "0";
}

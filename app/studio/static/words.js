// What was done to a sound, step by step, in a producer's words.
import { signed } from "./dom.js";

const CENTS = 100; // in a semitone
const SHORTEST_TOLD_MS = 1000; // lengths from here on are told in seconds

const hz = (x) => (x >= 1000 ? `${Number((x / 1000).toFixed(1))} kHz` : `${Math.round(x)} Hz`);
const ms = (x) => (x >= SHORTEST_TOLD_MS ? `${(x / 1000).toFixed(1)} s` : `${Math.round(x)} ms`);

function pitch({ semitones = 0, tuned_cents: cents = 0, key }) {
  const tuned = cents / CENTS;
  const home = key === undefined ? "" : ` to ${key}`;
  const moved = semitones - tuned;
  const parts = [];
  if (Math.abs(moved) >= 0.05) parts.push(`${moved > 0 ? "up" : "down"} ${Number(Math.abs(moved).toFixed(1))} semitones`);
  if (cents) parts.push(`tuned ${signed(tuned)} semitones${home}`);
  return parts.join(", ") || "tuned";
}

const WORDS = {
  lead: (s) => `starts at most ${ms(s.ms)} early`,
  pitch,
  high_pass: (s) => `nothing under ${hz(s.hz)}`,
  low_shelf: (s) => `lows lifted under ${hz(s.hz)}`,
  gate: () => "noise gated",
  decay: (s) => (s.fill_db === undefined ? ms(s.ms) : `lengthened to ${ms(s.ms)}`),
  sub: (s) => `sub layer ${hz(s.hz)}`,
  sine: (s) => `sine layer ${Math.round(s.from_hz)} to ${hz(s.to_hz)}`,
  transient: (s) => `attack ${signed(s.db)} dB`,
  noise: (s) => `noise layer ${hz(s.low_hz)} to ${hz(s.high_hz)}`,
  onset: (s) => `attack within ${ms(s.rise_ms)}`,
  air: (s) => `air above ${hz(s.above_hz)}`,
  high_shelf: (s) => `highs lifted above ${hz(s.hz)}`,
  even: () => "level evened out",
  loop: (s) => `looped over ${ms(s.cross_ms)}`,
};
const LENGTHS = { closed: "closed", open: "open", ring: "ringing", low: "low", mid: "middle", high: "high" };

/** A step that this page does not know yet: its name and its numbers with their units. */
function unknown(step) {
  const numbers = Object.entries(step).filter(([name, value]) => typeof value === "number");
  const told = numbers.map(([name, value]) => (name === "hz" || name.endsWith("_hz") ? hz(value) : name === "ms" || name.endsWith("_ms") ? ms(value) : null));
  return [step.step.replaceAll("_", " "), ...told.filter(Boolean)].join(" ");
}

function told(step) {
  const word = WORDS[step.step];
  return word ? word(step) : unknown(step);
}

/** The steps of one role as groups, `[{title, steps: [text]}]`: what all versions share (no title), then each version. */
export function done(processing, role) {
  const mine = processing.filter((step) => step.role === role);
  const variants = [null, ...new Set(mine.map((step) => step.variant).filter(Boolean))];
  return variants
    .map((variant) => {
      const steps = mine.filter((step) => (step.variant ?? null) === variant || (variant === null && step.variant === ""));
      const plain = variant === null ? (step) => (step.step === "decay" && step.fill_db === undefined ? `decay ${told(step)}` : told(step)) : told;
      return { title: LENGTHS[variant] ?? variant ?? "", steps: steps.map(plain) };
    })
    .filter((group) => group.steps.length);
}

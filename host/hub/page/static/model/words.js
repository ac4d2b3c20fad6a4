// Numbers and moments as a person reads them.

const STEPS = [[60_000, 1000, "s"], [3_600_000, 60_000, "min"], [86_400_000, 3_600_000, "h"], [Infinity, 86_400_000, "d"]];

// Milliseconds that have passed: "just now", "3 min ago".
export function ago(ms) {
  if (ms < 5000) return "just now";
  const [, unit, name] = STEPS.find(([below]) => ms < below);
  return `${Math.floor(ms / unit)} ${name} ago`;
}

// A number with as many digits as say something.
export function plain(value) {
  if (!Number.isFinite(value)) return String(value);
  if (Number.isInteger(value)) return String(value);
  return String(Number(value.toPrecision(5)));
}

// Names of DTDL version 2, "Semantic types and units"; others are shown as they are.
const SIGNS = {
  degreeCelsius: "°C", degreeFahrenheit: "°F", kelvin: "K", percent: "%", volt: "V", millivolt: "mV", ampere: "A",
  milliampere: "mA", watt: "W", kilowatt: "kW", kilowattHour: "kWh", second: "s", millisecond: "ms", minute: "min",
  hour: "h", metre: "m", centimetre: "cm", millimetre: "mm", metrePerSecond: "m/s", lux: "lx", lumen: "lm", hertz: "Hz",
  pascal: "Pa", kilopascal: "kPa", bar: "bar", millibar: "mbar", gram: "g", kilogram: "kg", litre: "l", byte: "B",
  kibibyte: "KiB", mebibyte: "MiB", decibel: "dB", decibelMilliwatts: "dBm", partsPerMillion: "ppm",
  revolutionPerMinute: "rpm", degreeOfArc: "°", joule: "J", newton: "N", ohm: "Ω",
};

export const sign = (unit) => SIGNS[unit] ?? unit ?? "";

export const withUnit = (value, unit) => (unit ? `${plain(value)} ${sign(unit)}` : plain(value));
